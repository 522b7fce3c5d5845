"""Looks at a wheel: its name, what is in it and what is not, and its licences. `check_wheel.py WHEEL`"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

NAME = re.compile(r"keepline-\d+\.\d+\.\d+-py3-none-(linux|manylinux|macosx|win)\w+\.whl")
WANTED = (
    "keepline/py.typed",
    "keepline/_ffi/keepline_core.py",
    "keepline/_ffi/keepline_core.pyi",
    "licenses/LICENSE-MIT",
    "licenses/LICENSE-APACHE",
)
LIBRARY_BYTES_MAX = 3_500_000


def main(path: str) -> int:
    wrong: list[str] = []
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        libraries = [name for name in names if name.endswith((".so", ".dylib", ".dll"))]
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        sizes = [wheel.getinfo(name).file_size for name in libraries]
    if not NAME.fullmatch(Path(path).name):
        wrong.append(f"the name {Path(path).name}")
    wrong += [f"{wanted} is missing" for wanted in WANTED if not any(name.endswith(wanted) for name in names)]
    wrong += [f"{name} does not belong in it" for name in names if re.search(r"__pycache__|/tests?/|\.sql$", name)]
    if len(libraries) != 1 or sizes[0] > LIBRARY_BYTES_MAX:
        wrong.append(f"libraries {libraries} of {sizes} bytes")
    if "License-Expression: MIT OR Apache-2.0" not in metadata or "Requires-Dist" in metadata:
        wrong.append("the metadata's licence or dependencies")
    print(f"{Path(path).name}: {len(names)} files, {Path(path).stat().st_size} bytes, library {sizes} bytes")
    for what in wrong:
        print(f"wrong: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
