"""The package's version, and how the server sees it."""

from __future__ import annotations

import sys

__version__ = "0.1.0"

SDK = f"keepline-python/{__version__} ({sys.platform})"
