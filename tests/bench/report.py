"""What the benchmarks print: Markdown that can go into a README as it is."""

from __future__ import annotations

import os
import platform
import sys
from datetime import date
from importlib import metadata
from typing import Optional

from tests.bench.measure import Comparison

_PACKAGES = ("aos_ota_plugin", "cryptography", "click", "aos-tools", "scons", "imgtool")


def machine() -> str:
    """The machine, and the versions of what is measured."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return (
        f"{date.today().isoformat()} · {_processor()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()} · Python {platform.python_version()}\n{versions}"
    )


def print_commands(product: str, peer: str) -> None:
    """What is run, as one would type it."""
    print(f"```sh\n{product}     # product\n{peer}     # peer\n```\n")


class Table:
    """One row a measurement, with the target where there is one."""

    def __init__(self, product: str, peer: str) -> None:
        print(f"| | {product} | {peer} | ratio (middle half of pairs) | target | |")
        print("|---|---:|---:|---:|---:|---|")

    def row(self, name: str, compared: Comparison, what: str, target: Optional[float] = None) -> None:
        """``what`` is a field of ``Sample``; a ratio up to ``target`` meets it."""
        product, peer = compared.medians(what)
        low, high = compared.spread(what)
        ratio = compared.ratio(what)
        aim, verdict = ("", "") if target is None else (f"≤ {target:.2f}", "meets" if ratio <= target else "misses")
        print(
            f"| {name} | {_shown(product, what)} | {_shown(peer, what)} | {_number(ratio)} "
            f"({_number(low)}–{_number(high)}) | {aim} | {verdict} |",
            flush=True,
        )


def note(pairs: int, compared: Comparison, *more: str) -> None:
    """How the table came about, and what it is worth."""
    waited = 1 - sum(one.cpu for one in compared.peer) / sum(one.wall for one in compared.peer)
    busy = [f"The machine was busy: the peer waited {waited:.0%} of its time."] if waited > 0.15 else []
    print("", " ".join([f"Medians of {pairs} interleaved pairs.", *busy, *more]), sep="\n", flush=True)


def _shown(value: float, what: str) -> str:
    if what == "peak":
        return f"{value / 1024:.1f} MiB"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _number(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio >= 0.1 else f"{ratio:.4f}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed" if name not in sys.modules else "unknown"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return next(line.partition(":")[2].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
