"""Reads ``mutations.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "tests" / "mutations" / "mutations.yaml"


class Mutation(NamedTuple):
    """A text that stands once in a file of the project, what it becomes, and the test that has to fail then."""

    file: str
    old: str
    new: str
    test: str

    def applied(self, source: str) -> str:
        """Return the file's text with the fault in it; AssertionError unless its text stands there exactly once."""
        count = source.count(self.old)
        assert count == 1, f"{self.old!r} stands {count} times in {self.file}"
        return source.replace(self.old, self.new)


def load() -> List[Mutation]:
    """Return the faults in the order of the file."""
    return [Mutation(**row) for row in yaml.safe_load(PATH.read_text(encoding="utf-8"))]
