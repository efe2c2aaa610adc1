"""``aos-ota demo``: the main job, on a workspace of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import click

from aos_ota_plugin.cli.component import NAME, component_files, package_folder
from aos_ota_plugin.cli.launcher import AOS_TOOLS, find_launcher
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME
from aos_ota_plugin.release.store import write_if_changed

VERSIONS = ("app-1.0.0", "app-1.0.1")
SOLUTION = Path("solutions") / "ota_demo"
KEY = Path("keys") / "ota_dev_key.pem"
MARKER = ".aos_ota_demo"
COMPILER = "/usr/bin/arm-none-eabi-gcc"
_OUTPUTS = Path("hardware") / "chip" / "haas1000" / "release" / "write_flash_gui" / "ota_bin"


@click.command("demo", short_help="two signed releases of the demo workspace")
@click.argument("directory", default="build/demo", type=click.Path(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(directory: str, as_json: bool) -> None:
    """Copy the demo workspace to DIRECTORY (default build/demo), make a development key, run the real `aos make` for
    app-1.0.0 and then for app-1.0.1, and show both images with the result of every proof.

    \b
    Example:
      aos-ota demo build/demo
    """
    root = Path(directory).absolute()
    aos = _find_aos()
    _prepare(root)
    solution = root / SOLUTION
    _make_key(solution / KEY)
    manifests = []
    base: List[str] = []
    for version in VERSIONS:
        _build(aos, solution, [f"OTA_APP_VERSION={version}", *base], quiet=as_json)
        manifests.append(_keep_release(root, solution / "releases" / version))
        base = [f"OTA_BASE_RELEASE=releases/{version}/{MANIFEST_NAME}"]
    if as_json:
        echo_json({manifest.version: _summary(manifest) for manifest in manifests})
        return
    _show(solution, manifests)


def _find_aos() -> str:
    """The `aos` beside this Python, else the one on PATH."""
    folder = os.path.dirname(os.path.abspath(sys.executable))
    path = folder + os.pathsep + os.environ.get("PATH", "")
    aos = shutil.which("aos", path=path)
    if aos is None:
        raise BuildError("the demo runs the real `aos make`, and there is no `aos` here",
                         remedy=f'"{sys.executable}" -m pip install {AOS_TOOLS} "setuptools<82"')
    find_launcher(path)
    if not os.access(COMPILER, os.X_OK):
        raise BuildError(f"the demo's chip is compiled with {COMPILER}, which is not there",
                         remedy="apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    return aos


def _prepare(root: Path) -> None:
    """Copy the workspace, and the component beside it; files that are the same keep their time stamps."""
    if root.is_dir() and any(root.iterdir()) and not (root / MARKER).is_file():
        raise OutputError(f"{root} holds other files than a demo's",
                          remedy="name a folder that is empty or not there yet")
    source = package_folder() / "demo" / "workspace"
    write_if_changed(root / MARKER, b"made by `aos-ota demo`, which may overwrite this folder\n")
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            write_if_changed(root / path.relative_to(source), path.read_bytes())
    for name, data in component_files().items():
        write_if_changed(root / "components" / NAME / name, data)


def _make_key(path: Path) -> None:
    if path.is_file():
        return
    from aos_ota_plugin.cli.keygen import create_private
    from aos_ota_plugin.keys.generate import generate_private_pem

    create_private(path, generate_private_pem(None))
    click.echo(f"made a development key: {path}", err=True)


def _build(aos: str, solution: Path, arguments: List[str], *, quiet: bool) -> None:
    command = [aos, "make", *arguments]
    click.echo(f"$ cd {solution} && aos make {' '.join(arguments)}", err=True)
    folder = os.path.dirname(os.path.abspath(aos))
    environment = {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}
    # The demo shows its own settings, whatever this shell is set to.
    for name in [name for name in environment if name.startswith("AOS_OTA_")]:
        del environment[name]
    done = subprocess.run(command, cwd=solution, env=environment, check=False,
                          stdout=subprocess.DEVNULL if quiet else None)
    if done.returncode:
        raise BuildError(f"`{' '.join(['aos', *command[1:]])}` ended with status {done.returncode}",
                         remedy="its messages stand above")


def _keep_release(root: Path, folder: Path) -> Manifest:
    """Keep a copy of what would be shipped, as one does for the next release's OTA_BASE_RELEASE."""
    for name in (IMAGE_NAME, MANIFEST_NAME):
        write_if_changed(folder / name, (root / _OUTPUTS / name).read_bytes())
    return parse_manifest((folder / MANIFEST_NAME).read_bytes(), file=str(folder / MANIFEST_NAME))


def _summary(manifest: Manifest) -> dict[str, object]:
    image = manifest.images[0]
    return {"image": image.file, "size": image.size, "md5": image.md5, "sha256": image.sha256,
            "key_fingerprint": manifest.key_fingerprint,
            "proofs": {proof.rule: proof.detail for proof in manifest.proofs}}


def _show(solution: Path, manifests: List[Manifest]) -> None:
    rows = []
    for manifest in manifests:
        for image in manifest.images:
            rows.append((manifest.version, image.file, str(image.size), image.md5, image.sha256[:16] + "…",
                         (manifest.key_fingerprint or "none")[:16] + "…"))
    click.echo()
    echo_table(("version", "image", "bytes", "md5", "sha256", "key"), rows)
    for manifest in manifests:
        click.echo(f"\n{manifest.version}: {len(manifest.proofs)} of {len(manifest.proofs)} proofs passed")
        echo_table(("proof", "result", "seen"), [(proof.rule, "ok", proof.detail) for proof in manifest.proofs])
    click.echo(f"\nthe releases are kept in {_relative(solution / 'releases')}")


def _relative(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


