"""``aos-ota demo``: the main job, on a workspace of our own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import click

from aos_ota_plugin.children import unwind_on_signals
from aos_ota_plugin.cli.options import FOLDER, json_option
from aos_ota_plugin.cli.output import echo_json, echo_note, echo_table
from aos_ota_plugin.lab.demo.releases import SOLUTION, build_releases, summary
from aos_ota_plugin.release.manifest import Manifest


@click.command("demo")
@click.argument("directory", default="build/demo", type=FOLDER)
@json_option()
@unwind_on_signals()
def command(directory: str, as_json: bool) -> None:
    """Build two signed releases of the demo workspace with the real `aos make`.

    The workspace is copied to DIRECTORY (default build/demo), with a development key made for it. The releases are
    app-1.0.0 and app-1.0.1; both are shown with the result of every proof.

    \b
    Example:
      aos-ota demo build/demo
    """
    root = Path(directory).absolute()
    manifests = build_releases(root, quiet=as_json, say=echo_note)
    if as_json:
        echo_json({manifest.version: summary(manifest) for manifest in manifests})
        return
    _show(root / SOLUTION, manifests)


def _show(solution: Path, manifests: List[Manifest]) -> None:
    rows = []
    for manifest in manifests:
        for image in manifest.images:
            rows.append(
                (
                    manifest.version,
                    image.file,
                    str(image.size),
                    image.md5,
                    image.sha256[:16] + "…",
                    (manifest.key_fingerprint or "none")[:16] + "…",
                )
            )
    click.echo()
    echo_table(("version", "image", "bytes", "md5", "sha256", "key"), rows)
    for manifest in manifests:
        click.echo(
            f"\n{manifest.version}: {len(manifest.proofs)} proofs passed, {len(manifest.excused)} excused, "
            f"{len(manifest.not_judged)} not judged"
        )
        echo_table(
            ("proof", "result", "seen"),
            [
                (proof.rule, result, proof.detail)
                for result, outcomes in (
                    ("ok", manifest.proofs),
                    ("excused", manifest.excused),
                    ("not judged", manifest.not_judged),
                )
                for proof in outcomes
            ],
        )
    click.echo(f"\nthe releases are kept in {_relative(solution / 'releases')}")


def _relative(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
