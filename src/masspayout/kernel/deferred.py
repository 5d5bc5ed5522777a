"""Deferred imports: a module is loaded when one of its names is first used.

A module that takes long to load and that few commands need is imported at the top of the file, where readers, type
checkers and the import contract see it, and loaded on the first access to one of its names:

    if TYPE_CHECKING:
        from masspayout.db import migrations
    else:
        migrations = deferred("masspayout.db.migrations")

This saves time and nothing else. A deferred import cannot hide a cycle: the import contract counts it like all others.
"""

import importlib.util
import sys
from types import ModuleType


def deferred(name: str) -> ModuleType:
    """Return a module of a package. The package is imported now, the module on the first access to one of its names."""
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.find_spec(name)
    if specification is None or specification.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    loader = importlib.util.LazyLoader(specification.loader)
    specification.loader = loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    package, _, own_name = name.rpartition(".")
    setattr(sys.modules[package], own_name, module)
    loader.exec_module(module)
    return module
