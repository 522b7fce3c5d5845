#!/usr/bin/env bash
# Keepline in a minute: a server and clients as real processes, a search over this repository's own documents, and
# everything killed on the way. Ends with what was counted in the programs' own output:
#
#   demo: queued N, delivered N, duplicates 0, events missed 0, reconnected in X ms
#
# and exits with 0 only where that is so. On a terminal it pauses between the steps (Enter goes on at once); without
# one it runs through by itself. Builds what it needs, works in a folder of its own, cleans up behind itself.
#
# CARGO_BUILD_JOBS and CARGO_TARGET_DIR are obeyed.

set -euo pipefail
# A decimal point is a point, whatever the country.
export LC_ALL=C

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
NOTES=20
WAIT_MAX_S=60

# shellcheck source=scripts/lib/demo.sh
source "$ROOT/scripts/lib/demo.sh"

main() {
    need_tools
    build
    WORK="$(mktemp -d "${TMPDIR:-/tmp}/keepline-demo.XXXXXX")"
    trap clean_up EXIT
    trap 'exit 130' INT TERM

    title "Keepline keeps what you did while the line was down, and gives back what you missed."

    step 1 "A server, and a client that watches"
    start_server 0
    say "It listens on $URL and has the documents of this repository to search."
    start_watcher
    await "$WORK/watcher" '"state":"online"' "the watching client to be online"
    say "A second device of the same user sees every event. It stays on until the end."

    step 2 "A search in the documents"
    submit search:start:v1 '{"query":"event order","limit":4}' --wait
    show_results "$(field job <"$WORK/last-submit")"

    step 3 "The server is killed, and the client goes on working"
    kill_hard "$SERVER_PID"
    await "$WORK/watcher" '"state":"waiting"' "the watching client to notice"
    start_writer
    for n in $(seq "$NOTES"); do write_note "$n"; done
    await_count "$WORK/writer" '"type":"submitted"' "$NOTES" "the notes to be durable"
    say "$(count '"type":"submitted"' "$WORK/writer") notes submitted without a server. Each was on the disk before it was called submitted."

    step 4 "The client is killed too, with all of them in its queue"
    kill_hard "$WRITER_PID"
    say "$(pending) actions are in the queue: in a file, and in no process."
    submit search:start:v1 '{"query":"server restored from a backup","limit":4}'
    say "And a search that nobody can answer yet. Now there are $(pending)."

    step 5 "The server comes back"
    start_server "$PORT"
    await_after "$WORK/watcher" "$LISTENING_AT" '"state":"online"' "the watching client to be back online"
    say "The watching client was back online $(reconnected_ms) ms after the server listened again."

    step 6 "The client comes back too, and the queue empties"
    # Actions keep their order: once this one is answered, all before it are. Its reply says how long the log is.
    submit test:emit:v1 '{"stream":"user","name":"demo:end:v1","payload":{}}' --wait
    HEAD_OFFSET="$(field head <"$WORK/last-submit")"
    await "$WORK/watcher" "\"offset\":${HEAD_OFFSET}[,}]" "the last event"
    say "$(delivered) of $(queued) actions have their outcome. The search of step 4 found:"
    show_results "$(job_of_second_search)"
    say "The second device has seen the notes $(numbers | tr '\n' ' ')"

    summary
}

# On one line, so that a change of this file while it runs changes nothing.
main "$@"; exit
