#define _GNU_SOURCE
#include "CLab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/// More children than the demonstration ever starts. What does not fit is not guarded.
enum { children_max = 64 };

static void signal_all(const int32_t *children, int count, int signal) {
    for (int i = 0; i < count; i++) {
        if (children[i] > 1) kill(-children[i], signal);
    }
}

static int any_left(const int32_t *children, int count) {
    for (int i = 0; i < count; i++) {
        if (children[i] > 1 && kill(-children[i], 0) == 0) return 1;
    }
    return 0;
}

static void forget(int32_t *children, int *count, int32_t pid) {
    for (int i = 0; i < *count; i++) {
        if (children[i] == pid) {
            children[i] = children[--*count];
            return;
        }
    }
}

/// Runs between fork and exit of a process that had threads: async-signal-safe calls only.
static void guard(int input) {
    int32_t children[children_max];
    int count = 0;
    int32_t message;
    for (;;) {
        ssize_t got = read(input, &message, sizeof message);
        if (got < 0 && errno == EINTR) continue;
        if (got != (ssize_t)sizeof message) break;
        if (message < 0) forget(children, &count, -message);
        else if (count < children_max) children[count++] = message;
    }
    signal_all(children, count, SIGTERM);
    struct timespec step = {0, 50 * 1000 * 1000};
    for (int i = 0; i < 40 && any_left(children, count); i++) nanosleep(&step, 0);
    signal_all(children, count, SIGKILL);
    _exit(0);
}

pid_t clab_guard_start(int *pipe_out) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    pid_t pid = fork();
    if (pid < 0) {
        int reason = errno;
        close(ends[0]);
        close(ends[1]);
        errno = reason;
        return -1;
    }
    if (pid == 0) {
        // A session of its own: Ctrl-C at the terminal is for the demonstration, not for its guard.
        setsid();
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, 0);
        // The standard descriptors are let go: a reader of the caller's output must not wait for
        // the guard.
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; null >= 0 && fd < 3; fd++) dup2(null, fd);
        close(ends[1]);
        guard(ends[0]);
    }
    close(ends[0]);
    *pipe_out = ends[1];
    return pid;
}

long clab_file_capability(const char *path, uint8_t *value, unsigned long size) {
    return getxattr(path, "security.capability", value, size);
}

enum { ledger_slots = 8 };

struct clab_ledger {
    _Atomic uint64_t used[ledger_slots];
};

clab_ledger *clab_ledger_open(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return 0;
    void *map = MAP_FAILED;
    if (ftruncate(file, sizeof(clab_ledger)) == 0) {
        map = mmap(0, sizeof(clab_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    int reason = errno;
    close(file);
    errno = reason;
    return map == MAP_FAILED ? 0 : map;
}

static _Thread_local uint64_t told;

uint64_t clab_ledger_told(void) { return told; }

void clab_ledger_add(clab_ledger *ledger, int slot) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    uint64_t used = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    atomic_fetch_add_explicit(&ledger->used[slot & (ledger_slots - 1)], used - told,
                              memory_order_relaxed);
    told = used;
}

uint64_t clab_ledger_read(clab_ledger *ledger, int slot) {
    return atomic_load_explicit(&ledger->used[slot & (ledger_slots - 1)], memory_order_relaxed);
}
