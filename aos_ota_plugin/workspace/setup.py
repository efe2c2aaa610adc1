"""Set a solution up: the hook into its build, lines of .gitignore, an example of settings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from aos_ota_plugin.errors import OutputError, Place, WorkspaceError
from aos_ota_plugin.files.read import read_bytes
from aos_ota_plugin.files.transaction import remove_file, write_file
from aos_ota_plugin.workspace.component_files import NAME, component_files, site_files
from aos_ota_plugin.workspace.disk import load_package, read_text
from aos_ota_plugin.workspace.find import find_components, find_root
from aos_ota_plugin.workspace.launcher import Launcher, find_launcher
from aos_ota_plugin.workspace.packages import parse_package

_DEPENDS = re.compile(r"depends\s*:\s*(#.*)?")
LAST_WITH_SITE_INIT = (3, 11)
WARNING = "warning: "
"""The beginning of a line of `set_up` that goes to standard error."""
IGNORED = ("ota.secrets.yaml", "keys/*.pem", "!keys/*.pub.pem")
IGNORED_RELEASES = "releases/"

EXAMPLE = """\
# Settings for signed OTA images. Copy what you need into def_config of this solution's package.yaml:
# comments and other sections are lost there when `aos make -b BOARD` rewrites it, def_config survives.
def_config:
  OTA_APP_VERSION: app-1.0.0            # what the device reports; bump it for every release
  OTA_CONFIG_RSA: y                     # n: unsigned images; devices then take whatever reaches them
  OTA_CONFIG_LOCAL_RSA: y               # you sign, and devices always check
  OTA_SIGNING_KEY: keys/ota_key.pem     # made by: aos-ota keygen -o keys/ota_key.pem
  # OTA_SIGNING_KEY: pkcs11:token=OTA%20keys;object=ota?module-name=softhsm2   # instead: a key on a token
  # OTA_CONFIG_CLOUD_RSA: y             # instead: the platform signs; devices check only what a push brings
  # OTA_PUBLIC_KEY: keys/cloud.pub.txt  # the key copied from the platform's console
  # OTA_BASE_RELEASE: latest            # what devices run now: the newest release that `aos-ota release` kept
  # OTA_IDENTITY_EMBEDDED: y            # one device's identity inside the firmware; the default reads it from KV
  # OTA_PRODUCT_KEY: a1XXXXXXXXX
  # OTA_DEVICE_NAME: device1
# Secrets never stand here: set AOS_OTA_DEVICE_SECRET, AOS_OTA_PRODUCT_SECRET, AOS_OTA_KEY_PASSPHRASE and
# AOS_OTA_PKCS11_PIN in the environment, or device_secret, product_secret, key_passphrase and pkcs11_pin in
# ota.secrets.yaml (chmod 600, not in git).
"""


def set_up(solution: Path, *, as_component: bool, ignore_releases: bool = True) -> Iterator[str]:
    """Put hook, .gitignore entries and example settings in place; yield a line about each.

    With ``ignore_releases`` git ignores the folder of kept releases, too, which holds binaries. Run again it changes
    nothing, and says so. Raises WorkspaceError, OutputError.
    """
    package = solution / "package.yaml"
    launcher = find_launcher()
    reason = _why_component(solution, launcher, asked=as_component)
    written: List[str] = []
    if any(depend.name == NAME for depend in load_package(solution).depends):
        yield f"{package} depends on {NAME} already: that is the hook"
        written += _component(solution)
    elif reason is None:
        written += _write(solution, {f"site_scons/{name}": data for name, data in site_files().items()})
    else:
        yield f"setting up the component: {reason}"
        changed = _with_dependency(package)
        written += _component(solution)
        written += _write(solution, {package.name: changed})
    written += _ignore(solution / ".gitignore", [*IGNORED, *([IGNORED_RELEASES] if ignore_releases else [])])
    written += _write(solution, {"ota.example.yaml": EXAMPLE.encode("utf-8")}, keep=True)
    yield from (f"wrote {path}" for path in written)
    cleared = _clear_site_init(solution, launcher)
    if cleared:
        yield cleared
    elif not written:
        yield "nothing to do: it is set up"


def _why_component(solution: Path, launcher: Launcher, *, asked: bool) -> Optional[str]:
    """Return why site_scons/site_init.py cannot be the hook here; None when it can."""
    if asked:
        return "you asked for it"
    if launcher.version > LAST_WITH_SITE_INIT:
        return (
            f"`aos make` runs on Python {launcher.version[0]}.{launcher.version[1]}, where SCons 3 cannot load "
            "site_scons/site_init.py (it needs the module imp, gone since 3.12)"
        )
    own = solution / "site_scons" / "site_init.py"
    if own.is_file() and read_bytes(own) != site_files()["site_init.py"]:
        return f"{own} is yours already, and SCons loads one only"
    return None


def _component(solution: Path) -> List[str]:
    """Put the component into the workspace; a clone in the workspace is left as it is."""
    root = find_root(str(solution))
    folder = Path(find_components(root).get(NAME) or Path(root) / "components" / NAME)
    return [] if (folder / "pyproject.toml").is_file() else _write(folder, component_files())


def _clear_site_init(solution: Path, launcher: Launcher) -> str:
    """Remove our site_init.py if SCons 3 cannot load one, warn of a user's own; return a line, or ""."""
    path = solution / "site_scons" / "site_init.py"
    if launcher.version <= LAST_WITH_SITE_INIT or not path.is_file():
        return ""
    where = f"on Python {launcher.version[0]}.{launcher.version[1]} SCons 3 does not start with this file"
    if read_bytes(path) == site_files()["site_init.py"]:
        remove_file(path)
        return f"removed {path}: {where}"
    return f"{WARNING}{path} is yours, and {where}: build on Python 3.11, or do without it"


