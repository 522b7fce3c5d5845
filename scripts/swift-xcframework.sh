#!/usr/bin/env bash
# Builds the XCFramework of the Swift package and the package that uses it.
#
#   scripts/swift-xcframework.sh [--out DIR] [--url URL]
#
#   --out DIR  where it goes (default: dist): KeeplineCoreFFI.xcframework.zip, the manifest Package.swift that names it,
#              and keepline-swift.zip with that manifest and everything else of the package
#   --url URL  what the XCFramework will be found under (default: this version's release in the workspace's repository)
#
# Runs on macOS with Xcode and rustup, as the release workflow does, in the bash 3.2 of that system. It has never been run
# by this project's own tests, which have Linux only; they check that the manifest it makes can be read.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"
cd "$ROOT"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/library.sh
source scripts/lib/library.sh

IOS=(aarch64-apple-ios)
SIMULATOR=(aarch64-apple-ios-sim x86_64-apple-ios)
MACOS=(aarch64-apple-darwin x86_64-apple-darwin)

FRAMEWORK=KeeplineCoreFFI.xcframework

# The oldest systems that the package's manifest names.
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

main() {
    local out=dist url=""
    while [ $# -gt 0 ]; do
        case "$1" in
            -h | --help) usage; return ;;
            --out | --url) [ $# -ge 2 ] || { echo "$1 needs a value" >&2; return 2; } ;;
            *) echo "unknown flag $1; --help names them" >&2; return 2 ;;
        esac
        case "$1" in
            --out) out="$2" ;;
            --url) url="$2" ;;
        esac
        shift 2
    done
    [ "$(uname -s)" = Darwin ] || { echo "SKIP swift-xcframework: only macOS can build for Apple's platforms"; return 77; }
    need_rust
    [ -n "$url" ] || url="$(release_url)"
    mkdir -p "$out"
    release "$(cd "$out" && pwd)" "$url"
    ls -l "$out"
}

# release OUT URL
release() {
    local work
    work="$(mktemp -d)"
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    build_libraries
    bindings "$work"
    headers "$work"
    fat "$work/ios" "${IOS[@]}"
    fat "$work/simulator" "${SIMULATOR[@]}"
    fat "$work/macos" "${MACOS[@]}"
    xcodebuild -create-xcframework \
        -library "$work/ios/libkeepline_ffi.a" -headers "$work/headers" \
        -library "$work/simulator/libkeepline_ffi.a" -headers "$work/headers" \
        -library "$work/macos/libkeepline_ffi.a" -headers "$work/headers" \
        -output "$work/$FRAMEWORK"
    pack "$work/$FRAMEWORK" "$1/$FRAMEWORK.zip"
    package "$work" "$1" "$2"
}

# As the workspace's manifest has them.
release_url() {
    echo "$(workspace repository)/releases/download/v$(workspace version)/$FRAMEWORK.zip"
}

workspace() {
    sed -n '/^\[workspace.package\]/,/^\[/ s/^'"$1"' = "\(.*\)"/\1/p' Cargo.toml
}

# `lib` or several crate types would switch the optimisation over crates off, so each build has this one. SQLite is built
# as it is for every other system.
build_libraries() {
    local target
    for target in "${IOS[@]}" "${SIMULATOR[@]}" "${MACOS[@]}"; do
        rustup target add "$target"
        LIBSQLITE3_FLAGS="${LIBRARY_SQLITE[*]}" \
            cargo rustc --locked -p keepline-ffi --profile release-ffi --target-dir "$LIBRARY_TARGET" \
            --target "$target" --crate-type staticlib
    done
}

library_of() {
    echo "$LIBRARY_TARGET/$1/release-ffi/libkeepline_ffi.a"
}

# fat FOLDER TARGET...: one library for all architectures of a platform.
fat() {
    local folder="$1" target libraries
    mkdir -p "$folder"
    shift
    libraries=()
    for target in "$@"; do libraries+=("$(library_of "$target")"); done
    lipo -create "${libraries[@]}" -output "$folder/libkeepline_ffi.a"
}

# The library is there, so that only the generator is built.
bindings() {
    KEEPLINE_LIBRARY="$(library_of "${MACOS[0]}")"
    KEEPLINE_LIBRARY_STRIPPED="$KEEPLINE_LIBRARY"
    library_build
    library_bindings swift "$1/generated"
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
    local checksum folder="$1/keepline-swift"
    # What `swift package compute-checksum` gives, without a package to call it in.
    checksum="$(shasum -a 256 "$2/$FRAMEWORK.zip" | cut -d ' ' -f 1)"
    mkdir -p "$folder/Native/KeeplineCore"
    cp -R bindings/swift/Sources bindings/swift/README.md LICENSE-MIT LICENSE-APACHE "$folder/"
    cp "$1/generated/KeeplineCore.swift" "$folder/Native/KeeplineCore/"
    sed -e "s|@URL@|$3|" -e "s|@CHECKSUM@|$checksum|" scripts/swift-package-apple.template >"$folder/Package.swift"
    cp "$folder/Package.swift" "$2/"
    pack "$folder" "$2/keepline-swift.zip"
}

# pack FOLDER ARCHIVE
pack() {
    rm -f "$2"
    ditto -c -k --keepParent "$1" "$2"
}

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' scripts/swift-xcframework.sh; }

main "$@"
