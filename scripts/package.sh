#!/usr/bin/env bash
# Builds one of the packages for this system, as a release does.
#
#   scripts/package.sh library [--out DIR]                    the native library, stripped
#   scripts/package.sh python  [--out DIR]                    the wheel
#   scripts/package.sh kotlin  [--out DIR] [--natives DIR]    the jar and its sources
#
#   --out DIR      where it goes (default: dist)
#   --natives DIR  libraries of other systems for the jar, each in the folder that JNA looks into: linux-x86-64,
#                  linux-aarch64, darwin-aarch64, darwin-x86-64, win32-x86-64
#
# The Swift package takes its library from an XCFramework, which scripts/swift-xcframework.sh builds on macOS. Only Linux
# is tested.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT="$PWD"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/library.sh
source scripts/lib/library.sh

main() {
    local what="${1:-}" out=dist natives=""
    case "$what" in
        library | python | kotlin) shift ;;
        -h | --help) usage; return ;;
        *) usage >&2; return 2 ;;
    esac
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || { echo "$1 needs a value" >&2; return 2; }
        case "$1" in
            --out) out="$2" ;;
            --natives) natives="$2" ;;
            *) echo "unknown flag $1; --help names them" >&2; return 2 ;;
        esac
        shift 2
    done
    need_rust
    mkdir -p "$out"
    "package_$what" "$out" "$natives"
    ls -l "$out"
}

package_library() {
    library_build
    cp "$KEEPLINE_LIBRARY_STRIPPED" "$1/"
}

package_python() {
    # shellcheck source=scripts/lib/python.sh
    source scripts/lib/python.sh
    python_prepare
    python_wheel
    cp "$PYTHON_WHEEL" "$1/"
}

package_kotlin() {
    # shellcheck source=scripts/lib/kotlin.sh
    source scripts/lib/kotlin.sh
    kotlin_prepare
    if [ -n "$2" ]; then
        cp -r "$2/." "$KOTLIN_CACHE/native/"
        kotlin_mvn "$KOTLIN_DIR/pom.xml" package -DskipTests
    fi
    cp "$KOTLIN_DIR"/target/keepline-*.jar "$1/"
}

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' scripts/package.sh; }

main "$@"
