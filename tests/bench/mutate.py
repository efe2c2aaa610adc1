"""Changed and cut inputs to everything that reads: 10⁵ each, with limits on time and memory.

    python -m tests.bench mutate                      (or python tests/bench/mutate.py [--quick] [target ...])

Each target of tests/mutation_targets.py runs in a process of its own. A case may take 10 seconds, then it counts as
hanging; the process may use as much memory as it likes, so that what it used can be printed: target 256 MiB. An
exception that is none of ours, a hang or too much memory is a miss. A second table shows what files cost that were
made to be costly.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)

CASES = 100_000
SECONDS = 10
MEMORY = 256  # MiB
_SHOWN = 3


def run(folder: Path, options: Any = None, names: Optional[List[str]] = None) -> None:
    """Print the table, a row a target; then, for all targets, that of files made to be costly."""
    from tests.bench import hostile
    from tests.mutation_targets import TARGETS

    number = 1000 if options and options.quick else CASES
    print(
        f"{number} mutated or truncated inputs each; target: no other outcome, no case over {SECONDS} s, {MEMORY} MiB\n"
    )
    print(
        "| reads | refused with an error of ours | equal result | another true result | others | longest | "
        "peak memory | |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    missed = []
    for name in names or TARGETS:
        # A process of its own: what one target leaves in memory is not another's.
        done = subprocess.run(
            [sys.executable, __file__, "--child", name, str(number)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{name}: the process ended with {done.returncode}\n{done.stderr[-4000:]}")
        row = json.loads(done.stdout.splitlines()[-1])
        meets = not row["others"] and row["longest"] <= SECONDS and row["peak"] <= MEMORY
        missed += [] if meets else [(name, row)]
        print(
            f"| {name} | {row['refused']} | {row['equal']} | {row['another']} | {row['others']} | "
            f"{row['longest'] * 1000:.0f} ms | {row['peak']:.0f} MiB | {'meets' if meets else 'misses'} |",
            flush=True,
        )
    for name, row in missed:
        for example in row["examples"]:
            print(f"\n{name}: {example}")
    if not names:
        hostile.run(folder, SECONDS, MEMORY)


def child(name: str, number: int) -> None:
    """Run one target and print what came of it as JSON."""
    from aos_ota_plugin.errors import OtaError
    from tests.mutation_targets import TARGETS, mutated

    target = TARGETS[name]
    chance = random.Random(name)
    counts = {"refused": 0, "equal": 0, "another": 0, "others": 0}
    examples: List[str] = []
    longest = 0.0
    signal.signal(signal.SIGALRM, _hangs)
    for case in range(number):
        data = mutated(target, chance)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        start = time.perf_counter()
        try:
            counts["equal" if target.check(data) else "another"] += 1
        except OtaError:
            counts["refused"] += 1
        except BaseException as error:  # KeyboardInterrupt too: nothing here is meant to pass
            counts["others"] += 1
            if len(examples) < _SHOWN:
                examples.append(f"case {case}, {type(error).__name__}: {str(error)[:300]}; input {data.hex()[:4000]}")
            if isinstance(error, KeyboardInterrupt):
                raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        longest = max(longest, time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result: Dict[str, Any] = {**counts, "longest": longest, "peak": peak, "examples": examples}
    print(json.dumps(result))


def _hangs(*_: Any) -> None:
    raise TimeoutError(f"not done after {SECONDS} seconds")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        from tempfile import TemporaryDirectory
        from types import SimpleNamespace

        with TemporaryDirectory(prefix="aos-ota-bench-") as temporary:
            run(
                Path(temporary),
                SimpleNamespace(quick="--quick" in sys.argv),
                [one for one in sys.argv[1:] if one[:2] != "--"],
            )
