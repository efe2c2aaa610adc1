"""Build the emulated board's firmware with the real ``aos make``."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Dict, Iterable, Iterator, Mapping, Sequence, Tuple

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.demo.workspace_copy import Say, make_key, prepare, require_aos, run_make, silent
from aos_ota_plugin.lab.simulate.device import DEVICE_NAME, PRODUCT_KEY
from aos_ota_plugin.lab.simulate.firmware import BY_HAND, OLD, PUBLIC_KEY, VERSIONS, Built, Firmware, Variant
from aos_ota_plugin.lab.simulate.libraries import cache_folder, library_files
from aos_ota_plugin.release.names import IMAGE_NAME
from aos_ota_plugin.workspace.component_files import package_folder

_RELEASE = Path("hardware") / "chip" / "mps2_an505" / "release" / "write_flash_gui"
_FLASH_LIST = _RELEASE / "mps2_dld_cfg.yaml"
_DEMO = Path("solutions") / "ota_demo"
_BY_HAND = Path("solutions") / "ota_demo_by_hand"
_BOOT = Path("solutions") / "ota_boot_stage"
BUILDS = Path("simulated")
_KEY = _DEMO / "keys" / "ota_dev_key.pem"
_FILES = ("ota_rtos.bin", IMAGE_NAME, "ota_demo.elf")
BOOT_PLACE = _RELEASE / "ota_bin" / "ota_boot2a.bin"
_VENDOR_BOOT_FILE = "ota_boot2a-vendor.bin"
_VENDOR_FAULTS = ("OTA_BOOT_VENDOR_FAULTS",)


def build_firmware(root: Path, *, quiet: bool, say: Say = silent) -> Built:
    """Build everything in `root`, unless nothing has changed since the last build.

    Raises OtaError when a tool is missing or a build fails.
    """
    libraries = library_files(say, cache_folder())
    stamp = root / BUILDS / "stamp"
    state = state_of(libraries)
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != state:
        stamp.unlink(missing_ok=True)
        _build(root, libraries, quiet=quiet, say=say)
        write_file(stamp, state.encode("ascii"))
    return _read(root)


def state_of(libraries: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the SHA-256, in hex, of all sources of the builds."""
    digest = hashlib.sha256()
    for path in sorted(package_folder().rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for files in libraries.values():
        for data in files.values():
            digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _build(root: Path, libraries: Mapping[str, Mapping[str, bytes]], *, quiet: bool, say: Say = silent) -> None:
    aos = require_aos()
    prepare(root, replaced(libraries))
    make_keys(root, say)
    for macros, target in ((_VENDOR_FAULTS, root / BUILDS / _VENDOR_BOOT_FILE), ((), root / BOOT_PLACE)):
        make_boot_stage(aos, root, macros, target, quiet=quiet, say=say)
    run_make(aos, root / _BY_HAND, [], quiet=quiet, say=say)
    for file, source in (
        ("ota_rtos.bin", root / _RELEASE / "ota_bin" / "ota_rtos.bin"),
        ("ota_demo.elf", root / _BY_HAND / "out" / "ota_demo_by_hand@mps2.elf"),
    ):
        write_file(root / BUILDS / BY_HAND / file, source.read_bytes())
    make_versions(aos, root, VERSIONS, quiet=quiet, say=say)


def make_keys(root: Path, say: Say = silent) -> None:
    """Create the signing key and one that devices do not trust, unless they exist."""
    make_key(root / _KEY, say)
    make_key(root / BUILDS / "stranger.pem", say)
    signer = load_signer((root / _KEY).read_bytes(), file=str(root / _KEY), passphrase=None)
    write_file(root / _DEMO / PUBLIC_KEY, signer.public_key.to_pem().encode("ascii"))


def make_boot_stage(  # noqa: PLR0913 - what is built, how and where to
    aos: str, root: Path, macros: Sequence[str], target: Path, *, quiet: bool, say: Say = silent
) -> None:
    """Build the boot stage, with these macros set to 1, and write it to `target`. Raises BuildError."""
    with _defining(root / "components" / "ota_boot", macros):
        run_make(aos, root / _BOOT, [], quiet=quiet, say=say)
    write_file(target, (root / _BOOT / "out" / "ota_boot_stage@mps2.bin").read_bytes())


def make_versions(aos: str, root: Path, versions: Mapping[str, Variant], *, quiet: bool, say: Say = silent) -> None:
    """Build each version of the demo solution and copy its files. Raises BuildError."""
    for name, variant in versions.items():
        with _defining(root / "components" / "ota", variant.macros):
            run_make(aos, root / _DEMO, list(variant.arguments), quiet=quiet, say=say)
        folder = root / _RELEASE / "ota_bin"
        for file in _FILES:
            source = root / _DEMO / "out" / "ota_demo@mps2.elf" if file.endswith(".elf") else folder / file
            write_file(root / BUILDS / name / file, source.read_bytes())


@contextlib.contextmanager
def _defining(component: Path, macros: Sequence[str]) -> Iterator[None]:
    """Set macros to 1 in a component's package.yaml: arguments of ``aos make`` do not reach a compiler."""
    package = component / "package.yaml"
    plain = package.read_bytes()
    write_file(package, _with_macros(plain.decode("utf-8"), macros).encode("utf-8"))
    try:
        yield
    finally:
        write_file(package, plain)


def _with_macros(described: str, macros: Sequence[str]) -> str:
    """Return a component's package.yaml with these macros, 1 each, under its build_config."""
    lines = "".join(f"    - {name}=1\n" for name in macros)
    return _edited(described, ("build_config:\n", f"build_config:\n  define:\n{lines}")) if macros else described


def replaced(libraries: Mapping[str, Mapping[str, bytes]]) -> Dict[str, Dict[str, bytes]]:
    """Return {folder of the workspace: its files}: real libraries and solutions for this board."""
    descriptions = package_folder() / "demo" / "libraries"
    folders: Dict[str, Dict[str, bytes]] = {}
    for name, files in libraries.items():
        own = {
            path.relative_to(descriptions / name).as_posix(): path.read_bytes()
            for path in sorted((descriptions / name).rglob("*"))
            if path.is_file()
        }
        folders[f"components/{name}"] = {**files, **own}
    solution = package_folder() / "demo" / "workspace" / _DEMO
    described = (solution / "package.yaml").read_text(encoding="utf-8")
    described = _edited(
        described,
        ("  board_name: haas100\n", "  board_name: mps2\n"),
        ("  - haas100: master\n  - ulog", "  - mps2: master\n  - ulog"),
        ("  - haaseduk1: master\n", "  - haaseduk1: master\n  - mps2: master\n"),
    )
    files = {path.name: path.read_bytes() for path in solution.iterdir() if path.is_file()}
    folders[_DEMO.as_posix()] = {**files, "package.yaml": described.encode("utf-8")}
    folders[_BY_HAND.as_posix()] = {**files, **_by_hand(described, files["otaappdemo.c"].decode("utf-8"))}
    return folders


def _by_hand(described: str, source: str) -> Dict[str, bytes]:
    """Return the demo's files, edited by hand without the plugin and without a public key."""
    depends, settings = described.index("  - aos_ota_plugin: "), described.index("def_config:\n")
    described = (
        described[:depends]
        + described[described.index("\n", depends) + 1 : settings]
        + "def_config:\n  OTA_CONFIG_RSA: 1\n  OTA_CONFIG_LOCAL_RSA: 1\n"
    )
    source = _edited(
        source,
        ('#define MY_APP_VER "app-1.0.0"', f'#define MY_APP_VER "{OLD}"'),
        ('char *product_key       = "";', f'char *product_key       = "{PRODUCT_KEY}";'),
        ('char *device_name       = "";', f'char *device_name       = "{DEVICE_NAME}";'),
        ('char *device_secret     = "";', 'char *device_secret     = "of-no-use";'),
    )
    return {
        "package.yaml": _edited(described, ("name: ota_demo\n", "name: ota_demo_by_hand\n")).encode("utf-8"),
        "otaappdemo.c": source.encode("utf-8"),
    }


def _edited(text: str, *edits: Tuple[str, str]) -> str:
    for old, new in edits:
        if text.count(old) != 1:
            raise WorkspaceError(f"the demo no longer holds {old.strip()!r} once")
        text = text.replace(old, new)
    return text


def _read(root: Path) -> Built:
    firmware = read_firmware(root, VERSIONS)
    by_hand = root / BUILDS / BY_HAND
    firmware[BY_HAND] = Firmware((by_hand / _FILES[0]).read_bytes(), b"", (by_hand / _FILES[2]).read_bytes())
    return Built(
        boot_stage(root), (root / BUILDS / _VENDOR_BOOT_FILE).read_bytes(), firmware, *keys_and_flash_list(root)
    )


def boot_stage(root: Path) -> bytes:
    """Read the boot stage that was built."""
    return (root / BOOT_PLACE).read_bytes()


def read_firmware(root: Path, versions: Iterable[str]) -> Dict[str, Firmware]:
    """Read the built files of these versions."""
    return {name: Firmware(*((root / BUILDS / name / file).read_bytes() for file in _FILES)) for name in versions}


def keys_and_flash_list(root: Path) -> Tuple[bytes, bytes, str]:
    """Read the signing key, an untrusted key, and the flasher's file list."""
    return (
        (root / _KEY).read_bytes(),
        (root / BUILDS / "stranger.pem").read_bytes(),
        (root / _FLASH_LIST).read_text(encoding="utf-8"),
    )
