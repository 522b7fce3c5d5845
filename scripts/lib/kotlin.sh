# shellcheck shell=bash
# The Kotlin package: `source` this after lib/cargo.sh and with ROOT set, then call one of
#
#   kotlin_prepare      the generated bindings, the native library and the package, in .cache
#   kotlin_scenarios    the scenarios alone; needs KEEPLINE_SCENARIO_HOST
#   kotlin_test         everything: style, unit tests, bad input, scenarios, the example, the package as a package
#   kotlin_claim NAME   one of its claims: ten-lines, bad-input, cycles, events, crossing, end-to-end
#
# All others come after kotlin_prepare, which `language.sh` calls first.
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
# run of the same kind has fetched everything before.
kotlin_mvn() {
    local fetched options=(-B -q -ntp -Dstyle.color=never -Dkotlin.compiler.daemon=false)
    options+=(-Dmaven.repo.local="$KOTLIN_REPOSITORY" -f "$1")
    fetched="$KOTLIN_CACHE/fetched/$({ cat "$1"; echo "${@:2}" | tr ' ' '\n' | grep -v '=' || true; } | sha256sum | cut -c 1-32)"
    mkdir -p "$KOTLIN_CACHE/fetched"
    [ ! -e "$fetched" ] || options+=(-o)
    # Maven resets colours that nobody set, in the middle of what a test prints.
    (set -o pipefail; mvn "${options[@]}" "${@:2}" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g') || return
    touch "$fetched"
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

# What may fail says `|| return`: a caller's `|| return` switches `set -e` off in here. A build that failed must not end
# in a package of the one before it, so the stamp goes first.
kotlin_prepare() {
    kotlin_need || return
    library_build || return
    local stamp="$KOTLIN_CACHE/package.stamp" want
    want="$(kotlin_hash)" || return
    [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    rm -f "$stamp" || return
    kotlin_generate || return
    kotlin_native "$KEEPLINE_LIBRARY_STRIPPED" || return
    # What was there before and is no more would be in the jar.
    rm -rf "$KOTLIN_DIR/target/classes" || return
    kotlin_mvn "$KOTLIN_DIR/pom.xml" install -DskipTests || return
    echo "$want" >"$stamp"
}

# What the package is made of.
kotlin_hash() (
    set -o pipefail
    { find "$KOTLIN_DIR/src/main" "$KOTLIN_DIR/pom.xml" -type f -print0 | sort -z | xargs -0 sha256sum
      sha256sum "$KEEPLINE_LIBRARY_STRIPPED" "$KEEPLINE_LIBRARY"; } | sha256sum | cut -d ' ' -f 1
)

kotlin_generate() {
    rm -rf "$KOTLIN_CACHE/generated" || return
    mkdir -p "$KOTLIN_CACHE/generated" || return
    library_bindings kotlin "$KOTLIN_CACHE/generated"
}

kotlin_native() {
    local folder
    folder="$(kotlin_platform)" || return
    folder="$KOTLIN_CACHE/native/$folder"
    rm -rf "$KOTLIN_CACHE/native" || return
    mkdir -p "$folder" || return
    cp "$1" "$folder/libkeepline_ffi.${1##*.}"
}

kotlin_scenarios() {
    kotlin_need_host || return
    kotlin_mvn "$KOTLIN_DIR/pom.xml" test -Dkeepline.groups=scenario -Dkeepline.excludedGroups=
}

kotlin_need_host() {
    [ -n "${KEEPLINE_SCENARIO_HOST:-}" ] || kotlin_skip "KEEPLINE_SCENARIO_HOST is not set"
}

kotlin_test() {
    kotlin_need_host || return
    kotlin_style || return
    kotlin_mvn "$KOTLIN_DIR/pom.xml" install -Dkeepline.excludedGroups= || return
    kotlin_package || return
    kotlin_mvn "$ROOT/examples/kotlin/pom.xml" test
}

# What no compiler says: lines of at most 120 characters, no tabs, no wildcard imports (types and explicit visibility are
# the compiler's, for which every warning is an error).
kotlin_style() {
    local found
    found="$(find "$KOTLIN_DIR" "$ROOT/examples/kotlin" -path '*/target' -prune -o \( -name '*.kt' -o -name '*.kts' \) -print0 |
        xargs -0 grep -nHE '.{121}|	| $|^import .*[*]$' || true)"
    [ -z "$found" ] || { echo "style:"; echo "$found"; return 1; }
}

# The package as a package: what is in the jars, and an app in a folder of its own that has nothing else.
kotlin_package() {
    local jar="$KOTLIN_DIR/target/keepline-0.1.0.jar" app="$KOTLIN_CACHE/verify" entry wanted listed
    wanted=("$(kotlin_platform)/libkeepline_ffi.so" META-INF/LICENSE-MIT META-INF/LICENSE-APACHE
        dev/keepline/KeeplineClient.class dev/keepline/catalogue/StartSearch.class dev/keepline/testing/FakeClient.class
        META-INF/keepline.kotlin_module META-INF/proguard/keepline.pro)
    # A list, and not a pipe: what reads only up to its find would break the pipe.
    listed="$(unzip -Z1 "$jar")" || return
    for entry in "${wanted[@]}"; do
        grep -qxF "$entry" <<<"$listed" || { echo "$jar lacks $entry"; return 1; }
    done
    if grep -E 'Test\.class|[.]cache' <<<"$listed"; then echo "$jar has what it should not"; return 1; fi
    unzip -p "$jar" "$(kotlin_platform)/libkeepline_ffi.so" | cmp - "$KEEPLINE_LIBRARY_STRIPPED" || return
    listed="$(unzip -Z1 "${jar%.jar}-sources.jar")" || return
    for entry in dev/keepline/KeeplineClient.kt dev/keepline/catalogue/Search.kt META-INF/LICENSE-MIT; do
        grep -qxF "$entry" <<<"$listed" || { echo "the sources lack $entry"; return 1; }
    done
    echo "jar: $(stat -c %s "$jar") bytes, the library in it: $(stat -c %s "$KEEPLINE_LIBRARY_STRIPPED") bytes"
    rm -rf "$app"
    mkdir -p "$app"
    cp -r "$KOTLIN_DIR/verify/." "$app/"
    rm -rf "$app/target"
    kotlin_mvn "$app/pom.xml" test || return
    echo "an app with the installed package alone: ok"
}

# kotlin_claim NAME
kotlin_claim() {
    case "$1" in
        ten-lines) kotlin_need_host || return; kotlin_ten_lines ;;
        bad-input) kotlin_bad_input ;;
        # A heap that is all there from the beginning does not count as growth.
        cycles) kotlin_measure "$KOTLIN_DIR/target/classes" -Xms96m -Xmx96m -XX:+AlwaysPreTouch -XX:+UseSerialGC -- cycles ;;
        events | end-to-end) kotlin_need_host || return; kotlin_measure "$KOTLIN_DIR/target/classes" -- "$1" ;;
        crossing) kotlin_crossing ;;
        *) echo "kotlin has no claim '$1'" >&2; return 2 ;;
    esac
}

