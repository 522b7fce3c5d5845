// swift-tools-version: 6.0

import PackageDescription

// A project that uses the package as it is released. The test command copies it beside that.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Keepline", path: "../keepline-swift")],
    targets: [
        .executableTarget(name: "consumer", dependencies: [.product(name: "Keepline", package: "Keepline")]),
        .executableTarget(name: "fake-only", dependencies: [.product(name: "KeeplineTesting", package: "Keepline")]),
    ],
    swiftLanguageModes: [.v6]
)
