"""What the plugin costs beside a named peer, measured on this machine.

    python -m tests.bench [--quick] [--keep FOLDER] [--payload FILE] [name ...]

The names are sign, nochange, bump, pack, diff and mutate; without one all of them run. Peer and product take turns within one run,
so that what else the machine does hits both alike. Prints Markdown. Nothing here fails on a slow machine: a missed
target is printed as such.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

# The repository, so that this works however it is started: -m tests.bench, or python tests/bench.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.bench import bump, diff, mutate, nochange, pack, sign
from tests.bench.material import Options
from tests.bench.report import machine

BENCHMARKS = {
    "sign": sign.run,
    "nochange": nochange.run,
    "bump": bump.run,
    "pack": pack.run,
    "diff": diff.run,
    "mutate": mutate.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    # Checked here, not by `choices`: argparse refuses no name at all together with them on Python 3.9.
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a few repetitions: does it run at all")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    parser.add_argument("--payload", type=Path, help="for sign and pack: this firmware, not 5.5 MiB of random bytes")
    given = parser.parse_args()
    for name in given.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="aos-ota-bench-") as temporary:
        folder = given.keep or Path(temporary)
        for name in given.names or BENCHMARKS:
            print(f"\n## {name}\n", flush=True)
            BENCHMARKS[name]((folder / name).absolute(), Options(given.quick, given.payload))


if __name__ == "__main__":
    main()
