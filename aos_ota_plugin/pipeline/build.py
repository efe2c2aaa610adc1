"""Bringing what is on the disk in line with what the build made: nothing to do, or a new release put in place.

Run after every link. It decides by content, not by time stamps, and looks at the outputs as they are: an image that
someone else wrote under our name is replaced, an unchanged one is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, ContextManager, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, PAYLOAD_MAX, SOURCE_MAX, read_bytes, read_file
from aos_ota_plugin.pipeline import documents, image_step, inputs, key_set, modules
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.release.names import DOCUMENTS, IMAGES, MANIFEST_NAME
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.workspace.partitions import partition_files

if TYPE_CHECKING:
    from aos_ota_plugin.release.make import Progress, Release
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.request import PayloadSource, ReleaseInput

_OUTPUTS = (*IMAGES, *DOCUMENTS, MANIFEST_NAME)


class Outcome(NamedTuple):
    """What was done: the release if one was made, and the lines to show."""

    release: Optional[Release]
    lines: Tuple[str, ...]


def settle(site: Site, settings: OtaSettings, *, progress: Optional[Progress] = None) -> Outcome:
    """Make, prove and write the release unless what is there is already it; ``progress`` is told of long work.

    Raises:
        OtaError: any proof failed, or a file cannot be read or written; the old outputs are then as they were.
    """
    inputs.refuse_own_manifest(settings, site.manifest)
    with _alone(site):
        return _settle(site, settings, progress)


def recover(site: Site) -> None:
    """Complete or remove what killed builds of this solution left beside its outputs."""
    with _alone(site):
        _recover(site)


def _alone(site: Site) -> ContextManager[object]:
    """Keeps out the builds of other solutions of the same chip: they all write to one folder."""
    if not site.shared:
        return contextlib.nullcontext()
    from aos_ota_plugin.files.lock import BuildLock

    return BuildLock(Path(shared_lock(site) or "")).waiting()


def shared_lock(site: Site) -> Optional[str]:
    """The lock file in the folder that solutions of a chip share."""
    return os.path.join(site.shared, "." + os.path.splitext(MANIFEST_NAME)[0] + ".lock") if site.shared else None


def _recover(site: Site) -> None:
    transaction.recover(os.path.dirname(site.image), lambda name: name in _OUTPUTS or modules.is_module(name))
    if site.state:
        folder, name = os.path.split(site.state)
        transaction.recover(folder, name.__eq__)


def _settle(site: Site, settings: OtaSettings, progress: Optional[Progress]) -> Outcome:
    _recover(site)
    for step in site.steps:
        image_step.run_image_step(
            step, target=str(site.binary), folder=os.path.dirname(site.image), sweep=settings.security == "local"
        )
    _require_fresh_payload(site)
    payload = read_file(site.payload, "the payload", "build the firmware first", limit=PAYLOAD_MAX)
    before = _state_key(site, settings, payload)
    sources = modules.load(settings)
    key = f"{before}/{modules.key(sources)}/{documents.key(site, settings)}"
    if _is_settled(site, key):
        return Outcome(None, (*_unchanged(settings, _remembered(site)[1]), *_remembered_warnings(site)))

    from aos_ota_plugin.release.make import make_release
    from aos_ota_plugin.release.proofs import excuse_lines

    given = _release_input(site, settings, payload)
    folder = os.path.dirname(site.image)
    # When only modules changed, the firmware's images stay as they are, and nothing is signed again.
    release = None
    manifest = _settled_manifest(site, before)
    if manifest is None:
        release = make_release(given, progress=progress)
        manifest = release.manifest
    made = modules.make(given, sources, manifest, folder)
    files = {
        **(release.images if release else {}),
        **made.files,
        os.path.basename(site.manifest): made.manifest.to_json(),
    }
    if settings.provenance and given.signer:
        files.update(documents.make(site, settings, made.manifest, given.signer))
    outputs = {os.path.join(folder, image.file): image.sha256 for image in made.manifest.images}
    outputs.update({os.path.join(folder, name): hashlib.sha256(data).hexdigest() for name, data in files.items()})
    if site.state:
        # Written first, as what may be there from now on: a state that cannot be written has to leave the old outputs.
        _write_state(site.state, "", _either(_remembered(site)[1], outputs))
    changed = transaction.write_set(folder, files, drop=_outdated(site, outputs))
    if site.state:
        with contextlib.suppress(OutputError):  # the next build finds the same out again
            _write_state(site.state, key, outputs, excuse_lines(made.manifest))
    lines = _lines(site, settings, release) if release and changed else list(_unchanged(settings, outputs))
    lines += [f"aos_ota_plugin: {line}" for line in excuse_lines(made.manifest)]
    lines += _shared_key(site, settings, made.manifest) if release else []
    return Outcome(release, (*lines, *modules.lines(made, changed, folder), *documents.lines(site, changed)))


def _release_input(site: Site, settings: OtaSettings, payload: bytes) -> ReleaseInput:
    from aos_ota_plugin.pipeline.reuse import with_known
    from aos_ota_plugin.release.request import ReleaseInput

    signer, public_key = key_set.load_keys(settings)
    base = inputs.load_base(settings)
    ring = key_set.load_ring(settings)
    second, second_key = key_set.load_second(settings)
    return with_known(
        ReleaseInput(
            payload=payload,
            payload_name=os.path.basename(site.payload),
            image_name=os.path.basename(site.image),
            elf=read_file(site.elf, "the ELF", "build the firmware first", limit=ELF_MAX) if site.elf else None,
            elf_name=os.path.basename(site.elf or "the ELF"),
            version=settings.app_version,
            version_place=settings.origins["OTA_APP_VERSION"].place,
            security=settings.security,
            identity=settings.identity,
            partition_size=inputs.partition_size(settings, site.board_folder, site.chip_folder),
            signer=signer,
            public_key=public_key,
            next_key=key_set.next_key(settings, ring),
            ring=ring,
            allow_development_key=settings.allow_development_key,
            second=second,
            second_key=second_key,
            base=base,
            base_payload=inputs.base_payload(settings, base, overwritten=site.overwritten),
            allow_new_key=settings.allow_new_key,
            image_magic=settings.image_magic,
            compress_xz=settings.compress_xz,
            embedded=inputs.identity_bytes(settings) if settings.identity == "embedded" else (),
            forbidden=inputs.secret_bytes(settings) if settings.identity == "kv" else (),
            solution=site.solution,
            board=site.board,
            source=_payload_source(site, settings),
        ),
        _remembered(site)[1],
        site.manifest,
    )


def _payload_source(site: Site, settings: OtaSettings) -> PayloadSource:
    from aos_ota_plugin.release.request import PayloadSource
    from aos_ota_plugin.workspace.chip import load_chip

    chip = load_chip(site.chip)
    # An image step that has the .bin alone to work on leaves its output there: that is compared as the payload.
    changed_in_place = site.binary == site.payload and bool(site.steps)
    return PayloadSource(
        objcopy=site.objcopy,
        binary=read_file(site.binary, "the .bin", "build the firmware first", limit=PAYLOAD_MAX)
        if site.binary and not changed_in_place
        else None,
        binary_name=os.path.basename(site.binary or ""),
        may_change=chip.may_change,
        allowed_by=f"the description of the chip {chip.name}",
        allow_any=settings.allow_changed_payload,
    )


def _require_fresh_payload(site: Site) -> None:
    if not site.binary or site.binary == site.payload:
        return
    try:
        payload_time = os.stat(site.payload).st_mtime_ns
        binary_time = os.stat(site.binary).st_mtime_ns
    except OSError as error:
        raise BuildError(
            f"the chip's image step left no {site.payload} ({error.strerror})",
            remedy="look for its messages above; an OTA image is made from that file",
        ) from None
    if payload_time < binary_time:
        raise BuildError(
            f"{site.payload} is older than {os.path.basename(site.binary)}: the chip's image step did not renew it, so "
            "an image made from it would carry the old firmware",
            remedy="look for the image step's messages above; delete the stale file and run `aos make` again",
        )


def _state_key(site: Site, settings: OtaSettings, payload: bytes) -> str:
    """A digest of all that decides the outputs. Files that may be secret or large count by time stamp and size."""
    key = {
        "tool": __version__,
        "payload": hashlib.sha256(payload).hexdigest(),
        "version": settings.app_version,
        "security": settings.security,
        "identity": settings.identity,
        "new_key": settings.allow_new_key,
        "changed_payload": settings.allow_changed_payload,
        "objcopy": site.objcopy,
        "magic": settings.image_magic,
        "xz": settings.compress_xz,
        "diff": settings.diff,
        "partition": settings.partition_size
        or [
            hashlib.sha256(read_file(path, "the partition table", "restore it", limit=SOURCE_MAX)).hexdigest()
            for path in partition_files(site.board_folder, site.chip_folder)
        ],
        "board": site.board,
        "next_key": settings.embed_next_key,
        "development_key": settings.allow_development_key,
        "files": [
            _stamp(path)
            for path in (
                site.elf,
                settings.signing_key,
                settings.second_signer,
                settings.base_release,
                *key_set.input_files(settings),
            )
        ],
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode("utf-8")).hexdigest()


def _stamp(path: Optional[str]) -> Optional[List[object]]:
    if not path:
        return None
    from aos_ota_plugin.keys.signer import reference_kind

    if reference_kind(path) != "file":
        return [path]
    try:
        status = os.stat(path)
    except OSError:
        return [path, "missing"]
    return [path, status.st_size, status.st_mtime_ns]


def _is_settled(site: Site, key: str) -> bool:
    settled, outputs = _remembered(site)
    return settled == key and site.image in outputs and all(_holds(path, digest) for path, digest in outputs.items())


def _unchanged(settings: OtaSettings, outputs: Mapping[str, str]) -> Tuple[str, ...]:
    """Say which images stand as they were; ``outputs`` are a release's files."""
    images = (
        path for path in sorted(outputs) if not path.endswith((".json", ".jsonl")) and not modules.is_module(path)
    )
    return tuple(f"aos_ota_plugin: {path}: {settings.app_version}, unchanged" for path in images)


