"""The result of a check of what a build needs."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Check(NamedTuple):
    """The result of one check; ``ok`` is None where it could not be done, or for a note on what works."""

    name: str
    ok: Optional[bool]
    detail: str
    remedy: str = ""
