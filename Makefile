# Everything a newcomer needs: `make demo` shows the whole job, `make test` proves it.

SECONDS = 60
MINUTES = 30
RELEASE = scripts/release

.PHONY: help build demo bench accuracy soak chaos test fuzz format lint clean
.PHONY: packaged deb rpm test-install test-kernel test-kubernetes test-ansible

help:
	@echo 'make build    build the three programs in release, with the Swift library inside'
	@echo 'make demo     install what is missing, build, and show the whole job: 60 s of load,'
	@echo '              or make demo SECONDS=15; the result is also in out/demo.json'
	@echo 'make bench    install what is missing, build, and measure what the agent costs beside other'
	@echo '              programs; also in out/bench.json'
	@echo 'make accuracy install what is missing, build, and compare the joules per flow of every model with a'
	@echo '              truth that is known, in about half an hour; needs the right to capture; also in'
	@echo '              out/accuracy.json'
	@echo 'make soak     install what is missing, build, and let the agent count live traffic for half an'
	@echo '              hour, or make soak MINUTES=3: memory must stay flat; also in out/soak.json'
	@echo 'make chaos    install what is missing, build, and break agents, collectors, disks, clocks and'
	@echo '              the network between them: no record may be lost; at most an hour, needs root;'
	@echo '              also in out/chaos.json'
	@echo 'make deb      install what is missing, build, and make the Debian packages of agent and collector,'
	@echo '              in .build/packages/out; make rpm makes those of rpm'
	@echo 'make test-install  make deb, then install, use, upgrade and purge the packages in a container of'
	@echo '              Debian 12; needs root'
	@echo 'make test-kernel   make deb, then let the agent read energy counters of a kernel module on a'
	@echo '              machine of qemu; needs root'
	@echo 'make test-kubernetes  install what is missing, build, and let the agent read a simulated node through'
	@echo '              the mounts of the example for Kubernetes; needs root'
	@echo 'make test-ansible  install what is missing, build, and hold the example for Ansible to the programs'
	@echo 'make test     install what is missing, build, and run every test'
	@echo 'make fuzz     fuzz the parsers, each for 60 s, or make fuzz SECONDS=600; in out/fuzz.json'
	@echo 'make format   rewrite the sources in the format of .swift-format'
	@echo 'make lint     check the format, and what the formatter cannot check'
	@echo 'make clean    remove what was built'

build:
	scripts/install-dependencies --demo
	$(RELEASE)

# exec: the demonstration itself gets the signals and gives the exit status.
demo:
	scripts/install-dependencies --demo
	$(RELEASE)
	bin=$$($(RELEASE) --show-bin-path) && \
	exec "$$bin/jouleflow-lab" demo --bin "$$bin" --seconds $(SECONDS) --out out/demo.json

# The package is weighed.
bench: deb
	scripts/install-dependencies --bench
	bin=$$($(RELEASE) --show-bin-path) && \
	exec Benchmarks/bench --bin "$$bin" --out out/bench.json

accuracy:
	scripts/install-dependencies --demo
	$(RELEASE)
	bin=$$($(RELEASE) --show-bin-path) && \
	exec Benchmarks/accuracy --bin "$$bin" --out out/accuracy.json

soak:
	scripts/install-dependencies --bench
	$(RELEASE)
	bin=$$($(RELEASE) --show-bin-path) && \
	exec Benchmarks/soak --bin "$$bin" --minutes $(MINUTES) --out out/soak.json

# exec: at a signal it removes its namespaces and file systems before it ends.
chaos:
	scripts/install-dependencies --chaos
	$(RELEASE)
	bin=$$($(RELEASE) --show-bin-path) && \
	exec Chaos/chaos --bin "$$bin" --out out/chaos.json

packaged:
	scripts/install-dependencies --packages
	$(RELEASE)

deb rpm: packaged
	packaging/build $@ --bin "$$($(RELEASE) --show-bin-path)"

# The lab plays the energy counters of the container.
test-install: deb
	packaging/test-install --lab "$$($(RELEASE) --show-bin-path)/jouleflow-lab"

test-kernel: deb
	scripts/install-dependencies --kernel
	packaging/test-kernel

test-kubernetes test-ansible:
	scripts/install-dependencies --deploy
	$(RELEASE)
	packaging/$@ --bin "$$($(RELEASE) --show-bin-path)"

# Each run ends with what failed: scripts/test.
# A few tests at a time: with all at once those that talk to servers wait for others, and not for their peers.
# The system tests run the release programs in real time, apart from the others: first those that mostly
# wait, two at a time, then those that load the machine or measure, alone.
test:
	scripts/install-dependencies --test
	$(RELEASE)
	scripts/check-agent "$$($(RELEASE) --show-bin-path)/jouleflow-agent"
	swift build --build-tests $(TEST_BUILD_FLAGS)
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 scripts/test --skip-build --skip '^SystemTests\.'
	bin=$$($(RELEASE) --show-bin-path) && export JOULEFLOW_BIN="$$bin" && \
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=2 \
		scripts/test --skip-build --filter '^SystemTests\.SideBySideTests/' && \
	exec scripts/test --skip-build --no-parallel --filter '^SystemTests\.' \
		--skip '^SystemTests\.SideBySideTests/'

# Needs the fuzzer of the Swift toolchain; parsers in Fuzz/.
fuzz:
	scripts/fuzz --seconds $(SECONDS)

format:
	swift format --in-place --recursive Package.swift Sources Tests Fuzz

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Fuzz
	scripts/tidy --self-test
	scripts/tidy
	scripts/test --self-test
	scripts/check-agent --self-test
	Benchmarks/accuracy --self-test

clean:
	swift package clean
	rm -rf out
