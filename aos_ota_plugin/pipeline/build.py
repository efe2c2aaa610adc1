"""Make the release after a link, prove it and write it, unless it is unchanged.

That is decided by content, not by time stamps, and by the outputs as they are: an image that another program wrote
under our name is replaced, an unchanged one stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, ContextManager, Dict, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.files.read import DOCUMENT_MAX, PAYLOAD_MAX, read_bytes, read_file
from aos_ota_plugin.pipeline import (
    documents,
    image_step,
    messages,
    modules,
    output_backup,
    release_input,
    setting_files,
)
from aos_ota_plugin.pipeline.fingerprint import Fingerprint, fingerprint_release
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.pipeline.state import ReleaseState, is_intact, read_state, release_state, write_state
from aos_ota_plugin.release.names import DOCUMENTS, IMAGES, MANIFEST_NAME
from aos_ota_plugin.settings.fields import OtaSettings

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.make import Progress, Release
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.module_file import ModuleSource

_OUTPUTS = (*IMAGES, *DOCUMENTS, MANIFEST_NAME)


class Outcome(NamedTuple):
    """The result of a build: the release if a new one was made, and the lines to show."""

    release: Optional[Release]
    lines: Tuple[str, ...]


class _Task(NamedTuple):
    """The inputs of one build, and the state of the last good release."""

    site: Site
    settings: OtaSettings
    keys: BuildKeys
    payload: bytes
    modules: Tuple[ModuleSource, ...]
    fingerprint: Fingerprint
    last: ReleaseState


class _Files(NamedTuple):
    """The files of a release that are to be written, by name, and its manifest."""

    manifest: Manifest
    modules: modules.ReleaseModules
    contents: Dict[str, bytes]


def build_release(
    site: Site, settings: OtaSettings, keys: BuildKeys, *, progress: Optional[Progress] = None
) -> Outcome:
    """Make, prove and write the release, unless the files on the disk are that release already.

    ``progress`` is called during long work; ``keys`` are those that the settings name.

    Raises:
        OtaError: any proof failed, or a file cannot be read or written; the old outputs are then as they were.
    """
    setting_files.refuse_own_manifest(settings, site.manifest)
    with _shared_folder_lock(site):
        _recover(site)
        _run_image_steps(site, settings)
        task = _task(site, settings, keys)
        last = task.last
        if last.fingerprint == task.fingerprint and _is_unchanged(task):
            lines = [*messages.unchanged_lines(settings, last.outputs), *messages.warning_lines(last.warnings)]
            return Outcome(None, tuple(lines))
        return _make_release(task, progress)


def recover(site: Site, *, unfinished: bool) -> None:
    """Complete or remove what killed builds left beside the outputs.

    With ``unfinished``, which says that the last build did not succeed, an unsigned image that the vendor's image step
    left under our name is removed, too.
    """
    with _shared_folder_lock(site):
        _recover(site)
        if unfinished:
            output_backup.remove_unsigned_images(os.path.dirname(site.image))


def shared_lock(site: Site) -> Optional[str]:
    """Return the path of the lock file in the folder that solutions of a chip share, None without one."""
    return os.path.join(site.shared, "." + os.path.splitext(MANIFEST_NAME)[0] + ".lock") if site.shared else None


def last_modules(site: Site) -> Tuple[str, ...]:
    """Return the paths of the modules' files that the last good release wrote, for `aos make clean`."""
    return tuple(path for path in _last_state(site).outputs if modules.is_module(path))


def _shared_folder_lock(site: Site) -> ContextManager[object]:
    """Return the lock against builds of other solutions of the same chip, which write to the same folder."""
    if not site.shared:
        return contextlib.nullcontext()
    from aos_ota_plugin.files.lock import BuildLock

    return BuildLock(Path(shared_lock(site) or "")).hold()


def _recover(site: Site) -> None:
    transaction.recover(os.path.dirname(site.image), lambda name: name in _OUTPUTS or modules.is_module(name))
    if site.state:
        folder, name = os.path.split(site.state)
        transaction.recover(folder, name.__eq__)


def _run_image_steps(site: Site, settings: OtaSettings) -> None:
    for step in site.steps:
        image_step.run_image_step(
            step,
            target=str(site.binary),
            folder=os.path.dirname(site.image),
            remove_unsigned=settings.security == "local",
        )
    _refuse_stale_payload(site)


