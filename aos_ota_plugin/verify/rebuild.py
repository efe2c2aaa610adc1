"""Build a kept release again in a copy of the workspace, without private keys, and compare."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import BuildError, FormatError, Place, ProofError
from aos_ota_plugin.files.folders import copy_folder, temporary_folder
from aos_ota_plugin.files.read import ELF_MAX, IMAGE_MAX, read_bytes, read_file
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.passwords import pin_file
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.pipeline.build_environment import component_of
from aos_ota_plugin.pipeline.payloads import payload_of_release
from aos_ota_plugin.provenance.component import Product
from aos_ota_plugin.provenance.cyclonedx import bill_of_materials, components_in
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.names import MANIFEST_NAME
from aos_ota_plugin.settings.fields import OBSOLETE
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.settings.secretfile import SECRETS_FILE
from aos_ota_plugin.verify.first_difference import explain
from aos_ota_plugin.verify.rebuilt_files import images_folder, rebuilt_payload, release_files
from aos_ota_plugin.verify.release import CheckResult, bill_beside
from aos_ota_plugin.workspace.find import find_root, find_solution
from aos_ota_plugin.workspace.launcher import find_aos, find_launcher, path_with
from aos_ota_plugin.workspace.solution import SolutionView, load_solution
from aos_ota_plugin.workspace.solution_settings import load_settings

_RELEASE_FOLDER = ".aos_ota_verify"
"""The folder in the copied solution with the release, which the build takes signatures from."""
_BUILT = ("out", "aos_sdk", "releases", _RELEASE_FOLDER)
_SAFE = re.compile(r"[A-Za-z0-9._-]+")
_ZONES = ("Pacific/Chatham", "America/St_Johns")
_TAIL = 30
_RULES = ("OTA_SECOND_PUBLIC_KEY=", "OTA_SECOND_SIGNER=", "OTA_SECOND_APPROVAL=")
"""Settings of the second signer, which is not at hand, either; they change no image."""
_CHOICES = ("OTA_IDENTITY_", "OTA_CONFIG_", "OTA_IMAGE_")
"""Settings of which one is y: the others follow."""


class RebuildRequest(NamedTuple):
    """A release to build again, with its settings by the statement, if any, and its base release's folder."""

    manifest: Manifest
    file: str
    settings: Optional[Mapping[str, str]]
    public_key: Optional[PublicKey]
    base: Optional[str]


def rebuild(request: RebuildRequest, solution: str) -> Iterator[CheckResult]:
    """Build a release again and yield what equals it; ``solution`` is the solution's folder.

    Raises:
        ProofError: something differs; the error says where.
        BuildError: the build failed, or cannot start.
    """
    manifest = request.manifest
    if manifest.security == "local" and request.public_key is None:
        raise ProofError(
            "a signed release is built again with its public key",
            place=Place(request.file),
            remedy="give the public key that you trust with --public-key",
        )
    if request.base is None and manifest.is_transition:
        raise ProofError(
            "a transition release is made for the devices of the release before, which is not at hand",
            place=Place(request.file),
            remedy="give that release's folder with --base",
        )
    if request.base is None and any(image.kind == "diff" for image in manifest.images):
        raise ProofError(
            "the diff image is made from the release before, which is not at hand",
            place=Place(request.file),
            remedy="give that release's folder with --base",
        )
    folder = find_solution(solution)
    arguments = _arguments(request)
    aos = find_aos()
    find_launcher(path_with(os.path.dirname(aos or sys.executable)))
    assert aos is not None  # else find_launcher has raised
    with _copy(folder) as copied:
        view = load_solution(copied)
        if manifest.solution and view.solution.name != manifest.solution:
            raise ProofError(
                f"this release is one of {manifest.solution}, and the solution here is {view.solution.name}",
                place=Place(view.solution.file),
                remedy="name the folder of the solution that it was built from",
            )
        if manifest.board and view.board and view.board.name != manifest.board:
            arguments = ["-b", _safe("board", manifest.board), *arguments]
            view = load_solution(copied, board=manifest.board)
        _copy_releases(request, copied)
        yield from _same_components(request, view)
        zone = next(zone for zone in _ZONES if zone != os.environ.get("TZ"))
        jobs = (os.cpu_count() or 1) + 1
        status, output = _make(aos, copied, [*arguments, f"MULTITHREADS=-j{jobs}"], zone)
        yield from _compare(request, view, status, output)
        yield CheckResult("rebuilt", f"in {copied}, time zone {zone}, -j{jobs}, without the signing key")


