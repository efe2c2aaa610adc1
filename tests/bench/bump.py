"""A new version number: through the plugin, and as a def_config entry that aos-tools puts on every compile line."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from tests.bench.material import Options, Workspace, require_aos
from tests.bench.measure import Sample, in_turn
from tests.bench.report import Table, note, print_commands

_ENTRY = "def_config:\n  OTA_APP_VERSION: "


def run(folder: Path, options: Options) -> None:
    require_aos()
    product = Workspace(folder / "with", plugin=True)
    peer = Workspace(folder / "without", plugin=False)
    peer.package.write_text(peer.package.read_text(encoding="utf-8") + f"\n{_ENTRY}app-1.0.0\n", encoding="utf-8")
    print_commands(
        "aos make     # after another OTA_APP_VERSION in package.yaml, with the plugin",
        "aos make     # the same, without the plugin",
    )
    numbers = count(10000)
    compiled = {}

    def bump(workspace: Workspace) -> Sample:
        before, entry, after = workspace.package.read_text(encoding="utf-8").partition(_ENTRY)
        rest = after.partition("\n")[2]
        workspace.package.write_text(f"{before}{entry}app-1.{next(numbers)}\n{rest}", encoding="utf-8")
        sample = workspace.make()
        compiled[workspace] = workspace.output().count("\nCC ")
        return sample

    for workspace in (product, peer):
        workspace.make()
        bump(workspace)
    pairs = 1 if options.quick else 5
    compared = in_turn(lambda: bump(product), lambda: bump(peer), pairs)
    table = Table("with the plugin", "def_config alone")
    table.row("`aos make` after a version bump, wall time", compared, "wall")
    note(pairs, compared, f"Files compiled: {compiled[product]} and {compiled[peer]}.")
