# What UniFFI generates has no types that a checker takes: the layer above it has.
from typing import Any

def __getattr__(name: str) -> Any: ...
