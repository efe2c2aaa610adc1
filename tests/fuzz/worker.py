"""One target's runs, in a process of its own: `python -m tests.fuzz.worker TARGET RUNS SECONDS FOLDER`.

Leaves FOLDER/result.json, and an input of every kind of foreign exception beside it. FOLDER/last is the input at hand when
the process ended otherwise: out of memory, or deep inside a library.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

try:
    import atheris
except ImportError:
    atheris = None

LONGEST = 10
"""Seconds of a single run, then it counts as a miss."""
MEMORY = 2 << 30
"""Bytes that the process may take, so that an input that wants it all ends it, and not the machine."""

with atheris.instrument_imports(include=["aos_ota_plugin"]) if atheris else contextlib.nullcontext():
    from aos_ota_plugin.errors import OtaError
    from tests.fuzz.inputs import kept
    from tests.mutation_targets import TARGETS, Target, mutated


class Runs:
    """Feeds a target, and counts what comes of it."""

    def __init__(self, target: Target, runs: int, seconds: int, folder: Path) -> None:
        self.target, self.runs, self.folder = target, runs, folder
        self.start = time.perf_counter()
        self.end = self.start + seconds if seconds else float("inf")
        self.counts: Dict[str, Any] = {
            "by": "atheris" if atheris else "chance",
            "runs": 0,
            "refused": 0,
            "read": 0,
            "foreign": 0,
            "longest": 0.0,
            "input": 0,
            "kept": {},
        }
        self.last = os.open(folder / "last", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def one(self, data: bytes) -> None:
        """Feed one input."""
        counts = self.counts
        os.pwrite(self.last, data, 0)
        os.ftruncate(self.last, len(data))
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            self.target.check(data)
            counts["read"] += 1
        except OtaError:
            counts["refused"] += 1
        except BaseException as error:  # KeyboardInterrupt, too: nothing here is meant to pass
            counts["foreign"] += 1
            self._keep(data, error)
            if isinstance(error, KeyboardInterrupt):
                self.finish()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        now = time.perf_counter()
        counts["runs"] += 1
        counts["longest"] = max(counts["longest"], now - start)
        counts["input"] = max(counts["input"], len(data))
        if counts["runs"] >= self.runs or now >= self.end:
            self.finish()

    def finish(self) -> None:
        """Write the result and end the process, whatever drives it."""
        self.counts["seconds"] = time.perf_counter() - self.start
        self.counts["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        (self.folder / "result.json").write_text(json.dumps(self.counts), encoding="utf-8")
        sys.stderr.flush()
        os._exit(0)

    def _keep(self, data: bytes, error: BaseException) -> None:
        """One input of each kind: by the exception, and the line that raised it."""
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        where = f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last else "?"
        name = str(self.folder / f"{type(error).__name__}-{where.replace(':', '-')}")
        if name not in self.counts["kept"]:
            Path(name).write_bytes(data)
            self.counts["kept"][name] = f"{type(error).__name__} at {where}: {str(error)[:300]}"


def main() -> None:
    name, runs, seconds, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    target = TARGETS[name]
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    work = Runs(target, runs, seconds, folder)
    inputs = [target.good, *kept(name)]
    if atheris:
        with tempfile.TemporaryDirectory(prefix="aos-ota-fuzz-") as begun:
            for number, data in enumerate(inputs):
                Path(begun, f"{number:04}").write_bytes(data)
            _guided(work, begun, inputs)
    signal.signal(signal.SIGALRM, _hangs)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    chance = random.Random(name)
    for data in inputs:
        work.one(data)
    while True:
        work.one(mutated(replace(target, good=chance.choice(inputs)), chance))


def _guided(work: Runs, begun: str, inputs: List[bytes]) -> None:
    longest = max(256, 2 * max(map(len, inputs)))

    def change(data: bytes, most: int, seed: int) -> bytes:
        """Half by libFuzzer, half as the targets know their formats: where their numbers stand, checksums made right."""
        if seed % 2:
            return atheris.Mutate(data, most)
        return mutated(replace(work.target, good=data), random.Random(seed))[:most]

    # The seconds of a run are measured here: libFuzzer's own alarm would end the process.
    atheris.Setup(
        [
            sys.argv[0],
            "-seed=1",
            "-timeout=0",
            f"-max_len={longest}",
            "-verbosity=0",
            "-rss_limit_mb=2048",
            f"-runs={work.runs + 1000}",
            begun,
        ],
        work.one,
        custom_mutator=change,
    )
    signal.signal(signal.SIGALRM, _hangs)
    atheris.Fuzz()


def _hangs(*_: Any) -> None:
    raise TimeoutError(f"not done after {LONGEST} seconds")


if __name__ == "__main__":
    main()