# --- the settings


def _arguments(request: RebuildRequest) -> List[str]:
    """Return the arguments for `aos make`, which hands them to a shell: only plain words may pass."""
    chosen = dict(request.settings) if request.settings else _settings_of(request.manifest)
    arguments = []
    for name, value in sorted(chosen.items()):
        if name in ("OTA_PROVENANCE", "OTA_KEEP_RELEASES") or name in OBSOLETE or not value:
            continue
        if name == "OTA_PARTITION_SIZE" and value == "0x0":
            continue
        if name.startswith(_CHOICES) and value != "y" and name != "OTA_CONFIG_RSA":
            continue
        if name in ("OTA_CONFIG_LOCAL_RSA", "OTA_CONFIG_CLOUD_RSA") and request.manifest.security == "none":
            continue
        arguments.append(f"{_safe('setting', name)}={_safe(name, value)}")
    arguments += ["OTA_PROVENANCE=n", "OTA_KEEP_RELEASES=n"]
    if request.manifest.security != "none" and not request.manifest.is_transition:
        arguments.append("OTA_KEY_RING=")  # the ring may have gone on since, and nothing new is signed here
    if request.public_key is not None and request.manifest.security != "none":
        arguments.append(f"OTA_PUBLIC_KEY={_RELEASE_FOLDER}/public.pem")
    if request.manifest.security == "local":
        arguments += [f"OTA_SIGNING_KEY=release:{_RELEASE_FOLDER}", *_RULES]
    if request.manifest.modules == ():
        arguments.append("OTA_MODULES=")
    arguments.append(
        f"OTA_BASE_RELEASE={_RELEASE_FOLDER}/base/{MANIFEST_NAME}" if request.base else "OTA_BASE_RELEASE="
    )
    return arguments


def _settings_of(manifest: Manifest) -> Dict[str, str]:
    kinds = {image.kind for image in manifest.images}
    return {
        "OTA_APP_VERSION": manifest.version,
        f"OTA_IMAGE_{manifest.image_magic}": "y",
        "OTA_COMPRESS_XZ": "y" if "xz" in kinds else "n",
        "OTA_DIFF": "y" if "diff" in kinds else "n",
        **({"OTA_EMBED_NEXT_KEY": "y"} if manifest.is_transition else {}),
        "OTA_CONFIG_RSA": "n" if manifest.security == "none" else "y",
        **({f"OTA_CONFIG_{manifest.security.upper()}_RSA": "y"} if manifest.security != "none" else {}),
        **({f"OTA_IDENTITY_{manifest.identity.upper()}": "y"} if manifest.identity != "unknown" else {}),
    }


def _safe(what: str, value: str) -> str:
    if not _SAFE.fullmatch(value):
        raise FormatError(
            f"the release names {value[:40]!r} as {what}, which no build of ours has",
            remedy="get the release anew from where it was built",
        )
    return value


# --- the copy


@contextlib.contextmanager
def _copy(folder: str) -> Iterator[str]:
    """Yield the solution in a temporary copy of the workspace, without keys, outputs and git's own files."""
    settings = load_settings(folder)
    excluded = {os.path.realpath(path) for path in _signers_files(settings, folder)}
    if settings.identity != "embedded":
        excluded.add(os.path.realpath(os.path.join(folder, SECRETS_FILE)))
    root = os.path.realpath(find_root(folder))
    solution = os.path.realpath(folder)

    def ignore(folder: str, names: List[str]) -> List[str]:
        skipped = [
            name
            for name in names
            if name in (".git", "__pycache__", ".sconsign.dblite")
            or os.path.realpath(os.path.join(folder, name)) in excluded
        ]
        if os.path.realpath(folder) == solution:
            skipped += [name for name in names if name in _BUILT]
        if MANIFEST_NAME in names:
            skipped += release_files(folder, names)
        return skipped

    with temporary_folder("aos-ota-verify-") as temporary:
        target = os.path.join(os.path.realpath(temporary), "rebuilt", "elsewhere")
        copy_folder(root, target, ignore=ignore)
        yield os.path.join(target, os.path.relpath(solution, root))


def _signers_files(settings: OtaSettings, folder: str) -> Iterator[str]:
    """Yield the paths of private keys, and of files with tokens' PINs."""
    for reference in (settings.signing_key, settings.second_signer):
        if reference is not None and reference.file is not None:
            yield reference.file
        elif reference is not None and reference.uri is not None and reference.uri.pin_source:
            yield pin_file(reference.uri.pin_source, folder)


