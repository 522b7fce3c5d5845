# shellcheck shell=bash
# The library that the packages carry, and the generator of their bindings. `source` this, then call:
#
#   library_build         builds both, and sets KEEPLINE_LIBRARY, KEEPLINE_LIBRARY_STRIPPED and KEEPLINE_BINDGEN
#   library_build_bench   the same library with the generator of events, in KEEPLINE_LIBRARY_BENCH
#   library_bindings LANGUAGE FOLDER [LIBRARY]   writes the generated code of a language
#   library_strip FROM TO
#
# What is set in the environment already is taken as it is. The build has a folder of its own, since its flags for C
# would make cargo build the rest of the workspace again.

LIBRARY_TARGET="$ROOT/.cache/library"

# The client's SQLite is a queue: no full-text search, no R-trees, no extensions, no JSON in SQL. C code cannot unwind,
# and needs no tables for it. Functions that are the same are kept once.
LIBRARY_SQLITE=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE
    -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_STAT4 -USQLITE_SOUNDEX
    -USQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_OMIT_LOAD_EXTENSION
    -USQLITE_ENABLE_JSON1 -DSQLITE_OMIT_JSON -DSQLITE_OMIT_UTF16 -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE
    -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_DESERIALIZE
)

library_build() {
    if [ -z "${KEEPLINE_LIBRARY:-}" ]; then
        library_cargo "$LIBRARY_TARGET"
        KEEPLINE_LIBRARY="$LIBRARY_TARGET/release-ffi/$(library_name)"
    fi
    if [ -z "${KEEPLINE_LIBRARY_STRIPPED:-}" ]; then
        mkdir -p "$ROOT/.cache/stripped"
        KEEPLINE_LIBRARY_STRIPPED="$ROOT/.cache/stripped/$(library_name)"
        library_strip "$KEEPLINE_LIBRARY" "$KEEPLINE_LIBRARY_STRIPPED"
    fi
    if [ -z "${KEEPLINE_BINDGEN:-}" ]; then
        case "$(uname -s)" in
            # As the test command builds it, so that it is not compiled twice.
            Linux) build_tests ;;
            # The tests start processes in Unix's way.
            *) cargo build --locked -p keepline-bindgen ;;
        esac
        KEEPLINE_BINDGEN="$(binary_dir)/uniffi-bindgen"
    fi
    export KEEPLINE_LIBRARY KEEPLINE_LIBRARY_STRIPPED KEEPLINE_BINDGEN
}

library_build_bench() {
    [ -z "${KEEPLINE_LIBRARY_BENCH:-}" ] || return 0
    library_cargo "$ROOT/.cache/library-bench" --features bench
    KEEPLINE_LIBRARY_BENCH="$ROOT/.cache/library-bench/release-ffi/$(library_name)"
    export KEEPLINE_LIBRARY_BENCH
}

# As the system calls a library. Only Linux is tested.
library_name() {
    case "$(uname -s)" in
        Darwin) echo libkeepline_ffi.dylib ;;
        MINGW* | MSYS* | CYGWIN*) echo keepline_ffi.dll ;;
        *) echo libkeepline_ffi.so ;;
    esac
}

# library_cargo TARGET [FLAG...]
library_cargo() {
    local icf=""
    case "$(uname -sm)" in
        # Rust's own linker, which is the default there, knows it.
        "Linux x86_64") icf="-C link-arg=-Wl,--icf=safe" ;;
    esac
    # Each place that can panic names its file: without the folder in which this machine keeps the sources.
    cargo fetch --locked -q --target "$(rustc -vV | sed -n 's/^host: //p')"
    local sources remap=""
    for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do remap+=" --remap-path-prefix=$sources="; done
    LIBSQLITE3_FLAGS="${LIBRARY_SQLITE[*]}" \
    CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables" \
    RUSTFLAGS="${RUSTFLAGS:-} $icf$remap" \
        cargo build --locked -p keepline-ffi --profile release-ffi --target-dir "$1" "${@:2}"
}

library_bindings() {
    (cd "$ROOT" && "$KEEPLINE_BINDGEN" generate --library "${3:-$KEEPLINE_LIBRARY}" --language "$1" \
        --out-dir "$2" --no-format) >/dev/null
}

# What the loader needs stays, everything else goes.
library_strip() {
    case "$(uname -s)" in
        Darwin) strip -x -o "$2" "$1" ;;
        Linux) strip --strip-unneeded -o "$2" "$1" ;;
        *) cp "$1" "$2" ;; # There the symbols are in a file of their own.
    esac
}

# The budget, in bytes.
LIBRARY_BYTES_MAX=3500000

# library_size: prints the size, and what grew where it is beyond the budget.
library_size() {
    local bytes
    bytes="$(stat -c %s "$KEEPLINE_LIBRARY_STRIPPED")"
    echo "library, stripped: $bytes bytes (at most $LIBRARY_BYTES_MAX)"
    [ "$bytes" -le "$LIBRARY_BYTES_MAX" ] && return 0
    echo "the parts of it, with their bytes in the last measured library:"
    python3 "$ROOT/scripts/lib/library_parts.py" "$KEEPLINE_LIBRARY" "$ROOT/uniffi/size.json"
    return 1
}