def _settled_manifest(site: Site, before: str) -> Optional[Manifest]:
    """The manifest on the disk when all but the modules is as the last good release left it."""
    key, outputs = _remembered(site)
    if (
        key.partition("/")[0] != before
        or site.image not in outputs
        or not all(_holds(path, digest) for path, digest in outputs.items() if not modules.is_module(path))
    ):
        return None
    from aos_ota_plugin.release.manifest import parse_manifest

    return parse_manifest(read_bytes(site.manifest, DOCUMENT_MAX), file=site.manifest)


def remembered_modules(site: Site) -> Tuple[str, ...]:
    """The modules' files that the last good release wrote, for `aos make clean`."""
    return tuple(path for path in _remembered(site)[1] if modules.is_module(path))


def _outdated(site: Site, outputs: Dict[str, str]) -> List[str]:
    """What the last release made and this one does not: nobody shall upload it by mistake."""
    return [
        os.path.basename(path)
        for path, digest in _remembered(site)[1].items()
        if path not in outputs and _holds(path, digest)
    ]


def _either(before: Mapping[str, str], after: Mapping[str, str]) -> Dict[str, str]:
    """Outputs of which nobody knows yet whether they are the old or the new ones."""
    return {
        path: ",".join(dict.fromkeys(digest for digest in (before.get(path), after.get(path)) if digest))
        for path in {**before, **after}
    }


