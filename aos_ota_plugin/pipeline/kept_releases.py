"""The kept releases of a solution, in ``releases/BOARD/VERSION/``.

``BOARD`` is ``none`` for a solution without a board. A withdrawn release stays, with a mark beside its manifest: it is
no base for another release, and its files are not pushed. Folders ``releases/NAME/`` of version 0.1.0, which had none
for the board, are read, too.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

from aos_ota_plugin.device.version import is_valid, newer
from aos_ota_plugin.errors import FormatError, OtaError, Place, ProofError, SettingsError
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_bytes, read_file
from aos_ota_plugin.pipeline.state import STATE_NAME, read_state
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, WITHDRAWN_NAME, board_folder
from aos_ota_plugin.settings.fields import OtaSettings

FOLDER = "releases"
LATEST = "latest"


class KeptRelease(NamedTuple):
    """A kept release: its manifest, the manifest's path, and whether it is withdrawn."""

    manifest: Manifest
    file: str
    withdrawn: bool

    @property
    def version(self) -> str:
        """Return the release's version."""
        return self.manifest.version


def release_folder(solution: str, manifest: Manifest, file: str) -> str:
    """Return the folder in which the release of a manifest is kept.

    ``file`` is the manifest's path, for the error.

    Raises:
        FormatError: the board or the version cannot be the name of a folder on every system.
    """
    from aos_ota_plugin.pipeline.payloads import is_plain

    names = board_folder(manifest.board), manifest.version
    for what, name in zip(("board", "version"), names):
        if not is_plain(name) or name.startswith(".") or name.endswith((".", " ")) or not name.isprintable():
            raise FormatError(
                f"the {what} {name[:80]!a} is no name of a folder, so the release cannot be kept",
                place=Place(file),
                remedy=f"give it a {what} that begins and ends with a letter or digit",
            )
    return os.path.join(solution, FOLDER, *names)


def is_kept(solution: str, board: Optional[str], version: str, file: str) -> bool:
    """Return whether the manifest ``file`` is kept, byte for byte; other files are not compared."""
    kept = os.path.join(solution, FOLDER, board_folder(board), version, MANIFEST_NAME)
    try:
        return read_bytes(kept, DOCUMENT_MAX) == read_bytes(file, DOCUMENT_MAX)
    except OSError:
        return False


@contextlib.contextmanager
def locked(solution: str) -> Iterator[None]:
    """Lock the solution, as a build does, in the ``with`` block. Raises BusyError, OutputError."""
    from aos_ota_plugin.files.lock import LOCK_NAME, BuildLock

    lock = BuildLock(Path(solution, "out", "ota", LOCK_NAME))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def refuse_withdrawn(path: str, place: Optional[Place] = None) -> None:
    """Raise ProofError when a file lies in the folder of a withdrawn release.

    ``place`` is the place of the setting that names the file.
    """
    if os.path.lexists(os.path.join(os.path.dirname(path), WITHDRAWN_NAME)):
        raise ProofError(
            f"{path} belongs to a release that is withdrawn",
            place=place,
            remedy=f"give another release; {WITHDRAWN_NAME} beside it is the mark, removed by hand where it is wrong",
        )


def read_kept_releases(
    solution: str, board: Optional[str], damaged: Optional[List[OtaError]] = None
) -> List[KeptRelease]:
    """Return the kept releases of a board, in the order in which devices compare versions.

    Errors are added to ``damaged``, where it is given, and the release is left out.

    Raises:
        SettingsError, FormatError: a manifest cannot be read, or is none.
    """
    top = os.path.join(solution, FOLDER)
    own = os.path.join(top, board_folder(board))
    releases = []
    for file in (*_manifests_below(own), *_manifests_below(top)):
        try:
            manifest = _read_manifest(file)
        except OtaError as error:
            if damaged is None:
                raise
            damaged.append(error)
            continue
        if manifest.board in (None, board):
            withdrawn = os.path.lexists(os.path.join(os.path.dirname(file), WITHDRAWN_NAME))
            releases.append(KeptRelease(manifest, file, withdrawn))
    return sorted(releases, key=lambda release: release.version.encode("utf-8", "replace"))


