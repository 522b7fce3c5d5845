#!/usr/bin/env python3
"""Checks docs/coverage.md: each row names tests, and each named test exists. In SECURITY.md the latter alone.

A test is named `FOLDER/FILE::NAME`: the path of its file without `src/` or `tests/` after the crate's folder and
without `.rs`, then the function. `client-core/store/tests::damage_is_an_error_and_never_wiped` stands for that
function in `client-core/src/store/tests.rs`.

    check-coverage.py           checks
    check-coverage.py --list    prints every test that can be named
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "coverage.md"
THREATS = ROOT / "SECURITY.md"
# Longest first: `tests/model` is a crate inside another one's folder.
CRATES = ["examples/cli", "tests/model", "client-core", "protocol", "server", "tests"]

# An attribute that makes a function a test, whatever stands between the two. `#[ignore]` is found there as well.
TEST = re.compile(r"#\[(?:tokio::)?test(?:\([^)]*\))?\]((?:\s*(?:#\[[^\]]*\]|//[^\n]*))*)\s*(?:async\s+)?fn\s+(\w+)")
# A macro that makes a test of each `name: …;` it is given: its name, then what it is given.
MAKER = re.compile(r"macro_rules!\s+(\w+)\s*\{(?:(?!\n\}).)*?#\[(?:tokio::)?test[^\]]*\]\s*(?:async\s+)?fn\s+\$", re.DOTALL)
GIVEN = re.compile(r"^\s+(\w+):", re.MULTILINE)
NAMED = re.compile(r"`([\w.-]+/[\w./-]*::\w+)`")


def tests():
    """Every test: its name here, and whether it is ignored."""
    found = {}
    for crate in CRATES:
        for part in ("src", "tests"):
            for file in sorted((ROOT / crate / part).rglob("*.rs")):
                path = file.relative_to(ROOT / crate / part).with_suffix("").as_posix()
                text = file.read_text(encoding="utf-8")
                for attributes, name in TEST.findall(text):
                    found[f"{crate}/{path}::{name}"] = "#[ignore" in attributes
                for maker in MAKER.findall(text):
                    for given in re.findall(rf"^{maker}! \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL):
                        found.update({f"{crate}/{path}::{name}": False for name in GIVEN.findall(given)})
    return found


def rows(text):
    """The rows of the document's tables, without their heads: line number and cells."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|") or set(line) <= set("|-: "):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] != "topic":
            yield number, cells


def problems(text, known):
    """What is wrong with the document, a sentence each."""
    count = 0
    for number, cells in rows(text):
        count += 1
        names = NAMED.findall(cells[-1])
        where = f"docs/coverage.md:{number}: {cells[0]}"
        if len(cells) != 3:
            yield f"{where}: {len(cells)} cells instead of 3"
        if "MISSING" in cells[-1]:
            yield f"{where}: no test yet"
        elif not names:
            yield f"{where}: names no test"
        for name in names:
            if name not in known:
                yield f"{where}: there is no test {name}"
            elif known[name]:
                yield f"{where}: {name} is ignored"
    if count == 0:
        yield "docs/coverage.md: no rows were found"


def main():
    known = tests()
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(known)))
        return
    text = TABLE.read_text(encoding="utf-8")
    found = list(problems(text, known))
    for name in NAMED.findall(THREATS.read_text(encoding="utf-8")):
        if name not in known:
            found.append(f"SECURITY.md: there is no test {name}")
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        sys.exit(1)
    named = len(set(NAMED.findall(text)))
    print(f"docs/coverage.md: {sum(1 for _ in rows(text))} rows name {named} of {len(known)} tests, and all exist")


main()