def _copy_releases(request: RebuildRequest, solution: str) -> None:
    """Copy the release, its public key and its base release into the copied solution."""
    folder = Path(solution, _RELEASE_FOLDER)
    for release, target in ((request.file, folder), (request.base, folder / "base")):
        if release is None:
            continue
        source = Path(release)
        for path in (source if source.is_dir() else source.parent).iterdir():
            if path.is_file():
                _copy_file(path, target / path.name)
        if source.is_file() and source.name != MANIFEST_NAME:
            _copy_file(source, target / MANIFEST_NAME)
    if request.public_key is not None:
        write_file(folder / "public.pem", request.public_key.to_pem().encode("ascii"))


def _copy_file(source: Path, target: Path) -> None:
    write_file(
        target,
        read_file(str(source), "a file of the release", "give a folder that holds a release alone", limit=IMAGE_MAX),
    )


# --- the build


def _make(aos: str, folder: str, arguments: List[str], zone: str) -> Tuple[int, str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("AOS_OTA_KEY_PASSPHRASE", "AOS_OTA_PKCS11_PIN", "AOS_OTA_PASSPHRASE_COMMAND")
    }
    environment.update(
        TZ=zone, USER="verifier", LOGNAME="verifier", PATH=path_with(os.path.dirname(os.path.abspath(aos)))
    )
    done = subprocess.run(
        [aos, "make", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


# --- the comparison


def _same_components(request: RebuildRequest, view: SolutionView) -> Iterator[CheckResult]:
    """Check that components and versions are those that the release lists, before the build."""
    if request.settings is None:
        return
    path, bill = bill_beside(request.manifest, request.file)
    components = [component_of(package, view) for package in view.components]
    product = Product(
        request.manifest.solution or "",
        request.manifest.version,
        request.manifest.board,
        request.manifest.payload.sha256,
    )
    here = bill_of_materials(product, components)
    if here == bill:
        yield CheckResult("rebuilt: components", f"the same {len(components)}")
        return
    released, present = components_in(bill, file=path), components_in(here, file=path)
    names = sorted(name for name in released.keys() | present.keys() if released.get(name) != present.get(name))
    shown = ", ".join(
        f"{name} {released.get(name, 'not used')} was released, here it is {present.get(name, 'not used')}"
        for name in names[:5]
    )
    raise ProofError(
        f"the workspace's components are not those of the release: {shown or 'their descriptions differ'}",
        place=Place(path),
        remedy="check out the versions that the release was built from",
    )


def _compare(request: RebuildRequest, view: SolutionView, status: int, output: str) -> Iterator[CheckResult]:
    manifest = request.manifest
    folder = images_folder(view, load_settings(view.solution.path).chip_file or "")
    elf = next(iter(Path(view.solution.path, "out").glob("*@*.elf")), None)
    payload = rebuilt_payload(manifest, folder, view)
    if payload is None:
        raise _failed(status, output)
    released = payload_of_release(manifest, request.file)
    difference = explain(released, payload, read_bytes(elf, ELF_MAX) if elf else None, name="the payload")
    if difference:
        raise ProofError(difference.problem, place=Place(request.file), remedy=difference.remedy)
    yield CheckResult("rebuilt: payload", f"the same {len(released)} bytes")
    if status:
        raise _failed(status, output)
    for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
        original = read_file(
            os.path.join(os.path.dirname(request.file), artifact.file), "the released file", "keep it", limit=IMAGE_MAX
        )
        rebuilt = read_file(
            os.path.join(folder, artifact.file),
            "the rebuilt file",
            "build it with the same settings",
            limit=IMAGE_MAX,
            error=BuildError,
        )
        difference = explain(original, rebuilt, None, name=artifact.file)
        if difference:
            raise ProofError(difference.problem, place=Place(request.file), remedy=difference.remedy)
        yield CheckResult(f"rebuilt: {artifact.file}", f"the same {artifact.size} bytes")


def _failed(status: int, output: str) -> BuildError:
    tail = "\n".join(f"    {line}" for line in output.rstrip().splitlines()[-_TAIL:])
    return BuildError(
        f"`aos make` of the copy ended with status {status}; the end of what it printed:\n{tail}",
        remedy="make the workspace build, then try again",
    )
