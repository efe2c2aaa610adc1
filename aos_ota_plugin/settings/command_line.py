"""The ``NAME=value`` pairs of a build's command line, from all the ways in which they reach SCons."""

from __future__ import annotations

from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.make_flags import command_line_variables
from aos_ota_plugin.settings.sources import read_command_line

Pairs = Sequence[Tuple[str, str]]
NOT_SETTINGS = frozenset(("V", "BOARD", "MULTITHREADS"))
"""Names that `aos make` and the solutions' Makefiles pass to each other."""


class Request(NamedTuple):
    """The pairs of a command line, by the way in which they reached SCons.

    ``scons`` are SCons' arguments; ``after_hyphens`` are those after ``--`` on its command line, which SCons takes for
    targets and does not build; ``makeflags`` is make's environment variable MAKEFLAGS; ``handed_over`` are from
    `aos-ota make`, which passes them without a shell.
    """

    scons: Pairs = ()
    after_hyphens: Pairs = ()
    makeflags: str = ""
    handed_over: Pairs = ()


def requested_pairs(request: Request, names: Collection[str]) -> List[Tuple[str, str]]:
    """Return all pairs, each name once.

    A shell has changed the words of SCons' command line, so make's record has priority over those after the hyphens.

    Raises:
        SecretError: a pair is a secret.
        SettingsError: SCons has another value for one of `names` than make or `aos-ota make`.
    """
    requested: Dict[str, str] = {}
    for pairs in (request.after_hyphens, command_line_variables(request.makeflags), request.handed_over):
        requested.update(pairs)
    scons = dict(request.scons)
    read_command_line([*scons.items(), *requested.items()])
    for name, value in scons.items():
        if name in names and requested.get(name, value) != value:
            raise SettingsError(
                f"{name}: the command line has one value, and scons got another",
                remedy=f"take {name}=… off the scons line in the solution's Makefile: it is read from make. If it "
                "is not there, a make around this build has set it: `unset MAKEFLAGS`",
            )
    return [(name, value) for name, value in {**requested, **scons}.items() if name not in NOT_SETTINGS]


def environment_warning(environment: Mapping[str, str], pairs: Pairs, names: Collection[str]) -> Optional[str]:
    """Return a warning about `names` in the environment, which set nothing there; None without any.

    Names among `pairs` are skipped: make exports the pairs of its command line.
    """
    requested = {name for name, _ in pairs}
    alone = [name for name in names if name in environment and name not in requested]
    if not alone:
        return None
    verb, them = ("is", "it") if len(alone) == 1 else ("are", "them")
    return (
        f"{', '.join(alone)} {verb} in the environment, which has no effect; to set {them}: "
        f"`aos make {' '.join(f'{name}=…' for name in alone)}`"
    )
