// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "search-example",
    platforms: [.macOS(.v13), .iOS(.v16)],
    dependencies: [
        .package(name: "Keepline", path: "../../../bindings/swift")
    ],
    targets: [
        // What the app does, for any client: without the native library, so that its tests need none.
        .target(name: "SearchCore", dependencies: [.product(name: "KeeplineTypes", package: "Keepline")]),
        // The program.
        .executableTarget(
            name: "search",
            dependencies: ["SearchCore", .product(name: "Keepline", package: "Keepline")]
        ),
        // A SwiftUI view; on Linux it is empty.
        .target(
            name: "ConnectionStatus",
            dependencies: ["SearchCore", .product(name: "KeeplineTypes", package: "Keepline")]
        ),
        .testTarget(
            name: "SearchCoreTests",
            dependencies: ["SearchCore", .product(name: "KeeplineTesting", package: "Keepline")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
