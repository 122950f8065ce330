// swift-tools-version: 6.0
// libmtl for Swift. On Linux pkg-config finds the C library; on Apple's systems it is CMtl.xcframework, which
// make-xcframework.sh makes beside this file.

import Foundation
import PackageDescription

let framework = FileManager.default.fileExists(atPath: Context.packageDirectory + "/CMtl.xcframework")

let package = Package(
    name: "Mtl",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [.library(name: "Mtl", targets: ["Mtl"])],
    targets: [
        framework
            ? .binaryTarget(name: "CMtl", path: "CMtl.xcframework")
            : .systemLibrary(name: "CMtl", pkgConfig: "mtl"),
        .target(name: "Mtl", dependencies: ["CMtl"]),
        .testTarget(name: "MtlTests", dependencies: ["Mtl"]),
        .executableTarget(name: "tag", dependencies: ["Mtl"], path: "Examples/tag"),
        .executableTarget(name: "score", dependencies: ["Mtl"], path: "Examples/score"),
        .executableTarget(name: "batch", dependencies: ["Mtl"], path: "Examples/batch"),
    ]
)