def _remembered(site: Site) -> Tuple[str, Dict[str, str]]:
    """The key of the last good release and the digests of its outputs by path; nothing where that cannot be read.

    Several digests, with commas between them, when a build was killed while it put its outputs in place.

    Only outputs beside the site's image count: another board's, or those of the workspace that this one is a copy of,
    are not ours to look after.
    """
    folder = os.path.dirname(site.image)
    try:
        remembered = json.loads(read_bytes(site.state or ""))
        outputs = {str(path): str(digest) for path, digest in remembered["outputs"].items()}
        return str(remembered["key"]), {
            path: digest for path, digest in outputs.items() if os.path.dirname(path) == folder
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", {}


def _holds(path: str, digests: str) -> bool:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() in digests.split(",")
    except OSError:
        return False


def _remembered_warnings(site: Site) -> Tuple[str, ...]:
    """Return what the last good release was excused, for the builds that leave it as it is."""
    try:
        warnings = json.loads(read_bytes(site.state or ""))["warnings"]
        return tuple(f"aos_ota_plugin: {line}" for line in warnings)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()


def _write_state(state: str, key: str, outputs: Dict[str, str], warnings: Sequence[str] = ()) -> None:
    state_text = json.dumps({"key": key, "outputs": outputs, "warnings": list(warnings)}, sort_keys=True)
    transaction.write_file(state, state_text.encode("utf-8"))


def _shared_key(site: Site, settings: OtaSettings, manifest: Manifest) -> List[str]:
    """A warning when this release's key signs for another product, too."""
    product = settings.product_key or site.solution
    if not (settings.warn_shared_key and manifest.signer and product):
        return []
    from aos_ota_plugin.pipeline.key_uses import record_use

    others = record_use(manifest.signer, product)
    if not others:
        return []
    return [
        f"aos_ota_plugin: warning: the key {manifest.signer[:16]} signs {product}, and has signed "
        f"{', '.join(others)}: devices of each install images of the other",
        "    give each product a key of its own, or set OTA_WARN_SHARED_KEY to n",
    ]


def _lines(site: Site, settings: OtaSettings, release: Release) -> List[str]:
    from aos_ota_plugin.release.proofs import key_lines, unjudged_lines
    from aos_ota_plugin.release.transfer import advice

    manifest = release.manifest
    key = {"local": f"signed by key {(manifest.signer or '')[:16]}", "cloud": "to be signed by the platform"}.get(
        settings.security, "NOT signed"
    )
    lines = []
    if manifest.image_magic != "ALL":
        key = f"{manifest.image_magic}, {key}"
    for image in manifest.images:
        lines += [
            f"OTA {os.path.join(os.path.dirname(site.image), image.file)}",
            f"    {manifest.version}, {image.size} bytes, {key}, {_counted(manifest)}",
        ]
    return lines + [
        f"    {line}"
        for line in (*key_lines(manifest), *unjudged_lines(manifest), *advice(manifest, release.compressed_size))
    ]


def _counted(manifest: Manifest) -> str:
    counts = (
        (len(manifest.proofs), "checks passed"),
        (len(manifest.excused), "excused"),
        (len(manifest.not_judged), "not judged"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)
