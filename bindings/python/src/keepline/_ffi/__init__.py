"""The native library: `core` is the module that UniFFI generates at build, as the package uses it.

Importing this loads the library. Nothing but `_native` and `logs` does, when a client is opened or logs are wanted, so
that an app's tests with the fake client need no library.
"""

from .. import _lifetime
from . import adapt
from . import keepline_core as core

adapt.install(core)

__all__ = ["core", "is_quiet"]


def is_quiet() -> bool:
    """Whether no thread of the library is in Python, or may yet come."""
    return adapt.is_quiet(core)


_lifetime.wait_at_exit(is_quiet, lambda: adapt.disarm(core))
