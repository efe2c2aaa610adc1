"""Reads our ``Kconfig`` file with kconfiglib, for the menu. Builds go by the table in ``fields`` and need neither."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from aos_ota_plugin.errors import Place, SettingsError

KCONFIG_FILE = str(Path(__file__).resolve().parent.parent / "Kconfig")
# kconfiglib reads these; KCONFIG_FUNCTIONS names a Python module that it would import and run.
_VARIABLES = ("srctree", "CONFIG_", "KCONFIG_STRICT", "KCONFIG_WARN_UNDEF", "KCONFIG_FUNCTIONS")
_NO_MODULE = "aos_ota_plugin.no_kconfig_functions"


def load_kconfig(path: str = KCONFIG_FILE) -> Any:  # a class of an untyped library
    """Return kconfiglib's own view of a Kconfig file, untouched by the environment, for menus and saving.

    Raises SettingsError when kconfiglib is missing, shadowed by another package, or refuses or doubts the file.
    """
    library = _kconfiglib()
    with _own_environment():
        try:
            kconfig = library.Kconfig(path, warn_to_stderr=False)
        except OSError as trouble:
            raise _spoilt(path, f"cannot be read: {trouble.strerror}") from None
        except (library.KconfigError, AttributeError) as trouble:  # the latter of a property where none can be
            raise _spoilt(path, f"is wrong: {' '.join(str(trouble).split())}") from None
    if kconfig.warnings:
        raise _spoilt(path, f"is doubtful: {' '.join(kconfig.warnings[0].split())}")
    return kconfig


def _spoilt(path: str, what: str) -> SettingsError:
    return SettingsError(f"the Kconfig file {what}", place=Place(path), remedy="reinstall aos_ota_plugin")


def _kconfiglib() -> Any:  # an untyped library
    """Import kconfiglib 14 and make sure that it is it: another package brings a module of the same name."""
    try:
        import kconfiglib
    except Exception as trouble:  # the impostor raises what it likes when its own dependencies are missing
        raise SettingsError(
            f"kconfiglib cannot be imported: {' '.join(str(trouble).split())[:200]}",
            remedy="python -m pip uninstall esp-idf-kconfig, then "
            "python -m pip install --force-reinstall 'kconfiglib>=14.1,<15'",
        ) from None
    version = getattr(kconfiglib, "VERSION", None)
    if isinstance(version, tuple) and version[:1] == (14,) and hasattr(kconfiglib, "Kconfig"):
        return kconfiglib
    raise SettingsError(
        "another package stands in the place of kconfiglib: "
        f"{getattr(kconfiglib, '__file__', None) or 'a folder without code'}",
        remedy="esp-idf-kconfig brings a module of that name; use aos_ota_plugin in a virtual environment "
        "without it, or: python -m pip uninstall esp-idf-kconfig, then "
        "python -m pip install --force-reinstall 'kconfiglib>=14.1,<15'",
    )


@contextmanager
def _own_environment() -> Iterator[None]:
    """Hide kconfiglib's variables from it: our settings' names must not depend on another project's shell."""
    saved = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    os.environ["KCONFIG_FUNCTIONS"] = _NO_MODULE
    try:
        yield
    finally:
        del os.environ["KCONFIG_FUNCTIONS"]
        os.environ.update(saved)
