"""A build in which nothing changed, with the plugin and without it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.material import Options, Workspace, require_aos
from tests.bench.measure import in_turn
from tests.bench.report import Table, note, print_commands

TARGET = 1.05


def run(folder: Path, options: Options) -> None:
    require_aos()
    product = Workspace(folder / "with", plugin=True)
    peer = Workspace(folder / "without", plugin=False)
    print_commands(
        "aos make     # solutions/ota_demo and 200 sources more",
        "aos make     # the same without aos_ota_plugin under depends: and without def_config",
    )
    for workspace in (product, peer):
        for _ in range(3):  # until nothing is left to do
            workspace.make()
        if "\nCC " in workspace.output():
            sys.exit("the build does not come to rest:\n" + workspace.output()[-2000:])
    pairs = 3 if options.quick else 31
    compared = in_turn(product.make, peer.make, pairs)
    table = Table("with the plugin", "without")
    table.row("no-change `aos make`, wall time", compared, "wall", TARGET)
    table.row("CPU time", compared, "cpu")
    note(pairs, compared)
