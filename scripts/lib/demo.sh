# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used there
# What `scripts/demo.sh` is made of: processes, waiting, counting, and words on a terminal. Every number that it
# prints is counted in what the programs have printed.

if [ -t 1 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
else
    BOLD="" DIM="" GREEN="" RED="" CYAN="" PLAIN=""
fi

# --- setting up -------------------------------------------------------------------------------------------------------

need_tools() {
    command -v cargo >/dev/null || stop "there is no cargo: install Rust from https://rustup.rs, then run this again"
    command -v cc >/dev/null || stop "there is no C compiler, which SQLite needs: apt-get install gcc, or xcode-select --install"
    [ -n "${EPOCHREALTIME:-}" ] || stop "this needs bash 5; here is ${BASH_VERSION}"
}

build() {
    say "Building the server and the client; the first time takes some minutes."
    (cd "$ROOT" && cargo build --locked -p keepline-server -p keepline-cli) || stop "the build failed"
    local target
    target="$(cd "$ROOT" && cargo metadata --locked --no-deps --format-version 1 |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')"
    SERVER="$target/debug/keepline-server"
    CLIENT="$target/debug/keepline"
}

clean_up() {
    local status=$? pid
    for pid in ${SERVER_PID:-} ${WRITER_PID:-} ${WATCHER_PID:-}; do
        kill -9 "$pid" 2>/dev/null || true
    done
    exec 7>&- || true
    wait 2>/dev/null || true
    rm -rf "$WORK"
    return "$status"
}

# --- processes --------------------------------------------------------------------------------------------------------

# start_server PORT: sets URL, PORT, SERVER_PID and LISTENING_AT.
start_server() {
    : >"$WORK/server"
    command_line "keepline-server serve --dev --corpus docs"
    "$SERVER" serve --dev --listen "127.0.0.1:$1" --data "$WORK/data" --corpus "$ROOT/docs" \
        > >(stamp >"$WORK/server") 2>>"$WORK/server.log" &
    SERVER_PID=$!
    await "$WORK/server" "token: " "the server to listen"
    URL="$(sed -n 's/.*listening on //p' "$WORK/server")"
    PORT="${URL##*:}"
    LISTENING_AT="$(sed -n 's/ .*listening on .*//p' "$WORK/server")"
    KEEPLINE_TOKEN="$(sed -n 's/.*token: //p' "$WORK/server")"
    export KEEPLINE_TOKEN
}

# A client with a database of its own that prints every event and every state of its line.
start_watcher() {
    command_line "keepline --db second-device.db watch user --after 0 --status"
    "$CLIENT" --db "$WORK/second-device.db" --url "$URL" --json watch user --after 0 --status \
        > >(stamp >"$WORK/watcher") 2>>"$WORK/client.log" &
    WATCHER_PID=$!
}

# The client that is killed: it submits what is written to descriptor 7.
start_writer() {
    mkfifo "$WORK/notes"
    command_line "keepline --db queue.db submit test:record:v1 -"
    "$CLIENT" --db "$WORK/queue.db" --url "$URL" --json submit test:record:v1 - \
        <"$WORK/notes" > >(stamp >"$WORK/writer") 2>>"$WORK/client.log" &
    WRITER_PID=$!
    # The one end of the pipe that stays open: the client waits for more until it is killed.
    exec 7>"$WORK/notes"
}

write_note() { echo "{\"payload\":{\"n\":$1}}" >&7; }

# submit NAME PAYLOAD [FLAG]: what it printed is in last-submit, and in submits for the count.
submit() {
    command_line "keepline --db queue.db submit $1 '$2'${3:+ $3}"
    client_command submit "$@" >"$WORK/last-submit" || stop "keepline submit failed: $(tail -1 "$WORK/client.log")"
    cat "$WORK/last-submit" >>"$WORK/submits"
}

client_command() {
    "$CLIENT" --db "$WORK/queue.db" --url "$URL" --json --timeout "$WAIT_MAX_S" "$@" 2>>"$WORK/client.log"
}

kill_hard() {
    command_line "kill -9 $1"
    kill -9 "$1"
    # The shell's own words about it are none of the demo.
    wait "$1" 2>/dev/null || true
}

# --- waiting ----------------------------------------------------------------------------------------------------------

# stamp: each line with the second and microsecond at which it came.
stamp() {
    local line
    while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done
}

# await FILE PATTERN WHAT: until a line of the file matches.
await() { await_count "$1" "$2" 1 "$3"; }

# await_count FILE PATTERN COUNT WHAT: until so many lines do.
await_count() {
    local end=$((SECONDS + WAIT_MAX_S))
    while [ "$(count "$2" "$1")" -lt "$3" ]; do
        [ "$SECONDS" -lt "$end" ] || stop "gave up waiting for $4"
        sleep 0.05
    done
}

# await_after FILE SINCE PATTERN WHAT: until a line that came after a moment does.
await_after() {
    local end=$((SECONDS + WAIT_MAX_S))
    until first_after "$1" "$2" "$3" >/dev/null; do
        [ "$SECONDS" -lt "$end" ] || stop "gave up waiting for $4"
        sleep 0.05
    done
}

# first_after FILE SINCE PATTERN: when the first such line came.
first_after() {
    awk -v since="$2" -v pattern="$3" '$1 > since && $0 ~ pattern { print $1; found = 1; exit } END { exit !found }' "$1"
}

# --- counting ---------------------------------------------------------------------------------------------------------

# count PATTERN FILE...
count() { cat "${@:2}" 2>/dev/null | grep -cE -- "$1" || true; }

# field NAME: that number or word out of each line of JSON.
field() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\1/p"; }

queued() { count '"type":"submitted"' "$WORK/writer" "$WORK/submits"; }

delivered() { client_command queue list | grep -c '"outcome":"accepted"' || true; }

pending() { client_command queue list --pending | grep -c . || true; }

# The numbers of the notes that the watching client was told of.
numbers() { grep '"name":"test:recorded:v1"' "$WORK/watcher" | field n; }

offsets() { grep '"type":"event"' "$WORK/watcher" | field offset; }

# Notes that were applied twice, and events that came twice.
duplicates() { echo $(($(numbers | sort | uniq -d | wc -l) + $(offsets | sort | uniq -d | wc -l))); }

# Events up to a place in the log that did not come, and notes that no event tells of.
missed() {
    local seen noted
    seen="$(offsets | sort -nu | awk -v head="$HEAD_OFFSET" '$1 <= head' | wc -l)"
    noted="$(numbers | sort -u | wc -l)"
    echo $((HEAD_OFFSET - seen + $(count '"type":"submitted"' "$WORK/writer") - noted))
}

reconnected_ms() {
    local online
    online="$(first_after "$WORK/watcher" "$LISTENING_AT" '"state":"online"')"
    awk -v from="$LISTENING_AT" -v to="$online" 'BEGIN { printf "%d", (to - from) * 1000 + 0.5 }'
}

summary() {
    local queued delivered duplicates missed reconnected line
    queued="$(queued)" delivered="$(delivered)" duplicates="$(duplicates)" missed="$(missed)"
    reconnected="$(reconnected_ms)"
    line="demo: queued $queued, delivered $delivered, duplicates $duplicates, events missed $missed, reconnected in $reconnected ms"
    echo
    if [ "$queued" -gt "$NOTES" ] && [ "$delivered" = "$queued" ] && [ "$duplicates$missed" = 00 ]; then
        echo "$GREEN$BOLD$line$PLAIN"
    else
        echo "$RED$BOLD$line$PLAIN"
        return 1
    fi
}

# --- the search -------------------------------------------------------------------------------------------------------

# The second search was answered while another command ran; the user stream tells of its job.
job_of_second_search() { grep '"name":"job:created:v1"' "$WORK/watcher" | field job | sed -n 2p; }

# show_results JOB: watches the job to its end.
show_results() {
    local events="$WORK/job-$1" reader
    command_line "keepline watch job:$1"
    "$CLIENT" --db "$WORK/reader.db" --url "$URL" --json watch "job:$1" >"$events" 2>>"$WORK/client.log" &
    reader=$!
    await "$events" '"name":"job:completed:v1"' "the search to end"
    kill "$reader"
    wait "$reader" 2>/dev/null || true
    sed -nE "s/.*\"source\":\"([^\"]*)\".*\"title\":\"([^\"]*)\".*/    \2  $DIM\1$PLAIN/p" "$events"
    say "$(count '"name":"search:result:v1"' "$events") results."
}

# --- words ------------------------------------------------------------------------------------------------------------

title() { printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"; }

step() {
    pause
    printf '\n%s%s. %s%s\n' "$CYAN$BOLD" "$1" "$2" "$PLAIN"
}

say() { printf '  %s\n' "$1"; }

command_line() { printf '  %s$ %s%s\n' "$DIM" "$1" "$PLAIN"; }

# On a terminal a reader gets some seconds for what was said.
pause() {
    if [ -t 0 ] && [ -t 1 ]; then read -r -s -t 5 || true; fi
}

stop() {
    echo "${RED}demo: $1$PLAIN" >&2
    exit 1
}
