"""What settings there are: read from our ``Kconfig`` file by kconfiglib."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Tuple

from aos_ota_plugin.errors import Place, SettingsError

KCONFIG_FILE = str(Path(__file__).resolve().parent.parent / "Kconfig")
# kconfiglib reads these; KCONFIG_FUNCTIONS names a Python module that it would import and run.
_VARIABLES = ("srctree", "CONFIG_", "KCONFIG_STRICT", "KCONFIG_WARN_UNDEF", "KCONFIG_FUNCTIONS")
_NO_MODULE = "aos_ota_plugin.no_kconfig_functions"


class Symbol(NamedTuple):
    """One setting; its kind is "bool", "string" or "hex", its choice the one it belongs to or ""."""

    name: str
    kind: str
    default: str
    choice: str
    prompt: str
    help: str


class Choice(NamedTuple):
    """Settings of which exactly one is y."""

    name: str
    members: Tuple[str, ...]
    default: str


class Schema(NamedTuple):
    """All settings and choices by name, in the order of the Kconfig file."""

    symbols: Mapping[str, Symbol]
    choices: Mapping[str, Choice]


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


def load_schema(path: str = KCONFIG_FILE) -> Schema:
    """Return our settings' names, kinds, defaults and help texts; errors as ``load_kconfig``."""
    library = _kconfiglib()
    kconfig = load_kconfig(path)
    symbols = {}
    for symbol in kconfig.unique_defined_syms:
        node = symbol.nodes[0]
        symbols[symbol.name] = Symbol(
            name=symbol.name,
            kind=library.TYPE_TO_STR[symbol.orig_type],
            default="n" if symbol.orig_type == library.BOOL else "",
            choice=symbol.choice.name or "" if symbol.choice else "",
            prompt=node.prompt[0] if node.prompt else "",
            help=node.help or "",
        )
        if symbol.defaults:
            default = symbol.defaults[0][0]
            if not isinstance(default, library.Symbol):
                raise _spoilt(path, f"has an expression as {symbol.name}'s default")
            symbols[symbol.name] = _with_default(symbols[symbol.name], default.str_value)
    choices = {}
    for choice in kconfig.unique_choices:
        if not choice.syms:
            raise _spoilt(path, "has a choice of nothing")
        default = choice.defaults[0][0].name if choice.defaults else choice.syms[0].name
        choices[choice.name] = Choice(choice.name, tuple(member.name for member in choice.syms), default)
        symbols[default] = _with_default(symbols[default], "y")
    return Schema(symbols, choices)


def _with_default(symbol: Symbol, default: str) -> Symbol:
    return Symbol(symbol.name, symbol.kind, default, symbol.choice, symbol.prompt, symbol.help)


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
