"""The inputs that are kept in the repository: seeds to begin with, and regressions, which once were misread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

HERE = Path(__file__).resolve().parent


def slug(name: str) -> str:
    """A target's name as a folder's."""
    return re.sub(r"\W+", "-", name).strip("-").lower()


def kept(name: str) -> List[bytes]:
    """What is kept for a target, in a fixed order."""
    return [
        path.read_bytes() for kind in ("seeds", "regressions") for path in sorted((HERE / kind / slug(name)).glob("*"))
    ]
