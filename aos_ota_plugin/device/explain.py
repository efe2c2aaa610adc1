"""Explain the codes that devices show: what each means, who says it, and what to look at.

>>> [found.name for found in find("-9", explanations("en"))]
['OTA_DOWNLOAD_RECV_FAIL', 'OTA_NB_CRC_COMP_FAIL']
>>> [found.code for found in find("rsa_fail", explanations("en"))]
[-12]
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device import codes

LANGUAGES = ("en", "zh")
_FILE = Path(__file__).with_name("explanations.yaml")
_CODES: Mapping[str, Sequence[Tuple[Optional[int], str]]] = {
    "agent": tuple(codes.AGENT.items()),
    "report": tuple(codes.STEPS.items()),
    "boot stage": tuple(codes.BOOT_STAGE.items()),
    "tool": ((None, codes.DEVICE_FAULT),),
}
_NAMED_MAX = 6


class Speaker(NamedTuple):
    """Who says a code, and where one sees it."""

    title: str
    seen: str


class Explanation(NamedTuple):
    """A code with its explanation; `code` is None where it has no number.

    `step` and `desc` are how the agent reports it, None and "" where it does not; `stands_for` are the agent's codes
    that a reported step stands for.
    """

    speaker: str
    code: Optional[int]
    name: str
    meaning: str
    look_at: Tuple[str, ...]
    step: Optional[int] = None
    desc: str = ""
    stands_for: Tuple[int, ...] = ()

    def to_document(self) -> Dict[str, object]:
        """Return the explanation for JSON output, with names beside codes."""
        return {
            "speaker": self.speaker,
            "code": self.code,
            "name": self.name,
            "meaning": self.meaning,
            "look_at": list(self.look_at),
            "reported": None
            if self.step is None
            else {"step": self.step, "name": codes.STEPS[self.step], "desc": self.desc},
            "stands_for": [{"code": code, "name": codes.AGENT[code]} for code in self.stands_for],
        }


def explanations(language: str) -> Tuple[Explanation, ...]:
    """Return the explanation of every code, in a language of `LANGUAGES`."""
    texts = _texts()
    return tuple(
        _explanation(speaker, code, name, texts[speaker][name][language])
        for speaker, names in _CODES.items()
        for code, name in names
    )


def speakers(language: str) -> Dict[str, Speaker]:
    """Return who says which codes, in a language of `LANGUAGES`."""
    return {name: Speaker(**text[language]) for name, text in _texts()["speakers"].items()}


def labels(language: str) -> Dict[str, str]:
    """Return the words that stand around an explanation, in a language of `LANGUAGES`."""
    words: Dict[str, str] = _texts()["labels"][language]
    return words


def find(what: str, among: Sequence[Explanation]) -> Tuple[Explanation, ...]:
    """Return the explanations of what a user types; () where there are none.

    `what` is a code, a name, the end of a single name, or a failure's ``desc``.
    """
    wanted = what.strip().upper()
    exact = [found for found in among if wanted and wanted in _spellings(found)]
    ending = _ending(wanted, among)
    return tuple(exact or (ending if len(ending) == 1 else ()))


def nearest(what: str, among: Sequence[Explanation]) -> List[str]:
    """Return the few names that may be meant by a code or name that is not known."""
    wanted = what.strip().upper()
    meant = [found.name for found in among if found.code and wanted == str(-found.code)]
    meant = meant or [found.name for found in _ending(wanted, among)]
    if not meant:
        ends = {end: found.name for found in among for end in _ends_of(found.name)}
        meant = list(dict.fromkeys(ends[end] for end in difflib.get_close_matches(wanted, ends)))
    return meant if len(meant) <= _NAMED_MAX else []


def _spellings(found: Explanation) -> Tuple[str, ...]:
    status = f"STATUS {found.code}" if found.speaker == "agent" else ""
    return (str(found.code), found.name, found.desc.upper(), status)


def _ending(wanted: str, among: Sequence[Explanation]) -> List[Explanation]:
    return [found for found in among if wanted in _ends_of(found.name)]


def _ends_of(name: str) -> List[str]:
    words = name.split("_")
    return ["_".join(words[start:]) for start in range(len(words))]


def _explanation(speaker: str, code: Optional[int], name: str, text: Mapping[str, Any]) -> Explanation:
    failure = code if speaker == "agent" and code else None
    return Explanation(
        speaker,
        code,
        name,
        text["meaning"],
        tuple(text["look_at"]),
        None if failure is None else codes.step_of(failure),
        "" if failure is None else codes.REPORTS[failure],
        codes.STANDS_FOR[code] if speaker == "report" and code else (),
    )


@lru_cache(maxsize=1)
def _texts() -> Dict[str, Any]:
    from aos_ota_plugin.files.yaml_text import parse_yaml

    value: Any = parse_yaml(_FILE.read_text(encoding="utf-8"), _FILE.name).value
    return dict(value)
