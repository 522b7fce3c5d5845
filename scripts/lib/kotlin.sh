# shellcheck shell=bash
# The Kotlin package: `source` this after lib/cargo.sh and with ROOT set, then call one of
#
#   kotlin_prepare      the generated bindings, the native library and the package, in .cache
#   kotlin_scenarios    the scenarios alone; needs KEEPLINE_SCENARIO_HOST
#   kotlin_test         everything: style, unit tests, bad input, scenarios, the example, the package as a package
#   kotlin_claim NAME   one of its claims: ten-lines, bad-input, cycles, events, crossing, end-to-end
#
# Each prints `SKIP kotlin: reason` and returns 77 where it cannot run. Maven's local repository is .cache/m2; once it has
# what the poms ask for, no network is used.

# shellcheck source=scripts/lib/library.sh
declare -F library_build >/dev/null || source "$ROOT/scripts/lib/library.sh"

KOTLIN_DIR="$ROOT/bindings/kotlin"
KOTLIN_CACHE="$ROOT/.cache/kotlin"
KOTLIN_REPOSITORY="$ROOT/.cache/m2"
KOTLIN_SKIPPED=77

kotlin_skip() {
    echo "SKIP kotlin: $1"
    return "$KOTLIN_SKIPPED"
}

kotlin_need() {
    command -v java >/dev/null || { kotlin_skip "there is no java (a JDK of version 17 or later)"; return; }
    command -v javac >/dev/null || { kotlin_skip "there is no javac (a JDK of version 17 or later)"; return; }
    command -v mvn >/dev/null || { kotlin_skip "there is no mvn (Maven)"; return; }
    local version
    version="$(javac -version 2>&1 | sed 's/^javac //; s/[.].*//')"
    [ "$version" -ge 17 ] || kotlin_skip "the JDK is version $version, and 17 is needed"
}

# kotlin_mvn POM [ARG...]: Maven without colours, without a daemon that would outlive it, and without the network where a
# run with the same poms has fetched everything before.
kotlin_mvn() {
    local offline=() want
    want="$(cat "$KOTLIN_DIR"/pom.xml "$KOTLIN_DIR"/*/pom.xml "$ROOT/examples/kotlin/pom.xml" | sha256sum | cut -d ' ' -f 1)"
    mkdir -p "$KOTLIN_CACHE/fetched"
    [ ! -e "$KOTLIN_CACHE/fetched/$want" ] || offline=(-o)
    mvn -B -q -ntp -Dstyle.color=never -Dkotlin.compiler.daemon=false -Dmaven.repo.local="$KOTLIN_REPOSITORY" \
        "${offline[@]}" -f "$1" "${@:2}"
}

kotlin_fetched() {
    local want
    want="$(cat "$KOTLIN_DIR"/pom.xml "$KOTLIN_DIR"/*/pom.xml "$ROOT/examples/kotlin/pom.xml" | sha256sum | cut -d ' ' -f 1)"
    touch "$KOTLIN_CACHE/fetched/$want"
}

# As JNA calls this platform.
kotlin_platform() {
    case "$(uname -sm)" in
        "Linux x86_64") echo linux-x86-64 ;;
        "Linux aarch64") echo linux-aarch64 ;;
        "Darwin arm64") echo darwin-aarch64 ;;
        "Darwin x86_64") echo darwin-x86-64 ;;
        *) echo "unknown platform $(uname -sm)" >&2; return 1 ;;
    esac
}

kotlin_prepare() {
    kotlin_need
    library_build
    local stamp="$KOTLIN_CACHE/package.stamp" want
    want="$(kotlin_hash)"
    [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    kotlin_generate
    kotlin_native "$KEEPLINE_LIBRARY_STRIPPED"
    kotlin_mvn "$KOTLIN_DIR/pom.xml" install -DskipTests
    echo "$want" >"$stamp"
}

# What the package is made of.
kotlin_hash() {
    { find "$KOTLIN_DIR/src/main" "$KOTLIN_DIR/pom.xml" -type f -print0 | sort -z | xargs -0 sha256sum
      sha256sum "$KEEPLINE_LIBRARY_STRIPPED" "$KEEPLINE_LIBRARY"; } | sha256sum | cut -d ' ' -f 1
}

kotlin_generate() {
    rm -rf "$KOTLIN_CACHE/generated"
    mkdir -p "$KOTLIN_CACHE/generated"
    library_bindings kotlin "$KOTLIN_CACHE/generated"
}

kotlin_native() {
    local folder
    folder="$KOTLIN_CACHE/native/$(kotlin_platform)"
    rm -rf "$KOTLIN_CACHE/native"
    mkdir -p "$folder"
    cp "$1" "$folder/"
}

kotlin_scenarios() {
    kotlin_prepare || return
    kotlin_need_host || return
    kotlin_mvn "$KOTLIN_DIR/pom.xml" test -Dkeepline.groups=scenario -Dkeepline.excludedGroups=
}

kotlin_need_host() {
    [ -n "${KEEPLINE_SCENARIO_HOST:-}" ] || kotlin_skip "KEEPLINE_SCENARIO_HOST is not set"
}
