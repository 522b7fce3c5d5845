#!/usr/bin/env python3
"""Checks the documents: each relative link leads to a file, each `#anchor` to a heading, and each path of this
repository in backticks to something that is there. Addresses on the web are not looked at. Each dependency of the
workspace has its sentence in docs/dependencies.md."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = {"target", "node_modules", ".git", ".cache"}
FOLDERS = r"(?:\.ci|\.github|client-core|docs|examples|protocol|scripts|server|tests)"

LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
PATH = re.compile(rf"`({FOLDERS}/[\w./-]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents(folder=ROOT):
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and entry.name not in SKIPPED:
            yield from documents(entry)
        elif entry.suffix == ".md":
            yield entry


def anchors(file):
    """The anchors of a document's headings, as they are made from them on the web."""
    seen = {}
    for line in FENCE.sub("", file.read_text(encoding="utf-8")).splitlines():
        heading = re.match(r"#{1,6}\s+(.*)", line)
        if heading:
            words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).strip().lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            number = seen.get(slug, 0)
            seen[slug] = number + 1
            yield slug if number == 0 else f"{slug}-{number}"


def problems(file):
    text = FENCE.sub("", file.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (file.parent / path).resolve() if path else file
        if not to.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and (to.suffix != ".md" or anchor not in anchors(to)):
            yield f"the link {target} names no heading"
    for path in PATH.findall(text):
        # What was moved is still written with its old path in places, which nobody notices otherwise.
        if not (ROOT / path).exists() and not (file.parent / path).exists():
            yield f"there is no {path}"


def unexplained():
    """Dependencies of the workspace that docs/dependencies.md does not name."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    section = manifest.partition("[workspace.dependencies]")[2].partition("\n[")[0]
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for name in re.findall(r"^([\w-]+)\s*=", section, re.MULTILINE):
        if f"`{name}`" not in text:
            yield name


def main():
    count = 0
    failed = False
    for file in documents():
        count += 1
        for problem in problems(file):
            failed = True
            print(f"{file.relative_to(ROOT)}: {problem}", file=sys.stderr)
    for name in unexplained():
        failed = True
        print(f"docs/dependencies.md: {name} has no sentence", file=sys.stderr)
    if failed:
        sys.exit(1)
    print(f"{count} documents: every link and path leads somewhere")


main()
