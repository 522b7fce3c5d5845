# shellcheck shell=bash
# The claims of `scripts/show.sh` about the packages of the other languages. Each takes languages as arguments; without
# any it is shown for all of them. A language that cannot run here says `SKIP` and counts for nothing.

list_language_claims() {
    local name
    for name in "${LANGUAGE_CLAIMS[@]}"; do printf '%-24s %s\n' "${name%%=*}" "${name#*=}"; done
}

LANGUAGE_CLAIMS=(
    "scenarios=Every scenario of tests/scenarios.md holds in Rust, Python, Kotlin and Swift"
    "language-tests=The tests of each package pass, from an installation of their own, with every scenario"
    "ten-lines=The ten-line program of the README, as it stands there: submitted without a server, outcome and events"
    "events-across=100,000 events of a real server reach each language in order, none missing"
    "crossing=Typed events a second across the boundary alone: Python 100,000, Kotlin 300,000, Swift 150,000"
    "end-to-end=Typed events a second from a real server, beside the peers: 5 x python-socketio, 2 x socket.io-client-java"
    "bad-input-languages=Bad input in each language: the error its users expect, the process alive, the queue intact"
    "cycles=10,000 cycles of open, use, shutdown: memory within 10 % of that after 1,000, no thread left"
    "library-size=The library, stripped, with TLS and SQLite inside, has at most 3,500,000 bytes"
)

claim_scenarios() {
    languages_for_claims
    local language status=0
    scenarios_of rust >/dev/null || status=1
    for language in "${LANGUAGES[@]}"; do
        rm -f "$SCENARIO_LOGS/$language.log"
        scenarios_of "$language" >/dev/null || [ $? = "$SKIPPED" ] || status=1
    done
    scenario_grid || status=1
    verdict scenarios "$status"
}

claim_language_tests() { each_language language-tests tests "$@"; }
claim_ten_lines() { each_language ten-lines ten-lines "$@"; }
claim_events_across() { each_language events-across events "$@"; }
claim_crossing() { each_language crossing crossing "$@"; }
claim_end_to_end() {
    languages_for_claims
    host_with_released_server
    each_language end-to-end end-to-end "$@"
}

claim_bad_input_languages() { each_language bad-input-languages bad-input "$@"; }
claim_cycles() { each_language cycles cycles "$@"; }

claim_library_size() {
    languages_for_claims
    local status=0
    library_build
    library_size || status=1
    verdict library-size "$status"
}

# each_language CLAIM NAME [LANGUAGE...]
each_language() {
    local claim="$1" name="$2" language status=0 code shown=() skipped=() wanted=("${@:3}")
    languages_for_claims
    if [ "${#wanted[@]}" -eq 0 ]; then wanted=("${LANGUAGES[@]}"); fi
    if [ "$name" = ten-lines ] && [ $# -eq 2 ]; then wanted=(rust "${wanted[@]}"); fi
    for language in "${wanted[@]}"; do
        [ -f "$ROOT/scripts/lib/$language.sh" ] || { echo "there is no language '$language'" >&2; return 2; }
        echo "-- $language --"
        code=0
        if [ "$name" = tests ]; then
            tested "$language" || code=$?
        else
            language_run "$language" "${language}_claim" "$name" || code=$?
        fi
        case "$code" in
            0) shown+=("$language") ;;
            "$SKIPPED") skipped+=("$language") ;;
            *) status=1; shown+=("$language") ;;
        esac
    done
    [ "${#skipped[@]}" -eq 0 ] || echo "not shown here: ${skipped[*]}"
    if [ "${#shown[@]}" -eq 0 ]; then
        echo "SKIP $claim: no language can run here"
        return 0
    fi
    verdict "$claim (${shown[*]})" "$status"
}

verdict() {
    if [ "$2" -eq 0 ]; then echo "$1: holds"; else echo "$1: DOES NOT HOLD"; fi
    return "$2"
}

languages_for_claims() {
    # What a part that cannot run returns.
    SKIPPED=77
    # shellcheck source=scripts/lib/languages.sh
    source "$ROOT/scripts/lib/languages.sh"
}
