"""Puts each fault of ``mutations.yaml`` into a copy of the project and runs the test that has to fail with it.

``python -m tests.mutations [WORD…]`` takes the faults whose file or test contains one of the words. It ends with 0 when
every test passes without its fault and fails with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterable, List, Sequence

from tests.mutations.catalogue import ROOT, Mutation, load

_FAILED = 1
"""pytest's status when tests ran and one of them failed."""


def main(words: Sequence[str]) -> int:
    """Run the faults that are asked for, say how each ended, and return the process's status."""
    mutations = [each for each in load() if not words or any(word in f"{each.file} {each.test}" for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copy = Path(folder) / "project"
        _copy_project(copy)
        if _run(copy, {each.test for each in mutations}).returncode:
            print("these tests have to pass before a fault is put in:")
            print(_run(copy, {each.test for each in mutations}).stdout)
            return 1
        survivors = [each for each in mutations if not _is_noticed(copy, each)]
    print(f"{len(mutations) - len(survivors)} of {len(mutations)} faults are noticed")
    return 1 if survivors or not mutations else 0


def _copy_project(copy: Path) -> None:
    """Copy what git knows of, and what is new and not ignored, as it is on disk."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        source = ROOT / name
        if source.is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)


def _is_noticed(copy: Path, mutation: Mutation) -> bool:
    path = copy / mutation.file
    sound = path.read_bytes()
    path.write_bytes(mutation.applied(sound.decode("utf-8")).encode("utf-8"))
    try:
        done = _run(copy, [mutation.test])
    finally:
        path.write_bytes(sound)
    noticed = done.returncode == _FAILED
    failed = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    print(
        f"{'noticed' if noticed else 'NOT NOTICED'}  {mutation.file}: {mutation.old.strip()} -> {mutation.new.strip()}"
    )
    print(f"    {failed[:150] or mutation.test}", flush=True)
    return noticed


def _run(copy: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    environment: Dict[str, str] = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command: List[str] = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *sorted(tests)]
    return subprocess.run(command, cwd=copy, env=environment, check=False, text=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
