r"""Choose the source of a solution that gets version and identity, by what its sources hold.

It is the one with the version macro or with the identity as plain values (``app_places``). A solution that has a main
and no version macro gets the version in the generated header ``ota_app.h``; one without a main gets the template's
application. Bytes in, a decision out: nothing is read here.

>>> choose_app_source({"main.c": b"int main(void)\n{\n}\n"})
AppChoice(source=None, version_in_source=False, header=True, template=False, including=(), others=())
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import SourceError
from .names import APP_SOURCE, APP_SOURCE_SETTING, FIELDS, INCLUDE_LINE, VERSION_MACRO

# The parser is imported where it is used: most builds need none of it.
if TYPE_CHECKING:
    from .c_source import CSource
    from .c_tokens import Token

# Compiled where they are used: most builds need one of them.
_INCLUDES = rb'(?m)^[ \t]*#[ \t]*include[ \t]*["<](?:[^">\n]*/)?ota_app\.h[">]'
_VERSION = rb"#[ \t]*define[ \t]+MY_APP_VER\b"
_MAIN = rb"\b(?:application_start|main)\s*\("
_LABEL = rb"(?m)^[ \t]*(?:application_start|main)[ \t]*:"
ASSEMBLER = (".s", ".asm")
"""How the names of assembler sources end, in lower case."""
_MAINS = frozenset(("application_start", "main"))
# Of most sources these bytes tell that they hold neither version nor identity: only the others are parsed.
_WORDS = tuple(word.encode() for word in (VERSION_MACRO, *FIELDS, *(field.upper() for field in FIELDS)))


class AppChoice(NamedTuple):
    """Where a build puts version and identity.

    ``source`` gets them, None for none; with ``template`` the template's application is added. ``version_in_source``
    says whether that holds the version, ``header`` whether ``ota_app.h`` is generated, which ``including`` include.
    ``others`` hold version or identity, too, and stay as they are, since another one was named.
    """

    source: Optional[str] = None
    version_in_source: bool = False
    header: bool = False
    template: bool = False
    including: Tuple[str, ...] = ()
    others: Tuple[str, ...] = ()


def choose_app_source(sources: Mapping[str, bytes], named: str = "") -> AppChoice:
    """Choose the source that gets version and identity.

    ``sources`` are C, C++ and assembler sources by path; ``named`` is one of C or C++, or "".

    Raises SourceError: more than one source holds version or identity, and none is named.
    """
    including = tuple(name for name, data in sources.items() if b"ota_app.h" in data and re.search(_INCLUDES, data))
    source = named or _find(sources)
    others = tuple(name for name in _holders(sources) if name != named) if named else ()
    if source and _has_version(sources[source], source):
        return AppChoice(source, version_in_source=True, header=bool(including), including=including, others=others)
    if source and not including and (_base(source) == APP_SOURCE or not has_main(sources)):
        # It has no place for the version: the error says so.
        return AppChoice(source, version_in_source=True, others=others)
    if source or including or has_main(sources):
        return AppChoice(source, header=True, including=including, others=others)
    return AppChoice(version_in_source=True, template=True)


def has_main(sources: Mapping[str, bytes]) -> bool:
    """Return whether a source defines ``application_start`` or ``main``; declarations do not count."""
    if any(re.search(_LABEL, data) for name, data in sources.items() if _is_assembler(name)):
        return True
    possible = [(name, data) for name, data in sources.items() if not _is_assembler(name) and re.search(_MAIN, data)]
    if not possible:
        return False
    from .c_tokens import live_tokens
    from .encoding import to_text

    return any(_defines_main(live_tokens(to_text(data, file=name))) for name, data in possible)


def _find(sources: Mapping[str, bytes]) -> Optional[str]:
    """Return the one source that holds version or identity, else the one with the vendor's name."""
    possible = _possible(sources)
    vendors = next((name for name in sources if _base(name) == APP_SOURCE), None)
    if vendors and all(name == vendors for name in possible):
        return vendors
    holders = _holders(sources)
    if len(holders) > 1:
        raise _ambiguous(holders)
    return next(iter(holders), vendors)


def _possible(sources: Mapping[str, bytes]) -> List[str]:
    return [name for name, data in sources.items() if is_c(name) and any(word in data for word in _WORDS)]


def _holders(sources: Mapping[str, bytes]) -> Dict[str, Tuple[CSource, List[Token]]]:
    """Return the sources that hold version or identity, with the names of these."""
    from .app_places import held_names

    holders: Dict[str, Tuple[CSource, List[Token]]] = {}
    for name in _possible(sources):
        code = _parse(sources[name], name)
        names = held_names(code)
        if names:
            holders[name] = (code, names)
    return holders


def _ambiguous(holders: Mapping[str, Tuple[CSource, List[Token]]]) -> SourceError:
    listed = "; ".join(
        f"{name} has {', '.join(f'{token.text} in line {code.line(token.start)}' for token in names)}"
        for name, (code, names) in holders.items()
    )
    first = next(iter(holders))
    code, names = holders[first]
    remedy = (
        f"name the one under def_config, for example `{APP_SOURCE_SETTING}: {first}`: the values of the others stay"
    )
    remedy += " as they are"
    versions = [name for name, (_, tokens) in holders.items() if any(token.text == VERSION_MACRO for token in tokens)]
    if len(versions) == 1 and len(holders) == 2:
        remedy += f"; or write  {INCLUDE_LINE}  in {versions[0]} in the place of its {VERSION_MACRO}"
    return SourceError(
        f"version and identity have one source, and {len(holders)} could be it: {listed}",
        place=code.place(names[0].start),
        remedy=remedy,
    )


def _has_version(data: bytes, name: str) -> bool:
    if _base(name) == APP_SOURCE and re.search(_VERSION, data):
        return True  # the usual case, not parsed: what injects the version tells whether it is a comment
    return VERSION_MACRO.encode() in data and any(
        macro.name.text == VERSION_MACRO for macro in _parse(data, name).macros
    )


def _parse(data: bytes, name: str) -> CSource:
    from .c_source import CSource

    return CSource(data, file=name)


def is_c(name: str) -> bool:
    """Return whether a path is that of a C source, by its name."""
    return name.lower().endswith(".c")


def _is_assembler(name: str) -> bool:
    return name.lower().endswith(ASSEMBLER)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _defines_main(tokens: Sequence[Token]) -> bool:
    """Return whether one of ``_MAINS`` is followed by parentheses and a block."""
    code = [token for token in tokens if not token.directive]
    for index, token in enumerate(code):
        if token.kind == "word" and token.text in _MAINS:
            after = _behind_parentheses(code, index + 1)
            if after is not None and after.is_punct("{"):
                return True
    return False


def _behind_parentheses(tokens: Sequence[Token], start: int) -> Optional[Token]:
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index].is_punct("("):
            depth += 1
        elif tokens[index].is_punct(")"):
            depth -= 1
        if depth == 0:
            return tokens[index + 1] if index > start and index + 1 < len(tokens) else None
    return None
