// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error), .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A stage: knows the vocabularies it names and libraries, never another stage.
func stage(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

/// An executable; its commands are one file each. Nothing loads it as a library: a table of all its
/// symbols would cost each host 1.6 MB of memory.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict,
        linkerSettings: [
            .unsafeFlags(["-Xlinker", "--no-export-dynamic"], .when(configuration: .release))
        ])
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude, resources: resources,
        swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let nioTLS: [Target.Dependency] = [
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]

let package = Package(
    name: "jouleflow",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Vocabularies: the only targets that stages share.
        stage("Metering"),
        stage("Traffic", ["Metering"]),
        stage("Assessment", ["Metering"]),

        // Libraries: small, and of no stage.
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CIntrinsics"),
        .target(name: "CLinux"),
        stage("KernelFiles"),
        stage("CRC32C"),
        stage("CSV"),
        stage("Chain", [crypto]),
        stage("TransportSecurity", [logging] + nio + nioTLS),
        stage("CertificateAuthority", [crypto] + certificates),
        stage("JournalLog", [logging]),
        stage("ServiceManager", ["CLinux"]),
        stage("Prometheus", [nioHTTP1] + nio),
        stage("CommandLines", ["CLinux", "Metering", argumentParser]),

        // Stages of the agent, in the order of the flow.
        stage("Settings", ["Metering", "Traffic", "Assessment", "CYAML"]),
        stage("EnergySources", ["Metering", "KernelFiles"]),
        stage("Processes", ["Metering", "KernelFiles", "CLinux"]),
        stage("Capture", ["Metering", "Traffic", "CLinux", "CPcap", "CZlib"]),
        stage("Transactions", ["Metering", "Traffic", "CIntrinsics", "CZlib"]),
        stage("Scenarios", ["Metering", "Traffic", crypto]),
        stage("Attribution", ["Metering", "Traffic"]),
        stage("Records", ["Metering", "CRC32C", protobuf, crypto]),
        stage("Spool", ["Metering", "CRC32C", "Chain"]),
        stage("Wire", ["CRC32C", "CZlib", protobuf]),

        // Stages of the collector.
        stage("Bundle", ["Metering", "Assessment", crypto]),
        stage("Store", ["Metering", "Assessment", "Chain", "CRC32C", crypto, grdb]),
        stage("Imports", ["Metering", "Assessment", "CSV"]),
        stage("Rounds", ["Metering", "Assessment"]),
        stage("SCI", ["Metering", "Assessment", "CSV"], resources: [.embedInCode("factors.csv")]),
        stage("Weights", ["Metering", "Assessment", "CSV"]),
        stage("Report", ["Metering"]),

        // The wiring: the only places that know the order.
        stage(
            "Agent",
            [
                "CLinux", "KernelFiles", "Metering", "Traffic", "Settings", "EnergySources",
                "Processes", "Capture",
                "Transactions", "Scenarios", "Attribution", "Records", "Spool", "Wire", "CRC32C",
                "Chain", "Prometheus", "TransportSecurity", logging, crypto, protobuf,
            ] + nio),

        stage(
            "Collector",
            [
                "Metering", "Assessment", "Records", "Wire", "Store", "Rounds", "SCI", "Report",
                "Weights", "Bundle", "Imports", "Chain", "Prometheus", "TransportSecurity",
                "ServiceManager", crypto, logging, lifecycle,
            ] + nio),

        // Command lines: one file per subcommand.
        program(
            "jouleflow-agent",
            [
                "Agent", "EnergySources", "Settings", "JournalLog", "CommandLines", "Metering",
                "ServiceManager", argumentParser, logging, lifecycle, unixSignals,
            ]),
        program(
            "jouleflow-collector",
            [
                "Collector", "Settings", "JournalLog", "Store", "SCI", "Report", "Metering",
                "Rounds", "Assessment", "Bundle", "Imports", "Chain", "CommandLines",
                "TransportSecurity", "CertificateAuthority", "ServiceManager", "Weights",
                argumentParser, crypto, logging, lifecycle, unixSignals,
            ]),

        // The lab: development only, never packaged.
        .target(name: "CLab"),
        stage("Lab", ["CLab", "Metering", nioHTTP1] + nio),
        program(
            "jouleflow-lab",
            [
                "Lab", "EnergySources", "Processes", "Metering", "CAllocationCounter",
                "Chain", "Records", "Wire", "Store", "Weights", "SyntheticLoad", "Attribution",
                "Spool", "Assessment", argumentParser,
            ]),

        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(
            name: "LogDiary", dependencies: [logging], path: "Tests/LogDiary",
            swiftSettings: strict),
        .target(
            name: "SyntheticLoad", dependencies: ["Metering", "Weights"],
            path: "Tests/SyntheticLoad", swiftSettings: strict),
        tests("MeteringTests", ["Metering"]),
        tests(
            "SettingsTests", ["Settings", "Metering", "Traffic", "Assessment"],
            resources: [.copy("Errors")]),
        tests("KernelFilesTests", ["KernelFiles", "CAllocationCounter"]),
        tests(
            "EnergySourcesTests", ["EnergySources", "Metering", "CAllocationCounter", "CLinux"]),
        tests("ProcessesTests", ["Processes", "Metering", "CAllocationCounter"]),
        tests(
            "CaptureTests",
            ["Capture", "Traffic", "Metering", "CPcap", "CZlib", "CAllocationCounter"]),
        tests(
            "TransactionsTests",
            ["Transactions", "Traffic", "Metering", "CIntrinsics", "CZlib", "CAllocationCounter"]),
        tests(
            "ScenariosTests",
            ["Scenarios", "Traffic", "Metering", "CAllocationCounter", crypto]),
        tests(
            "AgentTests",
            [
                "Agent", "EnergySources", "Settings", "Scenarios", "Traffic", "Metering",
                "Transactions", "Capture", "Processes", "Spool", "Records",
                "CAllocationCounter", logging,
            ]),
        tests("AttributionTests", ["Attribution", "Metering", "Traffic", "CAllocationCounter"]),
        tests("CRC32CTests", ["CRC32C"]),
        tests("ChainTests", ["Chain", crypto]),
        tests("RecordsTests", ["Records", "Metering", "CRC32C"]),
        tests("SpoolTests", ["Spool", "Metering", "Chain"]),
        tests("WireTests", ["Wire", "CRC32C"]),
        tests("AssessmentTests", ["Assessment", "Metering"]),
        tests("CSVTests", ["CSV"]),
        tests("ImportsTests", ["Imports", "Metering", "Assessment"]),
        tests("BundleTests", ["Bundle", "Assessment", "Metering"]),
        tests("StoreTests", ["Store", "Metering", "Assessment", "Chain", crypto, grdb]),
        tests("RoundsTests", ["Rounds", "Metering", "Assessment"]),
        tests("SCITests", ["SCI", "Metering", "Assessment"]),
        tests("WeightsTests", ["Weights", "Metering", "Assessment", "SyntheticLoad"]),
        tests("ReportTests", ["Report", "Metering"]),
        tests("JournalLogTests", ["JournalLog", logging]),
        tests("ServiceManagerTests", ["ServiceManager"]),
        tests("PrometheusTests", ["Prometheus"] + nio),
        tests(
            "TransportSecurityTests",
            ["TransportSecurity", "CertificateAuthority", "LogDiary"] + nio + nioTLS),
        tests("CertificateAuthorityTests", ["CertificateAuthority"]),
        tests(
            "CollectorTests",
            [
                "Collector", "Metering", "Records", "Wire", "Store", "Rounds", "SCI", "Report",
                "Chain", "TransportSecurity", "CertificateAuthority", "jouleflow-collector",
                "LogDiary", "Assessment", "Bundle", "Imports", "Weights", "CRC32C",
                grdb, crypto, logging, lifecycle,
            ] + nio),
        // A fleet of the lab: the agent's parts on simulated hosts, and a collector that reports.
        tests(
            "FleetTests",
            [
                "Agent", "Collector", "Lab", "Metering", "Settings", "Traffic", "Capture",
                "Processes", "Scenarios", "Spool", "Store", "SCI", "Report", "Assessment", "Bundle",
                "Imports", "Transactions",
                crypto, logging,
            ] + nio,
            exclude: ["fleet_energy.py", "fleet_flows.py", "fleet_play.py", "fleet_truth.py"]),
        // The programs as a whole, with real parts; the folder of the programs in JOULEFLOW_BIN.
        tests("SystemTests"),
        tests(
            "LabTests",
            ["Lab", "Metering", "Weights", "jouleflow-lab", nioHTTP1, argumentParser] + nio),
    ],
    swiftLanguageModes: [.v6]
)
