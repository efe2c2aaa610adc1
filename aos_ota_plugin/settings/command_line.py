"""What a build was asked for, in ``NAME=value`` pairs, put together from all the ways by which it reaches SCons."""

from __future__ import annotations

from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.make_flags import command_line_variables
from aos_ota_plugin.settings.sources import read_command_line

Pairs = Sequence[Tuple[str, str]]
NOT_SETTINGS = frozenset(("V", "BOARD", "MULTITHREADS"))
"""What `aos make` and the solutions' Makefiles say to each other."""


class Request(NamedTuple):
    """The pairs by the way they came.

    ``scons`` is what SCons took for its arguments, ``behind_hyphens`` what stands behind ``--`` on its command line,
    which SCons takes for targets, and then builds none of them; ``makeflags`` is the variable that make leaves in the
    environment; ``handed_over`` comes from `aos-ota make`, past every shell.
    """

    scons: Pairs = ()
    behind_hyphens: Pairs = ()
    makeflags: str = ""
    handed_over: Pairs = ()


def asked_for(request: Request, names: Collection[str]) -> List[Tuple[str, str]]:
    """List all pairs, each name once: what SCons was given, then what did not reach it.

    A shell has been at what stands on SCons' command line, so make's record counts before what is behind the hyphens.

    Raises:
        SecretError: one of them is a secret.
        SettingsError: SCons was given another value for one of `names` than make or `aos-ota make`.
    """
    asked: Dict[str, str] = {}
    for pairs in (request.behind_hyphens, command_line_variables(request.makeflags), request.handed_over):
        asked.update(pairs)
    scons = dict(request.scons)
    read_command_line([*scons.items(), *asked.items()])
    for name, value in scons.items():
        if name in names and asked.get(name, value) != value:
            raise SettingsError(
                f"{name}: this build was asked for one value, and scons was given another one",
                remedy=f"take {name}=… off the scons line in the solution's Makefile: it is read from make. Where it "
                "is not there, a make around this build has set it: `unset MAKEFLAGS`",
            )
    return [(name, value) for name, value in {**asked, **scons}.items() if name not in NOT_SETTINGS]


def environment_warning(environment: Mapping[str, str], pairs: Pairs, names: Collection[str]) -> Optional[str]:
    """Say which of `names` stand in the environment alone, where they set nothing; None if none does.

    make exports what it was asked for, so that names among `pairs` do not count.
    """
    asked = {name for name, _ in pairs}
    alone = [name for name in names if name in environment and name not in asked]
    if not alone:
        return None
    verb, them = ("stands", "it") if len(alone) == 1 else ("stand", "them")
    return (
        f"{', '.join(alone)} {verb} in the environment, which sets nothing; to set {them}: "
        f"`aos make {' '.join(f'{name}=…' for name in alone)}`"
    )