def with_base_release(settings: OtaSettings, board: Optional[str]) -> OtaSettings:
    """Replace a version, or ``latest``, in OTA_BASE_RELEASE by the path of the kept manifest.

    ``latest`` is the newest kept release of this board that is not withdrawn and is older than the new release, as
    devices compare versions; a notice names kept releases that are newer. A file with the name in OTA_BASE_RELEASE
    takes precedence.

    Raises:
        SettingsError: there is no such release.
        ProofError: it is withdrawn.
    """
    path = settings.base_release
    if not path:
        return settings
    place = settings.origins["OTA_BASE_RELEASE"].place
    if os.path.lexists(path):
        refuse_withdrawn(path, place)
        return settings
    name = os.path.basename(path)
    if os.path.dirname(path) != settings.solution_dir or not is_valid(name) or name.endswith(".json"):
        return settings  # a path, which is read later
    if name == LATEST:
        releases = read_kept_releases(settings.solution_dir, board)
        older = [
            release for release in releases if not release.withdrawn and newer(settings.app_version, release.version)
        ]
        if not older:
            raise SettingsError(
                f"no kept release of the board {board_folder(board)} is older than {settings.app_version}",
                place=place,
                remedy="`aos-ota release` keeps the release that was built last; for the very first one leave "
                "OTA_BASE_RELEASE out",
            )
        notices = (*settings.notices, *_newer_notices(releases, settings.app_version))
        return replace(settings, base_release=older[-1].file, notices=notices)
    release = find_kept_release(settings.solution_dir, board, name, place, or_file=True)
    refuse_withdrawn(release.file, place)
    return replace(settings, base_release=release.file)


def _newer_notices(releases: List[KeptRelease], version: str) -> List[str]:
    """Return a notice if kept releases are newer to devices than `version`; `latest` leaves them out."""
    newer_ones = [release.version for release in releases if not release.withdrawn and newer(release.version, version)]
    if not newer_ones:
        return []
    return [
        f"devices on {', '.join(newer_ones)}, kept here, refuse {version}: they compare versions byte by byte, and "
        "take it for an older one; the other proofs do not cover these devices, either"
    ]


def last_board(solution: str) -> Optional[str]:
    """Return the board that was built last, else one with kept releases; None without a board."""
    built = _last_manifests(solution)
    kept = sorted(Path(solution, FOLDER).glob(f"*/*/{MANIFEST_NAME}"))
    folder = built[-1].parent.name if built else kept[0].parent.parent.name if kept else board_folder(None)
    return None if folder == board_folder(None) else folder


def last_manifest(solution: str, board: Optional[str]) -> str:
    """Return the manifest of the release that was built last, for this board if one is given.

    Raises:
        SettingsError: there is no such release.
        ProofError: its build did not end.
    """
    manifests = [path for path in _last_manifests(solution) if board is None or path.parent.name == board]
    if not manifests:
        raise SettingsError(
            f"nothing is built here{f' for the board {board}' if board else ''}",
            remedy="build a release with `aos make`, or give its ota_rtos_ota.json",
        )
    last = manifests[-1]
    if read_state(str(last.with_name(STATE_NAME)), None).fingerprint is None:
        raise ProofError(
            "the build that wrote this release did not come to its end", place=Place(str(last)), remedy="build again"
        )
    return str(last)


def built_manifest(solution: str, file: str) -> str:
    """Return the manifest in out/ota/BOARD/, beside the ELF, that has the bytes of ``file``.

    Where there is none, it is ``file`` itself.
    """
    try:
        data = read_bytes(file, DOCUMENT_MAX)
    except OSError:
        return file
    built = (str(path) for path in _last_manifests(solution))
    return next((path for path in built if read_bytes(path, DOCUMENT_MAX) == data), file)


def _last_manifests(solution: str) -> List[Path]:
    """Return the manifests of each board's last build, the newest last."""
    return sorted(Path(solution, "out", "ota").glob(f"*/{MANIFEST_NAME}"), key=lambda path: path.stat().st_mtime_ns)


def find_kept_release(
    solution: str, board: Optional[str], version: str, place: Optional[Place] = None, *, or_file: bool = False
) -> KeptRelease:
    """Return the kept release of a version.

    ``place`` is the place of the setting that names it; with ``or_file`` that could name a file, too.

    Raises:
        SettingsError: there is none.
        FormatError: there is none, and a kept manifest, which may be this one, cannot be read.
    """
    damaged: List[OtaError] = []
    releases = read_kept_releases(solution, board, damaged)
    release = next((release for release in releases if release.version == version), None)
    if release is None and damaged:
        raise damaged[0]
    if release is None:
        kept = ", ".join(dict.fromkeys(release.version for release in releases)) or "none"
        raise SettingsError(
            f"no release {version} of the board {board_folder(board)} is kept"
            + (", and there is no file of that name" if or_file else ""),
            place=place,
            remedy=f"kept are: {kept}" + ("; or give the path of a manifest" if or_file else ""),
        )
    return release


def _manifests_below(folder: str) -> List[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    files = (os.path.join(folder, name, MANIFEST_NAME) for name in names if not name.startswith("."))
    return [file for file in files if os.path.isfile(file)]


def _read_manifest(file: str) -> Manifest:
    remedy = f"restore it from a copy, or remove its folder {os.path.dirname(file)}"
    data = read_file(file, "the manifest of a kept release", remedy, limit=DOCUMENT_MAX)
    try:
        return parse_manifest(data, file=file)
    except FormatError as error:
        raise FormatError(error.problem, place=error.place, remedy=remedy) from None
