"""Reads what the claims of the languages printed, and makes rows and a table of it.

    language_figures.py FOLDER [--write DOCUMENT --date WHEN]

FOLDER has a file `LANGUAGE.CLAIM.log` for each; a line `name: value unit` whose unit is `events/s` (typed or not) or `x`
is a figure, except what was expected.
Prints one JSON object a figure; with --write the table goes into the document, between its marks.
"""

import json
import os
import pathlib
import re
import sys

BEGIN = "<!-- figures of the languages: written by scripts/bench.sh --write -->"
END = "<!-- end of the figures of the languages -->"
FIGURE = re.compile(r"^(?!expected)([A-Za-z].*?): ([0-9][0-9.,]*) (?:typed )?(events/s|x)\b")


def figures(folder):
    for log in sorted(pathlib.Path(folder).glob("*.log")):
        language, claim, _ = log.name.split(".")
        found = [FIGURE.match(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        rows = [match.groups() for match in found if match]
        if not rows:
            yield {"name": f"{language}_{claim}", "value": None, "unit": "events/s", "reason": reason(log)}
        for name, value, unit in rows:
            slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
            number = float(value.replace(",", ""))
            yield {"name": f"{language}_{claim}_{slug}", "says": name, "value": number, "unit": unit}


def reason(log):
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "nothing was printed"


def table(rows, when):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        BEGIN,
        f"Measured {when} on {os.cpu_count()} processors, {memory:.0f} GiB. `crossing` is the boundary alone, from a"
        " generator in the library to typed events; `end-to-end` is a real server's log to typed events.",
        "",
        "| language | claim | what | measured |",
        "|---|---|---|---:|",
    ]
    for row in rows:
        language, claim = row["name"].split("_")[:2]
        if row["value"] is None:
            shown = f"– ({row['reason']})"
        else:
            shown = f"{row['value']:,.2f} ×" if row["unit"] == "x" else f"{row['value']:,.0f} events/s"
        lines.append(f"| {language} | {claim} | {row.get('says', '')} | {shown} |")
    return "\n".join([*lines, END])


def main():
    folder, *flags = sys.argv[1:]
    rows = list(figures(folder))
    for row in rows:
        print(json.dumps(row))
    if flags:
        document, when = pathlib.Path(flags[1]), flags[3]
        text = document.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        document.write_text(before + table(rows, when) + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
