"""``aos-ota demo``: the main job, on a workspace of our own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import click

from aos_ota_plugin.cli.ending import unwound
from aos_ota_plugin.cli.output import echo_json, echo_note, echo_table
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.lab.demo.workspace_copy import make_key, prepare, require_aos, run_make
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME

VERSIONS = ("app-1.0.0", "app-1.0.1")
SOLUTION = Path("solutions") / "ota_demo"
KEY = Path("keys") / "ota_dev_key.pem"
_OUTPUTS = Path("hardware") / "chip" / "haas1000" / "release" / "write_flash_gui" / "ota_bin"


@click.command("demo", short_help="two signed releases of the demo workspace")
@click.argument("directory", default="build/demo", type=click.Path(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@unwound()
def command(directory: str, as_json: bool) -> None:
    """Copy the demo workspace to DIRECTORY (default build/demo), make a development key, run the real `aos make` for
    app-1.0.0 and then for app-1.0.1, and show both images with the result of every proof.

    \b
    Example:
      aos-ota demo build/demo
    """
    root = Path(directory).absolute()
    aos = require_aos()
    prepare(root)
    solution = root / SOLUTION
    make_key(solution / KEY, echo_note)
    manifests = []
    base: List[str] = []
    for version in VERSIONS:
        run_make(aos, solution, [f"OTA_APP_VERSION={version}", *base], quiet=as_json, say=echo_note)
        manifests.append(_keep_release(root, solution / "releases" / version))
        base = [f"OTA_BASE_RELEASE=releases/{version}/{MANIFEST_NAME}"]
    if as_json:
        echo_json({manifest.version: _summary(manifest) for manifest in manifests})
        return
    _show(solution, manifests)


def _keep_release(root: Path, folder: Path) -> Manifest:
    """Keep a copy of what would be shipped, as one does for the next release's OTA_BASE_RELEASE."""
    write_set(folder, {name: (root / _OUTPUTS / name).read_bytes() for name in (IMAGE_NAME, MANIFEST_NAME)})
    return parse_manifest((folder / MANIFEST_NAME).read_bytes(), file=str(folder / MANIFEST_NAME))


def _summary(manifest: Manifest) -> dict[str, object]:
    image = manifest.images[0]
    return {
        "image": image.file,
        "size": image.size,
        "md5": image.md5,
        "sha256": image.sha256,
        "key_fingerprint": manifest.key_fingerprint,
        "proofs": {proof.rule: proof.detail for proof in manifest.proofs},
        "excused": {proof.rule: proof.detail for proof in manifest.excused},
        "not_judged": {proof.rule: proof.detail for proof in manifest.not_judged},
    }


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
