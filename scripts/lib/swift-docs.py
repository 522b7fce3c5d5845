"""Says which public declarations of the Swift package have no documentation.

    swift-docs.py SYMBOLGRAPH...

Reads what `swift package dump-symbol-graph` writes. What a declaration inherits from a protocol that has documentation
needs none of its own, and neither do memberwise initialisers, whose parameters are the documented properties.
"""

import json
import sys

INHERITED_NAMES = {
    "init(from:)", "encode(to:)", "makeAsyncIterator()", "Element", "AsyncIterator", "description", "customMirror",
    "code", "name", "Reply", "handlers",
}


def undocumented(path):
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    implements = set()
    for relation in graph["relationships"]:
        if relation["kind"] in ("requirementOf", "defaultImplementationOf", "overrides") or relation.get("sourceOrigin"):
            implements.add(relation["source"])
    for symbol in graph["symbols"]:
        kind, title = symbol["kind"]["identifier"], symbol["names"]["title"]
        if "docComment" in symbol or symbol["identifier"]["precise"] in implements - required(graph):
            continue
        if kind in ("swift.init", "swift.extension") or title.split(".")[-1] in INHERITED_NAMES:
            continue
        yield f"{graph['module']['name']}: {'.'.join(symbol['pathComponents'])}"


def required(graph):
    """Requirements of the package's own protocols: they are where documentation is inherited from."""
    return {relation["source"] for relation in graph["relationships"] if relation["kind"] == "requirementOf"}


def main():
    missing = [line for path in sys.argv[1:] for line in undocumented(path)]
    print("\n".join(missing))
    return 1 if missing else 0


sys.exit(main())
