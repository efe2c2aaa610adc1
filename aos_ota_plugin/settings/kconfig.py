"""Reading the ``Kconfig`` file with kconfiglib, for the menu; builds use the table in ``fields``."""

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
    """Return kconfiglib's object for a Kconfig file, for menus and saving; the environment is not used.

    Raises SettingsError when kconfiglib is missing, shadowed by another package, refuses the file or warns of it.
    """
    library = _kconfiglib()
    with _own_environment():
        try:
            kconfig = library.Kconfig(path, warn_to_stderr=False)
        except OSError as error:
            raise _kconfig_error(path, f"cannot be read: {error.strerror}") from None
        except (library.KconfigError, AttributeError) as error:  # the latter for a misplaced property
            raise _kconfig_error(path, f"is wrong: {' '.join(str(error).split())}") from None
    if kconfig.warnings:
        raise _kconfig_error(path, f"is doubtful: {' '.join(kconfig.warnings[0].split())}")
    return kconfig


def _kconfig_error(path: str, what: str) -> SettingsError:
    return SettingsError(f"the Kconfig file {what[:400]}", place=Place(path), remedy="reinstall aos_ota_plugin")


def _kconfiglib() -> Any:  # an untyped library
    """Import kconfiglib 14. Raises SettingsError for another package's module of that name."""
    try:
        import kconfiglib
    except Exception as error:  # another package's module may raise any error without its dependencies
        raise SettingsError(
            f"kconfiglib cannot be imported: {' '.join(str(error).split())[:200]}",
            remedy="python -m pip uninstall esp-idf-kconfig, then "
            "python -m pip install --force-reinstall 'kconfiglib>=14.1,<15'",
        ) from None
    version = getattr(kconfiglib, "VERSION", None)
    if isinstance(version, tuple) and version[:1] == (14,) and hasattr(kconfiglib, "Kconfig"):
        return kconfiglib
    raise SettingsError(
        "another package is imported as kconfiglib: "
        f"{getattr(kconfiglib, '__file__', None) or 'a folder without code'}",
        remedy="esp-idf-kconfig brings a module of that name; use aos_ota_plugin in a virtual environment "
        "without it, or: python -m pip uninstall esp-idf-kconfig, then "
        "python -m pip install --force-reinstall 'kconfiglib>=14.1,<15'",
    )


@contextmanager
def _own_environment() -> Iterator[None]:
    """Hide the environment variables that kconfiglib reads: they may be another project's."""
    saved = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    os.environ["KCONFIG_FUNCTIONS"] = _NO_MODULE
    try:
        yield
    finally:
        del os.environ["KCONFIG_FUNCTIONS"]
        os.environ.update(saved)
