# shellcheck shell=bash
# The Python package: `source` this with ROOT set, then call
#
#   python_prepare     the virtual environment, the generated module and the library in their places
#   python_scenarios   the scenarios alone; needs KEEPLINE_SCENARIO_HOST
#   python_test        everything
#   python_claim NAME  a claim: ten-lines, bad-input, cycles, events, crossing, end-to-end
#   python_wheel       builds the wheel, and sets PYTHON_WHEEL
#
# All others come after python_prepare, which `language.sh` and `package.sh` call first.
# Where something cannot run here it prints `SKIP python: reason` and returns 77. KEEPLINE_PYTHON names another
# interpreter than python3.

# shellcheck source=scripts/lib/cargo.sh
source "$ROOT/scripts/lib/cargo.sh"
# shellcheck source=scripts/lib/library.sh
source "$ROOT/scripts/lib/library.sh"

PYTHON_DIR="$ROOT/bindings/python"
PYTHON_VENV="$ROOT/.cache/venv-python"
PYTHON_FFI="$PYTHON_DIR/src/keepline/_ffi"
PYTHON="$PYTHON_VENV/bin/python"
case "$(uname -s)" in MINGW* | MSYS* | CYGWIN*) PYTHON="$PYTHON_VENV/Scripts/python.exe" ;; esac
PYTHON_SKIPPED=77

python_prepare() {
    python_venv || return
    library_build
    python_place "$KEEPLINE_LIBRARY_STRIPPED" "$PYTHON_FFI"
}