def _task(site: Site, settings: OtaSettings, keys: BuildKeys) -> _Task:
    payload = read_file(site.payload, "the payload", "build the firmware first", limit=PAYLOAD_MAX)
    sources = modules.load(settings)
    fingerprint = fingerprint_release(site, settings, keys.files, payload, sources)
    return _Task(site, settings, keys, payload, sources, fingerprint, _last_state(site))


def _last_state(site: Site) -> ReleaseState:
    return read_state(site.state, os.path.dirname(site.image))


def _is_unchanged(task: _Task, *, with_modules: bool = True) -> bool:
    """Return whether the files of the last good release are all there, unchanged."""
    outputs = [path for path in task.last.outputs if with_modules or not modules.is_module(path)]
    return task.site.image in outputs and all(is_intact(task.last, path) for path in outputs)


def _make_release(task: _Task, progress: Optional[Progress]) -> Outcome:
    from aos_ota_plugin.pipeline.release_cache import reuse_last
    from aos_ota_plugin.release.make import make_release
    from aos_ota_plugin.release.proofs import excuse_lines

    site, settings = task.site, task.settings
    base, options = release_input.load_base(site, settings), release_input.release_options(site, settings)
    keys = task.keys.key_set
    # When only modules or documents changed, the firmware's images stay as they are, and nothing is signed again.
    release = None
    manifest = _unchanged_manifest(task)
    if manifest is None:
        firmware = release_input.load_firmware(site, settings, task.payload)
        release = make_release(
            *reuse_last(firmware, keys, base, task.last.digests(), site.manifest), options, progress=progress
        )
        manifest = release.manifest
    module_images = modules.make(keys, base, options, task.modules, manifest)
    files = _files(task, release, module_images, keys.signer)
    warnings = excuse_lines(files.manifest)
    outputs, changed = _write_outputs(task, files, warnings)
    if release and changed:
        lines = messages.release_lines(site, settings, release)
    else:
        lines = messages.unchanged_lines(settings, outputs)
    lines += messages.warning_lines(warnings)
    lines += modules.lines(files.modules, changed, os.path.dirname(site.image))
    return Outcome(release, (*lines, *documents.lines(site, changed)))


def _unchanged_manifest(task: _Task) -> Optional[Manifest]:
    """Return the manifest on the disk if the firmware's images would be those of the last good release."""
    last = task.last.fingerprint
    if last is None or last.images != task.fingerprint.images or not _is_unchanged(task, with_modules=False):
        return None
    from aos_ota_plugin.release.manifest import parse_manifest

    return parse_manifest(read_bytes(task.site.manifest, DOCUMENT_MAX), file=task.site.manifest)


def _files(
    task: _Task, release: Optional[Release], module_images: modules.ReleaseModules, signer: Optional[Signer]
) -> _Files:
    site, settings = task.site, task.settings
    modules.refuse_folders(module_images.files, os.path.dirname(site.image))
    contents = {
        **(release.images if release else {}),
        **module_images.files,
        os.path.basename(site.manifest): module_images.manifest.to_json(),
    }
    if settings.provenance and signer:
        contents.update(documents.make(site, settings, module_images.manifest, signer))
    return _Files(module_images.manifest, module_images, contents)


def _write_outputs(task: _Task, files: _Files, warnings: List[str]) -> Tuple[Dict[str, str], List[str]]:
    """Write a release's files; return all outputs' SHA-256 by path, and the names of changed files."""
    site, last = task.site, task.last
    folder = os.path.dirname(site.image)
    outputs = {os.path.join(folder, image.file): image.sha256 for image in files.manifest.images}
    outputs.update(
        {os.path.join(folder, name): hashlib.sha256(data).hexdigest() for name, data in files.contents.items()}
    )
    if site.state:
        # Written first, as what may be there from now on: a state that cannot be written has to leave the old outputs.
        write_state(site.state, last.replaced_by(outputs))
    # What the last release made and this one does not must not be uploaded by mistake.
    outdated = [os.path.basename(path) for path in last.outputs if path not in outputs and is_intact(last, path)]
    changed = transaction.write_set(folder, files.contents, drop=outdated)
    if site.state:
        with contextlib.suppress(OutputError):  # then the next build makes the release again
            write_state(site.state, release_state(task.fingerprint, outputs, warnings))
    return outputs, changed


def _refuse_stale_payload(site: Site) -> None:
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
