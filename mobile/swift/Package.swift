// swift-tools-version:5.9
import PackageDescription

// Mobile.xcframework is built by `make ios` on a Mac. An app that takes the package from
// a release replaces the path with the address and checksum of that release's archive.
let package = Package(
    name: "Voile",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Voile", targets: ["Voile"])],
    targets: [
        .binaryTarget(name: "Mobile", path: "Mobile.xcframework"),
        .target(name: "Voile", dependencies: ["Mobile"], linkerSettings: [.linkedLibrary("resolv")]),
        .testTarget(name: "VoileTests", dependencies: ["Voile"]),
    ]
)
