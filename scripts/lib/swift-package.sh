# shellcheck shell=bash
# The Swift package as a package: put together as it is released for Linux, looked at, and used from other packages that
# know nothing of this project. `source` this after swift.sh.

SWIFT_RELEASE_DIR="$SWIFT_CACHE/package/keepline-swift"

swift_package() {
    swift_assemble "$SWIFT_RELEASE_DIR"
    swift_look "$SWIFT_RELEASE_DIR"
    swift_apple_manifest
    swift_consume
}

# swift_assemble FOLDER: what a release has. The archive of a release is this folder.
swift_assemble() {
    rm -rf "${1:?}"
    mkdir -p "$1"
    (cd "$SWIFT_PACKAGE" && tar -c --exclude=.build --exclude=.gitignore --exclude=Package.resolved .) | tar -x -C "$1"
    cp "$ROOT/LICENSE-MIT" "$ROOT/LICENSE-APACHE" "$1/"
}

# swift_look FOLDER: names, licences and the library of a release.
swift_look() {
    local wanted found library="$1/Native/lib/libkeepline_ffi.so"
    wanted="KeeplineCoreFFI.modulemap LICENSE-APACHE LICENSE-MIT Native Package.swift README.md Sources Tests"
    found="$(find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ')"
    [ "$found" = "$wanted " ] || { echo "the Swift package has other files: $found" >&2; return 1; }
    cmp "$1/LICENSE-MIT" "$ROOT/LICENSE-MIT"
    cmp "$1/LICENSE-APACHE" "$ROOT/LICENSE-APACHE"
    if grep -rIl "$ROOT" "$1"; then echo "these name a path of the machine that built them" >&2; return 1; fi
    if grep -q '\.debug_info' < <(readelf -S "$library"); then echo "the library has debug information" >&2; return 1; fi
    # What is exported is the boundary and nothing else.
    if nm -D --defined-only "$library" | awk '{print $3}' | grep -Ev '^(uniffi_|ffi_|UNIFFI_META_)'; then
        echo "the library exports these besides" >&2
        return 1
    fi
    echo "swift package: $(find "$1" -type f | wc -l) files, library $(stat -c %s "$library") bytes"
}

# An app with an action of its own, and tests with nothing but the fake, each in an empty project.
swift_consume() {
    local project="$SWIFT_CACHE/package/consumer"
    rm -rf "${project:?}"
    cp -a "$SWIFT_PACKAGE/Tests/Consumer" "$project"
    swift_build "$project" --product consumer
    swift_server
    (cd "$project" && swift_run .build/debug/consumer "$SWIFT_SERVER_URL" "$SWIFT_SERVER_TOKEN")
    host_call DELETE "/servers/$SWIFT_SERVER_ID" '{}' >/dev/null
    swift_build "$project" --product fake-only
    (cd "$project" && swift_run .build/debug/fake-only)
    if grep -q keepline_ffi < <(readelf -d "$project/.build/debug/fake-only"); then
        echo "the fake client needs the native library" >&2
        return 1
    fi
    echo "swift package: used from another package; the fake alone needs no native library"
}

# The manifest for Apple's platforms can be read, and has the products that the other has.
swift_apple_manifest() {
    local folder="$SWIFT_CACHE/package/apple"
    rm -rf "${folder:?}"
    mkdir -p "$folder"
    sed -e 's|@URL@|https://example.org/KeeplineCoreFFI.xcframework.zip|' -e "s|@CHECKSUM@|$(printf '%064d' 0)|" \
        "$ROOT/scripts/swift-package-apple.template" >"$folder/Package.swift"
    diff <(swift_products "$folder") <(swift_products "$SWIFT_PACKAGE")
    echo "swift package: the manifest for Apple's platforms is read"
}

swift_products() {
    (cd "$1" && swift_run swift package dump-package) |
        python3 -c 'import json, sys; [print(product["name"]) for product in json.load(sys.stdin)["products"]]'
}
