"""Builds what the emulated board is flashed with: the real ``aos make`` on a copy of the demo workspace."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Iterable, Mapping, Tuple

import click

from aos_ota_plugin.cli.component import package_folder
from aos_ota_plugin.cli.demo_workspace import find_aos, make_key, prepare, run_make
from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.release.names import IMAGE_NAME
from aos_ota_plugin.release.store import write_if_changed
from aos_ota_plugin.simulate.firmware import PUBLIC_KEY, VERSIONS, Built, Firmware
from aos_ota_plugin.simulate.libraries import cache_folder, library_files

_RELEASE = Path("hardware") / "chip" / "mps2_an505" / "release" / "write_flash_gui"
_FLASH_LIST = _RELEASE / "mps2_dld_cfg.yaml"
_DEMO = Path("solutions") / "ota_demo"
_BOOT = Path("solutions") / "ota_boot_stage"
KEPT = Path("simulated")
_KEY = _DEMO / "keys" / "ota_dev_key.pem"
_FILES = ("ota_rtos.bin", IMAGE_NAME, "ota_demo.elf")
_BOOT_FILE = "ota_boot2a.bin"


def built_firmware(root: Path, *, quiet: bool) -> Built:
    """Build everything in `root`, unless it stands there already and nothing that goes into it has changed.

    Raises OtaError when a tool is missing or a build fails.
    """
    libraries = library_files(lambda text: click.echo(text, err=True), cache_folder())
    stamp = root / KEPT / "stamp"
    state = state_of(libraries)
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != state:
        stamp.unlink(missing_ok=True)
        _build(root, libraries, quiet=quiet)
        write_if_changed(stamp, state.encode("ascii"))
    return read(root, VERSIONS)


def state_of(libraries: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return a digest of all that goes into the builds."""
    digest = hashlib.sha256()
    for path in sorted(package_folder().rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for files in libraries.values():
        for data in files.values():
            digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _build(root: Path, libraries: Mapping[str, Mapping[str, bytes]], *, quiet: bool) -> None:
    aos = find_aos()
    prepare(root, replaced(libraries))
    make_keys(root)
    make_boot_stage(aos, root, quiet=quiet)
    make_versions(aos, root, VERSIONS, quiet=quiet)


def make_keys(root: Path) -> None:
    """Make the key that signs and a stranger's, unless they are there."""
    make_key(root / _KEY)
    make_key(root / KEPT / "stranger.pem")
    signer = load_signer((root / _KEY).read_bytes(), file=str(root / _KEY), passphrase=None)
    write_if_changed(root / _DEMO / PUBLIC_KEY, signer.public_key.to_pem().encode("ascii"))


def make_boot_stage(aos: str, root: Path, *, quiet: bool) -> None:
    """Build the boot stage; BuildError when that fails."""
    run_make(aos, root / _BOOT, [], quiet=quiet)
    write_if_changed(root / _RELEASE / "ota_bin" / _BOOT_FILE,
                     (root / _BOOT / "out" / "ota_boot_stage@mps2.bin").read_bytes())


def make_versions(aos: str, root: Path, versions: Mapping[str, Tuple[str, ...]], *, quiet: bool) -> None:
    """Build the demo solution with each version's arguments, and keep the files; BuildError when one fails."""
    for name, arguments in versions.items():
        run_make(aos, root / _DEMO, list(arguments), quiet=quiet)
        folder = root / _RELEASE / "ota_bin"
        for file in _FILES:
            source = root / _DEMO / "out" / "ota_demo@mps2.elf" if file.endswith(".elf") else folder / file
            write_if_changed(root / KEPT / name / file, source.read_bytes())


def replaced(libraries: Mapping[str, Mapping[str, bytes]]) -> Dict[str, Dict[str, bytes]]:
    """Return the real libraries in place of the stand-ins, described by us, and the solution for this board."""
    ours = package_folder() / "demo" / "libraries"
    folders: Dict[str, Dict[str, bytes]] = {}
    for name, files in libraries.items():
        own = {path.relative_to(ours / name).as_posix(): path.read_bytes()
               for path in sorted((ours / name).rglob("*")) if path.is_file()}
        folders[f"components/{name}"] = {**files, **own}
    solution = package_folder() / "demo" / "workspace" / _DEMO
    described = (solution / "package.yaml").read_text(encoding="utf-8")
    for old, new in (("  board_name: haas100\n", "  board_name: mps2\n"),
                     ("  - haas100: master\n  - ulog", "  - mps2: master\n  - ulog"),
                     ("  - haas100_b: master\n", "  - haas100_b: master\n  - mps2: master\n")):
        if described.count(old) != 1:
            raise WorkspaceError(f"the demo's package.yaml no longer holds {old.strip()!r} once")
        described = described.replace(old, new)
    folders[_DEMO.as_posix()] = {
        **{path.name: path.read_bytes() for path in solution.iterdir() if path.is_file()},
        "package.yaml": described.encode("utf-8")}
    return folders


def read(root: Path, versions: Iterable[str]) -> Built:
    """Return what was kept of these versions."""
    kept = root / KEPT
    boot = (root / _RELEASE / "ota_bin" / _BOOT_FILE).read_bytes()
    firmware = {name: Firmware(*((kept / name / file).read_bytes() for file in _FILES)) for name in versions}
    return Built(boot, firmware, (root / _KEY).read_bytes(),
                 (kept / "stranger.pem").read_bytes(), (root / _FLASH_LIST).read_text(encoding="utf-8"))
