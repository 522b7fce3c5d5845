# shellcheck shell=bash
# The Swift package for the test, show and bench commands: `source` this after `cargo.sh` and `languages.sh`.
#
#   swift_prepare      the toolchain, the library and the generated code
#   swift_scenarios    the scenarios alone
#   swift_test         everything there is to test
#   swift_claim NAME   one claim, with what was measured
#
# Each returns 77 after `SKIP swift: reason` where it cannot run here. The scenarios and some claims need
# KEEPLINE_SCENARIO_HOST.

# `ROOT` is set by whoever sources this.
# shellcheck source=scripts/lib/swift-toolchain.sh disable=SC2153
source "$ROOT/scripts/lib/swift-toolchain.sh"
# shellcheck source=scripts/lib/swift-package.sh
source "$ROOT/scripts/lib/swift-package.sh"
# shellcheck source=scripts/lib/swift-claims.sh
source "$ROOT/scripts/lib/swift-claims.sh"

SWIFT_PACKAGE="$ROOT/bindings/swift"
SWIFT_EXAMPLE="$ROOT/examples/swift/search"

# SwiftPM's own sandbox is Apple's alone. Warnings are errors with the compiler that these tests are written for; another
# may have others to say, of the generated code too.
SWIFT_FLAGS=(--disable-sandbox)
swift_is_native || SWIFT_FLAGS+=(-Xswiftc -warnings-as-errors)

swift_prepare() {
    # Each by itself, since who calls this has often switched `set -e` off: a build that failed must not leave the tests
    # to the library before it.
    swift_toolchain || return
    library_build || return
    swift_native "$SWIFT_PACKAGE" "$KEEPLINE_LIBRARY_STRIPPED" "$KEEPLINE_LIBRARY"
}

# swift_native PACKAGE LIBRARY [SYMBOLS]: puts a library into a package, and the code that is generated from SYMBOLS, which
# is the same library with its symbol table. What has not changed is not touched, so that nothing is compiled twice.
swift_native() {
    local native="$1/Native" fresh="$SWIFT_CACHE/native" symbols="${3:-$2}"
    rm -rf "$fresh" || return
    mkdir -p "$fresh/generated" "$native/lib" "$native/KeeplineCore" "$native/KeeplineCoreFFI" || return
    library_bindings swift "$fresh/generated" "$symbols" || return
    swift_place "$fresh/generated/KeeplineCore.swift" "$native/KeeplineCore/KeeplineCore.swift" || return
    swift_place "$fresh/generated/KeeplineCoreFFI.h" "$native/KeeplineCoreFFI/KeeplineCoreFFI.h" || return
    swift_place "$1/KeeplineCoreFFI.modulemap" "$native/KeeplineCoreFFI/module.modulemap" || return
    swift_place "$2" "$native/lib/libkeepline_ffi.so" || return
    rm -rf "$fresh"
}

swift_place() {
    cmp -s "$1" "$2" || cp "$1" "$2"
}

# swift_build FOLDER [FLAG...]
swift_build() {
    (cd "$1" && swift_run swift build "${SWIFT_FLAGS[@]}" "${@:2}")
}

# swift_suite FOLDER [FLAG...]: the tests of a package. Both of Swift's test libraries are looked at; XCTest has none
# here, and says so.
swift_suite() {
    (cd "$1" && swift_run swift test "${SWIFT_FLAGS[@]}" --disable-xctest "${@:2}")
}

swift_scenarios() {
    [ -n "${KEEPLINE_SCENARIO_HOST:-}" ] || { echo "swift: KEEPLINE_SCENARIO_HOST is not set" >&2; return 2; }
    # One at a time: each starts and kills servers, and two cores have enough to do with that.
    swift_suite "$SWIFT_PACKAGE" --no-parallel --filter Scenarios
}

swift_test() {
    swift_style
    swift_docs
    swift_suite "$SWIFT_PACKAGE" --filter KeeplineTests
    swift_scenarios
    swift_suite "$SWIFT_EXAMPLE"
    swift_example
    swift_package
}

# The trimmed toolchain has no formatter: what is looked at is what a reader notices. The compiler's warnings are errors.
swift_style() {
    local files bad
    files="$(cd "$ROOT" && git ls-files --cached --others --exclude-standard 'bindings/swift/*.swift' 'examples/swift/*.swift')"
    # shellcheck disable=SC2086
    bad="$(cd "$ROOT" && grep -nE '.{121}|[[:space:]]+$|'$'\t' $files || true)"
    [ -z "$bad" ] || { echo "too long, or white space where none belongs:"; echo "$bad"; return 1; }
    echo "swift: $(wc -l <<<"$files") files in good form"
}

# Every public declaration is documented.
swift_docs() {
    local graphs missing
    (cd "$SWIFT_PACKAGE" && swift_run swift package --disable-sandbox dump-symbol-graph \
        --minimum-access-level public --skip-synthesized-members) >/dev/null
    graphs="$(find "$SWIFT_PACKAGE/.build" -maxdepth 2 -name symbolgraph | head -n 1)"
    missing="$(python3 "$ROOT/scripts/lib/swift-docs.py" "$graphs"/Keepline{,Types,Testing}.symbols.json)" || {
        echo "without documentation:"
        echo "$missing"
        return 1
    }
    echo "swift: every public declaration is documented"
}

# The example by its documented command, against a server that runs.
swift_example() {
    local found
    swift_server '{"args":["--corpus","'"$ROOT/docs"'"]}'
    found="$(KEEPLINE_URL="$SWIFT_SERVER_URL" KEEPLINE_TOKEN="$SWIFT_SERVER_TOKEN" \
        KEEPLINE_DATABASE="/tmp/example-$$.db" "$ROOT/scripts/swift-example.sh" outbox | wc -l)"
    host_call DELETE "/servers/$SWIFT_SERVER_ID" '{}' >/dev/null
    echo "swift example: $found documents found"
    [ "$found" -gt 0 ]
}