# The tools, once for each list of them and each interpreter.
python_venv() {
    local base="${KEEPLINE_PYTHON:-python3}" want log="$ROOT/.cache/venv-python.log"
    if ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        echo "SKIP python: there is no Python 3.10 or later"
        return "$PYTHON_SKIPPED"
    fi
    want="$({ "$base" -VV; cat "$PYTHON_DIR/requirements.txt"; } | sha256sum)"
    [ "$(cat "$PYTHON_VENV/stamp" 2>/dev/null)" != "$want" ] || return 0
    echo "installing what the Python package is tested with ..." >&2
    mkdir -p "$ROOT/.cache"
    if ! { "$base" -m venv --clear "$PYTHON_VENV" &&
        "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps -r "$PYTHON_DIR/requirements.txt"; } \
        >"$log" 2>&1; then
        echo "SKIP python: pip cannot install the tools; ${log#"$ROOT"/} says why"
        return "$PYTHON_SKIPPED"
    fi
    echo "$want" >"$PYTHON_VENV/stamp"
}

# python_place LIBRARY FOLDER: the library, and the module that is generated from the same interface.
python_place() {
    library_bindings python "$2" "${3:-$KEEPLINE_LIBRARY}"
    # As the generated module looks for it on this system.
    cp "$1" "$2/$(library_name)"
}

python_scenarios() {
    : "${KEEPLINE_SCENARIO_HOST:?the scenarios need the scenario host}"
    (cd "$PYTHON_DIR" && PYTHONPATH=src "$PYTHON" -m pytest -s tests/scenarios)
}

# python_wheel: builds the wheel, in a copy of the package that has the licences, and sets PYTHON_WHEEL.
python_wheel() {
    local stage="$ROOT/.cache/python-wheel"
    rm -rf "$stage"
    mkdir -p "$stage/dist"
    (cd "$PYTHON_DIR" && cp -r pyproject.toml hatch_build.py README.md src "$stage/")
    find "$stage/src" -name __pycache__ -prune -exec rm -rf {} +
    cp "$ROOT/LICENSE-MIT" "$ROOT/LICENSE-APACHE" "$stage/"
    (cd "$stage" && "$PYTHON" -m hatchling build -t wheel -d dist) >"$stage/log" 2>&1 || { cat "$stage/log" >&2; return 1; }
    PYTHON_WHEEL="$(echo "$stage"/dist/*.whl)"
}

# The package beside the library that has the generator of events.
python_prepare_bench() {
    library_build_bench
    PYTHON_BENCH="$ROOT/.cache/python-bench"
    rm -rf "$PYTHON_BENCH"
    mkdir -p "$PYTHON_BENCH"
    cp -r "$PYTHON_DIR/src/keepline" "$PYTHON_BENCH/"
    python_place "$KEEPLINE_LIBRARY_BENCH" "$PYTHON_BENCH/keepline/_ffi" "$KEEPLINE_LIBRARY_BENCH"
}

python_test() {
    python_lint
    (cd "$PYTHON_DIR" && PYTHONPATH=src "$PYTHON" -m pytest -s tests)
    (cd "$ROOT/examples/python" && PYTHONPATH="$PYTHON_DIR/src" "$PYTHON" -m pytest -q -p no:cacheprovider .)
    python_package
}

# Formatting, lints and types of the package, its tests and the examples.
python_lint() {
    local ruff=("$PYTHON" -m ruff --config pyproject.toml)
    (cd "$PYTHON_DIR" && "${ruff[@]}" format --check . "$ROOT/examples/python" &&
        "${ruff[@]}" check . "$ROOT/examples/python" && "$PYTHON" -m mypy)
    (cd "$PYTHON_DIR" && MYPYPATH=src "$PYTHON" -m mypy --strict "$ROOT/examples/python")
    python_pyright "$PYTHON_DIR" --project "$PYTHON_DIR"
}

# python_pyright FOLDER [FLAG...]: pyright is a Node program, which pip's package brings by npm.
python_pyright() {
    if ! "$PYTHON" -m pyright --version >/dev/null 2>&1; then
        echo "SKIP python (pyright): there is no Node, or npm cannot install it"
        return 0
    fi
    # What it is asked about is installed where the first `python` on the path is.
    (cd "$1" && PATH="${PYTHON_OF_PYRIGHT:-$PYTHON_VENV}/bin:$PYTHON_VENV/bin:$PATH" "$PYTHON" -m pyright "${@:2}")
}

# The wheel as somebody else's project has it: installed into an empty environment, run, and its types checked.
python_package() {
    local venv="$ROOT/.cache/venv-python-consumer"
    python_wheel || return
    "$PYTHON" "$PYTHON_DIR/consumer/check_wheel.py" "$PYTHON_WHEEL"
    "${KEEPLINE_PYTHON:-python3}" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$PYTHON_WHEEL"
    (cd "$PYTHON_DIR/consumer" && env -u PYTHONPATH "$venv/bin/python" app.py)
    (cd "$venv" && env -u PYTHONPATH "$venv/bin/python" -c "
import asyncio, keepline, tempfile
async def main():
    async with keepline.Client('http://127.0.0.1:1', tempfile.mkdtemp() + '/queue.db') as client:
        await client.submit('x', 1)
        print('native library in the wheel:', client.status())
asyncio.run(main())")
    (cd "$PYTHON_DIR/consumer" && env -u PYTHONPATH "$PYTHON" -m mypy --python-executable "$venv/bin/python" app.py)
    python_pyright "$PYTHON_DIR/consumer" --pythonpath "$venv/bin/python" app.py
    PYTHON_OF_PYRIGHT="$venv" python_pyright "$venv" --ignoreexternal --verifytypes keepline >"$venv/types" ||
        { cat "$venv/types"; return 1; }
    grep -E "completeness|SKIP" "$venv/types"
}

# python_claim NAME [DOCUMENT]
python_claim() {
    case "$1" in
        ten-lines) python_run claims.ten_lines "${2:-$ROOT/README.md}" ;;
        bad-input) (cd "$PYTHON_DIR" && PYTHONPATH=src "$PYTHON" -m pytest -v tests/test_bad_input.py tests/test_exit.py) ;;
        cycles | events) python_run "claims.$1" ;;
        crossing) python_prepare_bench && PYTHON_SOURCE="$PYTHON_BENCH" python_run claims.crossing ;;
        end-to-end) python_end_to_end ;;
        *) echo "python has no claim '$1'" >&2; return 2 ;;
    esac
}

python_run() {
    (cd "$PYTHON_DIR" && PYTHONPATH="${PYTHON_SOURCE:-$PYTHON_DIR/src}" "$PYTHON" -m "$@")
}

# What is compared is what is released.
python_end_to_end() {
    [ -n "${HOST_SERVERS:-}" ] || host_with_released_server >&2
    python_run claims.end_to_end "$HOST_SERVERS/keepline-server" "$PEERS_NODE_DIR/pair-bench-server.mjs" "$PEERS_PYTHON"
}
