"""Says which parts of the library have how many bytes, beside those of the last measured one.

    library_parts.py LIBRARY RECORD            prints a table, what grew most first
    library_parts.py LIBRARY RECORD --record   writes the record

Needs `nm`. A symbol counts for the crate whose code it is; C code counts as `sqlite` or `ring` where its name says so,
and as `other` otherwise. What no symbol names (tables for unwinding, string literals) is `unnamed`.
"""

import collections
import json
import os
import re
import subprocess
import sys


def part(name):
    if name.startswith(("sqlite3", "fts3", "fts5")):
        return "sqlite"
    if name.startswith("ring_core"):
        return "ring"
    found = re.search(r"<?&?(?:mut )?([a-z_][a-z_0-9]*)(?: as [^>]*)?>?::", name)
    return found.group(1) if found else "other (mostly sqlite)"


def measure(library):
    listing = subprocess.run(
        ["nm", "--print-size", "--radix=d", "-C", library], check=True, capture_output=True, text=True
    ).stdout
    parts = collections.Counter()
    for line in listing.splitlines():
        fields = line.split(maxsplit=3)
        # Those without an address or a size are somebody else's.
        if len(fields) == 4 and fields[1].isdigit():
            parts[part(fields[3])] += int(fields[1])
    parts["unnamed"] = os.path.getsize(library) - sum(parts.values())
    return dict(parts.most_common())


def main():
    library, record = sys.argv[1:3]
    now = measure(library)
    if sys.argv[3:] == ["--record"]:
        with open(record, "w", encoding="utf-8") as file:
            json.dump(now, file, indent=1)
            file.write("\n")
        return
    with open(record, encoding="utf-8") as file:
        before = json.load(file)
    grown = {name: now.get(name, 0) - before.get(name, 0) for name in now.keys() | before.keys()}
    for name, bytes_more in sorted(grown.items(), key=lambda item: -item[1]):
        if bytes_more or now.get(name, 0) > 20_000:
            print(f"{bytes_more:+9d}  {now.get(name, 0):9d}  {name}")


if __name__ == "__main__":
    main()