def _write(folder: Path, files: Dict[str, bytes], *, keep: bool = False) -> List[str]:
    """Write files whose content differs; with ``keep`` one that is there stays as it is."""
    written = []
    for name, data in files.items():
        path = folder / name
        if not (keep and path.exists()) and write_file(_real(path, folder), data):
            written.append(str(path))
    return written


def _real(path: Path, start: Path) -> Path:
    """Return the real path of a file; its links have to stay in the workspace around ``start``.

    A repository can hold links to anywhere.

    Raises:
        OutputError: it is elsewhere, or the links lead in a circle.
    """
    real = Path(os.path.realpath(path))
    root = Path(os.path.realpath(find_root(str(start))))
    if root not in real.parents or os.path.islink(real):
        raise OutputError(
            f"{path} is a link to {real}, outside of the workspace {root}",
            remedy="put the file itself there, and run `aos-ota init` again",
        )
    return real


def _with_dependency(package: Path) -> bytes:
    """Return package.yaml with one more line under ``depends:`` and every other byte as it is.

    Raises:
        WorkspaceError: it has no such list, one item a line.
    """
    text = read_text(package)
    before = [depend.name for depend in parse_package(text, str(package.parent)).depends]
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if _DEPENDS.fullmatch(line.rstrip()):
            newline = "\r\n" if line.endswith("\r\n") else "\n"
            lines.insert(index + 1, f"{_indent(lines[index + 1 :])}- {NAME}: master{newline}")
            changed = "".join(lines)
            if _depends_of(changed, package) == [NAME, *before]:
                return changed.encode("utf-8")
    raise WorkspaceError(
        "there is no `depends:` list, one component a line, to add ours to",
        place=Place(str(package)),
        remedy=f"write it as\ndepends:\n  - {NAME}: master\nwith one more such line for each other component",
    )


def _depends_of(text: str, package: Path) -> Optional[List[str]]:
    try:
        return [depend.name for depend in parse_package(text, str(package.parent)).depends]
    except WorkspaceError:
        return None


def _indent(lines: List[str]) -> str:
    """Return the white space before the first item of the list that ``lines`` begin with."""
    for line in lines:
        text = line.lstrip()
        if text and not text.startswith("#"):
            return line[: len(line) - len(text)] if text.startswith("-") else "  "
    return "  "


def _ignore(path: Path, entries: Sequence[str]) -> List[str]:
    data = read_bytes(path) if path.is_file() else b""
    present = {line.strip() for line in data.decode("utf-8", "replace").splitlines()}
    missing = [entry for entry in entries if entry not in present]
    if not missing:
        return []
    separator = b"" if not data or data.endswith(b"\n") else b"\n"
    write_file(_real(path, path.parent), data + separator + "".join(f"{entry}\n" for entry in missing).encode("utf-8"))
    return [str(path)]
