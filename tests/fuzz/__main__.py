"""Fuzzes everything that reads what others wrote: every target of tests/mutation_targets.py, in a process of its own.

    python -m tests.fuzz [--runs N] [--seconds S] [--folder FOLDER] [target ...]        (make fuzz)

With atheris (the extra "fuzz") inputs are chosen by the code that they reach; without it they are changed at random. Either
way they begin with the target's sound input and what lies in seeds/ and regressions/. Prints a table; an exception that is not
ours, or a run of over 10 seconds, is a miss: its input is kept in FOLDER (build/fuzz), and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)

from tests.fuzz.inputs import slug  # noqa: E402 - only now is there a package of that name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="target", help="all without")
    parser.add_argument("--runs", type=int, default=1_000_000, help="of each target; 1,000,000 without")
    parser.add_argument(
        "--seconds", type=int, default=0, help="at most so long for each target; 0: as long as it takes"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz", help="keeps what was found")
    given = parser.parse_args()
    from tests.mutation_targets import TARGETS

    for name in given.targets:
        if name not in TARGETS:
            parser.error(f"there is no target {name!r}; there are: {'; '.join(TARGETS)}")
    print(
        "| reads | by | runs | seconds | refused | read | foreign exceptions | longest run | longest input | peak memory |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        flush=True,
    )
    missed = False
    for name in given.targets or TARGETS:
        row = run(name, given.runs, given.seconds, given.folder / slug(name))
        missed |= row["foreign"] > 0
        print(
            f"| {name} | {row['by']} | {row['runs']} | {row['seconds']:.0f} | {row['refused']} | {row['read']} | {row['foreign']} | "
            f"{row['longest'] * 1000:.0f} ms | {row['input']} B | {row['peak']:.0f} MiB |",
            flush=True,
        )
        for kept, message in row["kept"].items():
            print(f"\n{name}: {message}\n    kept as {kept}\n", flush=True)
    return int(missed)


def run(name: str, runs: int, seconds: int, folder: Path) -> dict:
    """Run one target in a process of its own; what it says, or what is known of it when it did not end well."""
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.worker", name, str(runs), str(seconds), str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode or not result.exists():
        sys.exit(
            f"{name}: the process ended with {done.returncode}; its last input is {folder / 'last'}\n"
            f"{done.stderr.decode('utf-8', 'replace')[-4000:]}"
        )
    return json.loads(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
