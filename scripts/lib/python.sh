# shellcheck shell=bash
# The Python package: `source` this with ROOT set, then call
#
#   python_prepare     the virtual environment, the generated module and the library in their places
#   python_scenarios   the scenarios alone; needs KEEPLINE_SCENARIO_HOST
#   python_test        everything
#   python_claim NAME  a claim: ten-lines, bad-input, cycles, events, crossing, end-to-end
#
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
    cp "$1" "$2/libkeepline_ffi.so"
}

python_scenarios() {
    : "${KEEPLINE_SCENARIO_HOST:?the scenarios need the scenario host}"
    python_prepare || return
    (cd "$PYTHON_DIR" && "$PYTHON" -m pytest -s tests/scenarios)
}

# python_wheel: builds the wheel, in a copy of the package that has the licences, and sets PYTHON_WHEEL.
python_wheel() {
    local stage="$ROOT/.cache/python-wheel"
    python_prepare || return
    rm -rf "$stage"
    mkdir -p "$stage/dist"
    (cd "$PYTHON_DIR" && cp -r pyproject.toml hatch_build.py README.md src "$stage/")
    find "$stage/src" -name __pycache__ -prune -exec rm -rf {} +
    cp "$ROOT/LICENSE-MIT" "$ROOT/LICENSE-APACHE" "$stage/"
    (cd "$stage" && "$PYTHON" -m hatchling build -t wheel -d dist) >"$stage/log" 2>&1 || { cat "$stage/log" >&2; return 1; }
    PYTHON_WHEEL="$(echo "$stage"/dist/*.whl)"
}
