# shellcheck shell=bash
# What the Swift package claims, measured; `source` this after swift.sh. Each prints lines of `name: value unit`.

# swift_claim NAME
swift_claim() {
    case "$1" in
        ten-lines) swift_ten_lines ;;
        bad-input) swift_suite "$SWIFT_PACKAGE" --filter BadInputTests ;;
        cycles) swift_cycles ;;
        events) swift_events ;;
        crossing) swift_crossing ;;
        end-to-end) swift_end_to_end ;;
        *) echo "swift has no claim '$1'" >&2; return 2 ;;
    esac
}

# swift_probe COMMAND...: the test program, built as a release.
swift_probe() {
    swift_build "$SWIFT_PACKAGE" -c release --product keepline-probe >&2
    (cd "$SWIFT_PACKAGE" && swift_run .build/release/keepline-probe "$@")
}

# swift_server [WISH]: a server of the host, in SWIFT_SERVER_ID, SWIFT_SERVER_URL and SWIFT_SERVER_TOKEN.
swift_server() {
    local answer
    [ -n "${KEEPLINE_SCENARIO_HOST:-}" ] || { echo "swift: KEEPLINE_SCENARIO_HOST is not set" >&2; return 2; }
    answer="$(host_call POST /servers "${1:-"{}"}")"
    SWIFT_SERVER_ID="$(card_field "$answer" id)"
    SWIFT_SERVER_URL="$(card_field "$answer" url)"
    SWIFT_SERVER_TOKEN="$(card_field "$answer" token)"
}

swift_cycles() {
    # Nobody listens there: what is measured is this side.
    swift_probe cycles ws://127.0.0.1:9 - no-token 10000
}

swift_events() {
    swift_server
    swift_probe events "$SWIFT_SERVER_URL" "/tmp/events-$$.db" "$SWIFT_SERVER_TOKEN" 100000
    host_call DELETE "/servers/$SWIFT_SERVER_ID" '{}' >/dev/null
}

swift_end_to_end() {
    # Linux has no stock Socket.IO client for Swift to put beside it.
    echo "peer: none (there is no stock Socket.IO client for Swift on Linux)"
    swift_events
}

# With the library that has the generator, in a copy of the package: its generated code is another.
swift_crossing() {
    local copy="$SWIFT_CACHE/bench"
    library_build_bench
    mkdir -p "$copy"
    rm -rf "${copy:?}/Sources" "$copy/Tests"
    cp -a "$SWIFT_PACKAGE/Sources" "$SWIFT_PACKAGE/Tests" "$SWIFT_PACKAGE/Package.swift" \
        "$SWIFT_PACKAGE/KeeplineCoreFFI.modulemap" "$copy/"
    swift_native "$copy" "$KEEPLINE_LIBRARY_BENCH"
    swift_build "$copy" -c release --product keepline-probe -Xswiftc -DKEEPLINE_BENCH >&2
    (cd "$copy" && swift_run .build/release/keepline-probe crossing 500000)
}

# The program of the README as it stands there, in a project of its own. The server is started only after it has said
# that it has submitted.
swift_ten_lines() {
    local project="$SWIFT_CACHE/ten-lines" output titles
    rm -rf "${project:?}"
    mkdir -p "$project/Sources/ten-lines"
    swift_ten_lines_manifest >"$project/Package.swift"
    readme_block swift >"$project/Sources/ten-lines/main.swift"
    [ -s "$project/Sources/ten-lines/main.swift" ] || { echo "README.md has no block of Swift" >&2; return 1; }
    swift_build "$project" >&2
    swift_server '{"args":["--corpus","'"$ROOT/docs"'"]}'
    host_call POST "/servers/$SWIFT_SERVER_ID/stop" '{}' >/dev/null
    output="$project/output"
    : >"$output"
    (cd "$project" && KEEPLINE_URL="$SWIFT_SERVER_URL" KEEPLINE_TOKEN="$SWIFT_SERVER_TOKEN" \
        swift_run timeout 60 stdbuf -oL .build/debug/ten-lines >"$output") &
    SWIFT_PROGRAM=$!
    swift_until_submitted "$output"
    host_call POST "/servers/$SWIFT_SERVER_ID/start" '{}' >/dev/null
    wait "$SWIFT_PROGRAM"
    host_call DELETE "/servers/$SWIFT_SERVER_ID" '{}' >/dev/null
    titles="$(($(wc -l <"$output") - 1))"
    echo "submitted without a server: $(grep -c '^submitted ' "$output") action"
    echo "results after its start: $titles events"
    [ "$titles" -gt 0 ]
}

# Lines appear in the file as the program writes them; where it ends before, there is none to wait for.
swift_until_submitted() {
    local line
    while read -r line; do
        case "$line" in submitted*) return 0 ;; esac
    done < <(tail -n +1 -f --pid="$SWIFT_PROGRAM" "$1")
    echo "the program did not submit" >&2
    return 1
}

swift_ten_lines_manifest() {
    cat <<MANIFEST
// swift-tools-version: 6.0
import PackageDescription
let package = Package(
    name: "ten-lines", platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Keepline", path: "$SWIFT_PACKAGE")],
    targets: [.executableTarget(name: "ten-lines", dependencies: [.product(name: "Keepline", package: "Keepline")])],
    swiftLanguageModes: [.v6])
MANIFEST
}