# kotlin_measure CLASSES [JVM FLAG...] -- CLAIM [ARG...]: the claims lie beside the tests.
kotlin_measure() {
    local classes="$1" flags=()
    shift
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    kotlin_mvn "$KOTLIN_DIR/pom.xml" test-compile dependency:build-classpath -Dmdep.outputFile="$KOTLIN_CACHE/classpath" ||
        return
    java "${flags[@]}" -Dkeepline.root="$ROOT" -cp "$KOTLIN_DIR/target/test-classes:$classes:$(cat "$KOTLIN_CACHE/classpath")" \
        dev.keepline.claims.ClaimsKt "${@:2}"
}

# The README's block, compiled as it stands there.
kotlin_ten_lines() {
    local app="$KOTLIN_CACHE/ten-lines"
    rm -rf "$app"
    mkdir -p "$app/src/main/kotlin"
    cp "$KOTLIN_DIR/verify/pom.xml" "$app/"
    readme_block kotlin >"$app/src/main/kotlin/Main.kt"
    grep -q 'fun main' "$app/src/main/kotlin/Main.kt" || { echo "there is no program in Kotlin in README.md"; return 1; }
    echo "lines of the program: $(sed -n '/fun main/,$p' "$app/src/main/kotlin/Main.kt" | grep -c .) lines"
    kotlin_mvn "$app/pom.xml" compile dependency:build-classpath -Dmdep.outputFile="$app/classpath" || return
    kotlin_measure "$KOTLIN_DIR/target/classes" -- ten-lines "$app/target/classes:$(cat "$app/classpath")"
}

# The tests of bad input say what they measured by passing; their report has their number.
kotlin_bad_input() {
    local report="$KOTLIN_DIR/target/surefire-reports/TEST-dev.keepline.BadInputTest.xml" counts
    rm -f "$report"
    kotlin_mvn "$KOTLIN_DIR/pom.xml" test -Dtest=BadInputTest || return
    counts="$(sed -n 's/.*<testsuite .* tests="\([0-9]*\)" errors="\([0-9]*\)" skipped="\([0-9]*\)" failures="\([0-9]*\)".*/\1 \2 \3 \4/p' "$report")"
    grep -o 'testcase name="[^"]*"' "$report" | sed 's/testcase name="\(.*\)"/bad input: \1 held/'
    echo "bad_input_cases: ${counts%% *} cases"
    [ "${counts#* }" = "0 0 0" ] && [ "${counts%% *}" -ge 11 ]
}

# A second build of the package, with the library that has the generator.
kotlin_crossing() {
    local bench="$KOTLIN_CACHE/bench" folder
    library_build_bench || return
    folder="$bench/native/$(kotlin_platform)"
    rm -rf "$bench" || return
    mkdir -p "$bench/generated" "$folder" || return
    library_bindings kotlin "$bench/generated" "$KEEPLINE_LIBRARY_BENCH" || return
    cp "$KEEPLINE_LIBRARY_BENCH" "$folder/libkeepline_ffi.${KEEPLINE_LIBRARY_BENCH##*.}" || return
    kotlin_mvn "$KOTLIN_DIR/pom.xml" compile -Dkeepline.target="$bench/target" \
        -Dkeepline.generated="$bench/generated" -Dkeepline.native="$bench/native" || return
    kotlin_measure "$bench/target/classes" -- crossing
}
