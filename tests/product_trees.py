"""The product's modules as syntax trees, each parsed when a test first asks for it: collecting tests parses none."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterable, Iterator, Mapping

PACKAGE = Path(__file__).parents[1] / "aos_ota_plugin"


class Trees(Mapping[Path, ast.Module]):
    """{path: its syntax tree} of some modules, in order."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._parsed: Dict[Path, ast.Module] = {}

    def __getitem__(self, path: Path) -> ast.Module:
        if path not in self._parsed:
            self._parsed[path] = ast.parse(path.read_text(encoding="utf-8"))
        return self._parsed[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _modules() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "demo" / "workspace" not in path.parents:
            yield path


TREES = Trees(_modules())
