"""Sorts the workspace's test programs by what they need. Reads `cargo metadata --no-deps` from standard input.

    targets.py KIND    prints the names of one kind, one a line

A program is of one kind alone: `scenarios` is what each language shows, `peers` needs stock Socket.IO programs, `model` explores states, `golden` and `schema`
compare files, `sim` is the simulation, `e2e` starts the workspace's own binaries or crosses its crates, and `rust` is
all the rest.
"""

import json
import sys

KINDS = ["scenarios", "peers", "model", "golden", "schema", "sim", "e2e", "rust"]


def kind(package, target):
    name = target["name"]
    if name == "scenarios":
        return name
    if "peers" in target.get("required-features", []):
        return "peers"
    if package == "keepline-model":
        return "model"
    if package == "keepline-protocol" and name in ("golden", "schema"):
        return name
    if package == "keepline-tests":
        return "sim" if name.startswith("sim") else "e2e"
    return "rust"


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: targets.py {'|'.join(KINDS)}")
    names = {}
    for package in json.load(sys.stdin)["packages"]:
        for target in package["targets"]:
            if "test" in target["kind"]:
                found = kind(package["name"], target)
                # Two programs of one name are run together, so they had better be of one kind.
                if names.setdefault(target["name"], found) != found:
                    sys.exit(f"two test programs of different kinds are called {target['name']}")
    print("\n".join(sorted(name for name, found in names.items() if found == sys.argv[1])))


main()
