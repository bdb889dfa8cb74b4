// swift-tools-version: 6.2
// Licensed under the Apache License, Version 2.0. See LICENSE.
import PackageDescription

/// Warnings are errors on everything of ours; Swift 6 language mode is the tools version's default.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "incremental-fs",
    products: [
        .library(name: "IncrementalFS", targets: ["IncrementalFS"]),
        .executable(name: "incfs", targets: ["incfs"]),
        .executable(name: "incfsd", targets: ["incfsd"]),
        .executable(name: "incfs-keeper", targets: ["incfs-keeper"]),
        .executable(name: "incfs-origin", targets: ["incfs-origin"]),
        .executable(name: "incfs-contractd", targets: ["incfs-contractd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
    ],
    targets: [
        // Shims.
        .target(name: "CLinux"),
        .target(name: "CSignature", linkerSettings: [.linkedLibrary("crypto")]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),

        // Data plane: synchronous, no Foundation, nothing of the control plane.
        room("LinuxSystem", ["CLinux", system]),
        room("FUSEProtocol"),
        room("FUSESession", ["FUSEProtocol", "LinuxSystem"]),
        room("FUSEMount", ["LinuxSystem"]),
        room("KeeperLink", ["LinuxSystem"]),
        .target(name: "CSHA256"),
        room("Integrity", ["CCrypto", "CSHA256"]),
        room("BlockCodec", ["CLZ4", "CZstd"]),
        room("PackageFormat", ["Integrity", "BlockCodec"]),
        room("BlockStore", ["LinuxSystem", "Integrity", system]),
        room("VolumeCore", ["BlockStore", "PackageFormat", "BlockCodec", "Integrity", "LinuxSystem", collections]),
        room("VolumeFUSE", ["VolumeCore", "FUSESession", "FUSEProtocol", "LinuxSystem"]),
        room("ContractVolume", ["LinuxSystem", "Integrity", "BlockCodec", system, heap]),
        // The strict reader of backing directories: shares nothing with what writes them.
        room("BackingCheck", ["LinuxSystem", "Integrity", "BlockCodec"]),
        // The volume that is one file.
        room("ImageFormat", ["LinuxSystem", "BlockCodec"]),
        room("ContractFUSE", ["ContractVolume", "ImageFormat", "CSignature", "FUSESession", "FUSEProtocol", "LinuxSystem", heap]),

        // How the daemon of a contract mount is found and asked.
        room("ContractControl", ["LinuxSystem"]),

        // Publishing.
        room("PackagePublisher", ["PackageFormat", "BlockCodec", "Integrity", "LinuxSystem"]),

        // Control plane.
        room("BlockLoading", ["VolumeCore", "LinuxSystem", collections]),
        room("FileSource", ["BlockLoading", "LinuxSystem", collections, system]),
        room("HTTPSource", [
            "BlockLoading", "LinuxSystem", system,
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ]),
        room("ControlAPI", ["LinuxSystem"]),
        // For loaders in other programs: the published interface from outside, in C and over it in Swift.
        .target(name: "CIncrementalFS"),
        room("DataLoader", ["CIncrementalFS", "LinuxSystem", system]),
        room("IncrementalFS", [
            "DataLoader",
            "VolumeFUSE", "VolumeCore", "BlockStore", "BlockLoading", "FileSource", "HTTPSource", "PackageFormat", "Integrity", "FUSESession",
            "FUSEProtocol", "LinuxSystem",
        ]),

        // Executables.
        .executableTarget(name: "incfs-keeper", dependencies: ["FUSEMount", "KeeperLink", "LinuxSystem"], swiftSettings: strict),
        .executableTarget(name: "incfsd", dependencies: ["IncrementalFS", "KeeperLink", "FUSESession", "BlockLoading", "BlockStore", "VolumeCore", "PackageFormat", "Integrity", "ControlAPI", "HTTPSource", "LinuxSystem", logging], swiftSettings: strict),
        .executableTarget(name: "incfs", dependencies: ["BackingCheck", "ContractControl", "FUSEMount", "ImageFormat", "CLZ4", "ControlAPI", "PackagePublisher", "PackageFormat", "LinuxSystem", arguments], swiftSettings: strict),
        .executableTarget(
            name: "incfs-origin",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                "LinuxSystem", logging, arguments,
            ],
            swiftSettings: strict),

        .executableTarget(name: "incfs-contractd", dependencies: ["ContractControl", "ContractFUSE", "ContractVolume", "ImageFormat", "FUSESession", "FUSEProtocol", "FUSEMount", "LinuxSystem"], swiftSettings: strict),

        // Measurements.
        .target(name: "ProcessAllocations", path: "Benchmarks/ProcessAllocations"),
        .executableTarget(
            name: "benchmark-allocations",
            dependencies: ["VolumeFUSE", "VolumeCore", "FUSESession", "FUSEProtocol", "BlockStore", "PackageFormat", "PackagePublisher", "LinuxSystem", "ProcessAllocations"],
            path: "Benchmarks/Allocations", swiftSettings: strict),

        .executableTarget(
            name: "incfs-fuzz",
            dependencies: [
                "PackageFormat", "PackagePublisher", "FUSEProtocol", "FUSESession", "ControlAPI", "KeeperLink", "BlockStore", "ImageFormat", "Integrity", "LinuxSystem",
                "ContractTesting",
            ],
            path: "Fuzz/Sources", swiftSettings: strict),

        // Complete loaders to learn from.
        .executableTarget(name: "incfs-sample-loader", dependencies: ["CIncrementalFS"], path: "Examples/CLoader"),
        .executableTarget(name: "incfs-sample-loader-swift", dependencies: ["DataLoader", "LinuxSystem", system], path: "Examples/SwiftLoader", swiftSettings: strict),

        // Tests, mirroring the targets.
        tests("FUSEProtocolTests", ["FUSEProtocol"]),
        tests("FUSESessionTests", ["FUSESession", "FUSEProtocol", "LinuxSystem"]),
        tests("BlockLoadingTests", ["BlockLoading", "VolumeCore", "LinuxSystem", "HTTPSource", "TestOrigins"]),
        tests("FileSourceTests", ["FileSource", "BlockLoading", "LinuxSystem"]),
        tests("HTTPSourceTests", ["HTTPSource", "BlockLoading", "TestOrigins", "LinuxSystem", .product(name: "NIOCore", package: "swift-nio")]),
        .target(name: "TestOrigins", dependencies: ["LinuxSystem"], path: "Tests/TestOrigins", swiftSettings: strict),
        tests("DataLoaderTests", ["DataLoader"]),
        tests("ControlAPITests", ["ControlAPI", "LinuxSystem"]),
        tests("CommandLineTests", ["incfs", "incfs-origin", "ContractVolume", "ControlAPI", "FUSEMount", "LinuxSystem"]),
        tests("ContractControlTests", ["ContractControl", "LinuxSystem"]),
        tests("LinuxSystemTests", ["LinuxSystem"]),
        tests("IntegrityTests", ["Integrity", "CSHA256", "CCrypto"]),
        tests("BlockCodecTests", ["BlockCodec", "CZstd"]),
        tests("PackageFormatTests", ["PackageFormat", "BlockCodec", "Integrity"]),
        tests("PackagePublisherTests", ["PackagePublisher", "CLinux", "PackageFormat", "BlockCodec", "Integrity", "LinuxSystem"]),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .target(name: "PageCacheTesting", dependencies: ["LinuxSystem"], path: "Tests/PageCacheTesting"),
        .target(name: "AllocationTesting", dependencies: ["AllocationCounter"], path: "Tests/AllocationTesting"),
        tests("BlockStoreTests", ["BlockStore", "Integrity", "LinuxSystem", "CLinux", "AllocationTesting", "PageCacheTesting"]),
        tests("VolumeCoreTests", ["VolumeCore", "BlockStore", "LinuxSystem", "VolumeTesting", "AllocationTesting"]),
        tests("VolumeFUSETests", ["VolumeFUSE", "VolumeCore", "FUSESession", "FUSEProtocol", "LinuxSystem", "VolumeTesting"]),
        tests("HostileTests", ["IncrementalFS", "VolumeCore", "BlockStore", "BlockLoading", "BlockCodec", "PackageFormat", "Integrity", "LinuxSystem", "VolumeTesting"]),
        tests("IncrementalFSTests", ["IncrementalFS", "VolumeCore", "BlockStore", "BlockLoading", "HTTPSource", "FUSESession", "FUSEProtocol", "PackageFormat", "Integrity", "LinuxSystem", "VolumeTesting"]),
        .target(
            name: "VolumeTesting", dependencies: ["PageCacheTesting", "VolumeCore", "BlockStore", "PackageFormat", "PackagePublisher", "Integrity", "LinuxSystem"],
            path: "Tests/VolumeTesting", swiftSettings: strict),
        tests("ContractVolumeTests", ["ContractVolume", "ContractTesting", "BackingCheck", "WriteRecorder", "AllocationTesting", "CLZ4", "Integrity", "LinuxSystem"]),
        // A contract mount without a mount, and what is tried on it and on backing files: for tests and for the fuzzer.
        .target(
            name: "ContractTesting", dependencies: ["ContractFUSE", "ContractVolume", "BackingCheck", "FUSESession", "FUSEProtocol", "Integrity", "LinuxSystem"],
            path: "Tests/ContractTesting", swiftSettings: strict),
        tests("ContractFUSETests", ["ContractTesting", "ContractFUSE", "ContractVolume", "BackingCheck", "FUSEProtocol", "Integrity", "LinuxSystem"]),
        .target(name: "WriteRecorder", path: "Tests/WriteRecorder"),
        tests("BackingCheckTests", ["BackingCheck", "ContractVolume", "Integrity", "CLinux", "LinuxSystem"]),
        tests("ImageFormatTests", ["ImageFormat", "CLZ4", "LinuxSystem"]),
        tests("KeeperLinkTests", ["KeeperLink", "LinuxSystem"]),
        tests("FUSEMountTests", ["FUSEMount", "LinuxSystem"]),
        tests("KeeperTests", ["LinuxSystem", "KeeperTesting", "incfs-keeper", "keeper-test-daemon"]),
        .target(name: "KeeperTesting", dependencies: ["LinuxSystem"], path: "Tests/KeeperTesting", swiftSettings: strict),
        tests("MountTests", [
            "LinuxSystem", "KeeperTesting", "MountTesting", "TestOrigins", "ControlAPI", "incfs", "incfsd", "incfs-keeper", "keeper-test-daemon", "mount-probe",
        ]),
        tests("ContractMountTests", ["MountTesting", "LinuxSystem", "incfs", "incfs-contractd", "contract-checklist", "image-checklist", "contract-deadlock", "incfs-sample-loader", "incfs-sample-loader-swift"]),
        .executableTarget(name: "image-checklist", path: "Tests/ImageChecklist", linkerSettings: [.linkedLibrary("lz4")]),
        .executableTarget(name: "contract-deadlock", path: "Tests/ContractDeadlock"),
        .target(name: "MountTesting", dependencies: ["ControlAPI", "LinuxSystem"], path: "Tests/MountTesting", swiftSettings: strict),
        .executableTarget(name: "mount-probe", path: "Tests/MountProbe"),
        .executableTarget(
            name: "contract-checklist", path: "Tests/ContractChecklist",
            linkerSettings: [.linkedLibrary("lz4"), .linkedLibrary("zstd"), .linkedLibrary("crypto")]),
        .executableTarget(
            name: "keeper-test-daemon", dependencies: ["KeeperLink", "LinuxSystem"], path: "Tests/KeeperTestDaemon", swiftSettings: strict),
    ]
)
