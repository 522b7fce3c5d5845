"""Tags the wheel: its library is for one platform, and calls no C API of Python's, so it is for every Python 3."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GENERATED = Path("src", "keepline", "_ffi", "keepline_core.py")


class LibraryHook(BuildHookInterface[Any]):
    """What `scripts/lib/python.sh` puts into place before has to be there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, GENERATED).parent
        libraries = [path for path in folder.iterdir() if path.suffix in (".so", ".dylib", ".dll")]
        if not Path(self.root, GENERATED).is_file() or len(libraries) != 1:
            raise RuntimeError(
                f"{folder} has no generated module, or not one library: run scripts/lib/python.sh's python_wheel"
            )
        # A wheel that is built for another platform than the builder's says which.
        platform = os.environ.get("KEEPLINE_WHEEL_PLATFORM") or sysconfig.get_platform()
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform.replace('-', '_').replace('.', '_')}"
