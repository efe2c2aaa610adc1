"""No regular expression of the product takes longer than linear time, whatever the text."""

from __future__ import annotations

import collections
import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patterns import Pattern, Text, all_patterns, hard_texts, long_text

KILL = 30
"""Seconds of CPU time for all expressions together: one that takes cubic time ends the test, and is named."""
BUSY = 10
"""How many times longer it may take on a machine with other work."""
TINY, SHORT, LONGER, LONG, HALF, FULL = 512, 4 << 10, 16 << 10, 64 << 10, 512 << 10, 1 << 20
TINY_MAX = 0.1
"""Seconds: more for 512 characters would be minutes for 4 KiB in cubic time."""
LONG_MAX = 1.0
"""Seconds: more for 64 KiB would be minutes for a MiB in quadratic time, and seconds in linear time."""
JUDGED = 0.1
"""Seconds: less counts as these, since the ratio is noise there. Quadratic time is minutes for a MiB."""


def measure(pattern: Pattern, method: str, text: Text) -> float:
    """Return the seconds of CPU time that one call takes."""
    compiled = re.compile(pattern.value, pattern.flags)
    arguments = (text[:0], text) if method in ("sub", "subn") else (text,)
    start = time.process_time()
    result = getattr(compiled, method)(*arguments)
    if method == "finditer":
        collections.deque(result, maxlen=0)
    return time.process_time() - start


def judge(pattern: Pattern, method: str) -> str:
    """Return what is wrong with an expression, "" where it is linear."""
    texts = hard_texts(pattern)
    if not texts:
        return ""  # it repeats nothing
    for text in texts:
        tiny = measure(pattern, method, long_text(text, TINY))
        if tiny > TINY_MAX:
            return f"{text!r} repeated to {TINY} characters: {tiny:.3f} s"
    short, worst = max((measure(pattern, method, long_text(text, SHORT)), text) for text in texts)
    longer = min(measure(pattern, method, long_text(worst, LONGER)) for _ in range(2))
    if longer > 0.005 and longer > 10 * short:  # 4 for a linear one, 16 for a quadratic one, which would take minutes
        return f"{worst!r} repeated to {LONGER} characters: {longer:.3f} s, {SHORT}: {short:.4f} s"
    long = measure(pattern, method, long_text(worst, LONG))
    if long > LONG_MAX:
        return f"{worst!r} repeated to {LONG} characters: {long:.3f} s"
    half, full = (measure(pattern, method, long_text(worst, size)) for size in (HALF, FULL))
    for _ in range(4):  # another program may have had the caches
        if full <= 3 * max(half, JUDGED):
            return ""
        full = min(full, measure(pattern, method, long_text(worst, FULL)))
    return f"{worst!r} repeated to 1 MiB: {full:.3f} s, 512 KiB: {half:.3f} s"


def judge_all() -> None:
    """Print each expression before it is judged, and what is wrong with it; end after `KILL` seconds of CPU time."""
    with contextlib.suppress(ImportError):  # Windows has no such limit: there the wall clock alone ends it
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (KILL, KILL))
    for pattern in all_patterns():
        for method in pattern.methods:
            print(f"{pattern.file} {pattern.name} {method}", flush=True)
            wrong = judge(pattern, method)
            if wrong:
                print(f"SLOW {wrong}", flush=True)


def test_every_pattern_is_linear():
    """1 MiB takes at most 3 times what 512 KiB takes, on the text that is worst of dozens for each expression."""
    tests = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", "import test_patterns; test_patterns.judge_all()"], cwd=tests, stdout=subprocess.PIPE
    ) as child:
        try:
            printed, _ = child.communicate(timeout=BUSY * KILL)
        except subprocess.TimeoutExpired:
            child.kill()
            printed, _ = child.communicate()
    lines = printed.decode().splitlines()
    assert child.returncode == 0, f"ended in {lines[-1:]}, after {KILL} s of CPU time if the system ended it"
    assert [f"{lines[at - 1]}: {line}" for at, line in enumerate(lines) if line.startswith("SLOW")] == []
    assert len(lines) > 100


@pytest.mark.parametrize(
    ("value", "method"),
    [(r"DEK-Info:\s*\S+,", "search"), (r"env: .*python|No such file", "search"), (rb"[/][^\n]+\n\n", "search")],
)
def test_one_that_is_not_is_seen(value, method):
    flags = 0 if isinstance(value, bytes) else re.DOTALL
    assert judge(Pattern("f.py", "name", value, flags, (method,)), method)
