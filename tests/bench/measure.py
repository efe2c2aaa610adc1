"""Running two things in turn and comparing them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

_SPAWN = str(Path(__file__).resolve().parent / "spawn.py")
BIN = Path(sys.executable).absolute().parent
# As users have it: nothing that makes Python compile a checkout's modules anew on every run, as some containers do.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "AOS_OTA_", "KCONFIG_", "SCONS"))
}


@dataclass(frozen=True)
class Sample:
    """One run: seconds by the clock, seconds of CPU, KiB of memory at its peak."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Comparison:
    """Samples of product and peer, taken in turn: the nth of one belongs to the nth of the other."""

    product: Sequence[Sample]
    peer: Sequence[Sample]

    def medians(self, what: str) -> Tuple[float, float]:
        """The median of a field of ``Sample`` for product and peer."""
        return (
            statistics.median(getattr(one, what) for one in self.product),
            statistics.median(getattr(one, what) for one in self.peer),
        )

    def ratio(self, what: str) -> float:
        """Median of the product over median of the peer."""
        product, peer = self.medians(what)
        return product / peer

    def spread(self, what: str) -> Tuple[float, float]:
        """Between which the middle half of the pairs' own ratios lies."""
        ratios = [getattr(a, what) / getattr(b, what) for a, b in zip(self.product, self.peer)]
        if len(ratios) < 4:
            return min(ratios), max(ratios)
        first, _, third = statistics.quantiles(ratios, n=4)
        return first, third


def in_turn(product: Callable[[], Sample], peer: Callable[[], Sample], pairs: int) -> Comparison:
    """``pairs`` runs of each, one after the other; who goes first changes every time."""
    ours: List[Sample] = []
    theirs: List[Sample] = []
    for number in range(pairs):
        turns = [(product, ours), (peer, theirs)]
        for run, samples in turns if number % 2 == 0 else reversed(turns):
            samples.append(run())
    return Comparison(ours, theirs)


def command(arguments: Sequence[str], cwd: Path, environment: Optional[Dict[str, str]] = None) -> Sample:
    """Run a program of this environment by its path; stops the benchmark with its output when it fails."""
    output = cwd / ".bench-output"
    done = subprocess.run(
        [sys.executable, "-I", "-S", _SPAWN, str(output), *arguments],
        cwd=cwd,
        check=True,
        env=environment or ENVIRONMENT,
        stdout=subprocess.PIPE,
    )
    result = json.loads(done.stdout)
    if result["status"]:
        sys.exit(
            f"$ {' '.join(arguments)}\n{output.read_text(encoding='utf-8', errors='replace')[-4000:]}"
            f"\nended with wait status {result['status']}"
        )
    return Sample(result["wall"], result["cpu"], result["peak"])
