#!/usr/bin/env bash
# Builds the XCFramework of the Swift package and the package that uses it: `scripts/swift-xcframework.sh OUT URL`, where
# URL is what the release will have the XCFramework under.
#
# Runs on macOS with Xcode and rustup, as the release workflow does. It has never been run by this project's own tests,
# which have Linux only; they check that the manifest it makes can be read.
#
# OUT gets KeeplineCoreFFI.xcframework.zip and the folder keepline-swift.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh

IOS=(aarch64-apple-ios)
SIMULATOR=(aarch64-apple-ios-sim x86_64-apple-ios)
MACOS=(aarch64-apple-darwin x86_64-apple-darwin)

# The oldest systems that the package's manifest names.
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

main() {
    local out="${1:?where to}" url="${2:?under what URL}" work
    [ "$(uname -s)" = Darwin ] || { echo "SKIP swift-xcframework: only macOS can build for Apple's platforms"; exit 77; }
    mkdir -p "$out"
    work="$(mktemp -d)"
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    build_libraries
    bindings "$work"
    headers "$work"
    fat "$work/ios" "${IOS[@]}"
    fat "$work/simulator" "${SIMULATOR[@]}"
    fat "$work/macos" "${MACOS[@]}"
    rm -rf "$out/KeeplineCoreFFI.xcframework"
    xcodebuild -create-xcframework \
        -library "$work/ios/libkeepline_ffi.a" -headers "$work/headers" \
        -library "$work/simulator/libkeepline_ffi.a" -headers "$work/headers" \
        -library "$work/macos/libkeepline_ffi.a" -headers "$work/headers" \
        -output "$out/KeeplineCoreFFI.xcframework"
    (cd "$out" && ditto -c -k --keepParent KeeplineCoreFFI.xcframework KeeplineCoreFFI.xcframework.zip)
    package "$work" "$out" "$url"
}

# `lib` or several crate types would switch the optimisation over crates off, so each build has this one.
build_libraries() {
    local target
    for target in "${IOS[@]}" "${SIMULATOR[@]}" "${MACOS[@]}"; do
        rustup target add "$target"
        cargo rustc --locked -p keepline-ffi --profile release-ffi --target "$target" --crate-type staticlib
    done
}

library_of() {
    echo "${CARGO_TARGET_DIR:-target}/$1/release-ffi/libkeepline_ffi.a"
}

# fat FOLDER TARGET...: one library for all architectures of a platform.
fat() {
    local folder="$1" target libraries=()
    mkdir -p "$folder"
    for target in "${@:2}"; do libraries+=("$(library_of "$target")"); done
    lipo -create "${libraries[@]}" -output "$folder/libkeepline_ffi.a"
}

bindings() {
    cargo build "${WHOLE[@]}" --bins
    "$(binary_dir)/uniffi-bindgen" generate --library "$(library_of "${MACOS[0]}")" --language swift \
        --out-dir "$1/generated" --no-format
}

# In a folder of their own name: an app that holds two libraries of this kind has two module maps.
headers() {
    local folder="$1/headers/KeeplineCoreFFI"
    mkdir -p "$folder"
    cp "$1/generated/KeeplineCoreFFI.h" "$folder/"
    # A static library is linked because it is in the framework, and not by name.
    grep -v '^ *link ' bindings/swift/KeeplineCoreFFI.modulemap >"$folder/module.modulemap"
}

# package WORK OUT URL: the package whose manifest names the XCFramework.
package() {
    local checksum folder="$2/keepline-swift"
    checksum="$(swift package compute-checksum "$2/KeeplineCoreFFI.xcframework.zip")"
    rm -rf "${folder:?}"
    mkdir -p "$folder/Native/KeeplineCore"
    cp -R bindings/swift/Sources bindings/swift/README.md LICENSE-MIT LICENSE-APACHE "$folder/"
    cp "$1/generated/KeeplineCore.swift" "$folder/Native/KeeplineCore/"
    sed -e "s|@URL@|$3|" -e "s|@CHECKSUM@|$checksum|" scripts/swift-package-apple.template >"$folder/Package.swift"
}

main "$@"
