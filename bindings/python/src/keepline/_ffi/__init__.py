"""The native library: `core` is the module that UniFFI generates at build, as the package uses it.

Importing this loads the library. Nothing but `_native`, `_lifetime` and `logs` does, and they are imported when a
client is opened, so that an app's tests with the fake client need no library.
"""

from . import adapt
from . import keepline_core as core

adapt.install(core)

__all__ = ["core"]
