"""Make, prove and write the release after a link, unless it is unchanged.

It is unchanged if the fingerprint of its inputs and the digests of its files on the disk are the last release's: an
image that another program wrote under our name is replaced, an unchanged image stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Collection, ContextManager, Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.files.folders import make_folder
from aos_ota_plugin.files.private_files import OWNER_ONLY
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, IMAGE_MAX, read_bytes, read_file
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
from aos_ota_plugin.settings.fields import OtaSettings

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.make import Progress, Release
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.module_file import ModuleSource


class Outcome(NamedTuple):
    """The result of a build: the release if a new one was made, and the lines to show."""

    release: Optional[Release]
    lines: Tuple[str, ...]


class _Task(NamedTuple):
    """The inputs of one build, and the state of the last good release."""

    site: Site
    settings: OtaSettings
    keys: BuildKeys
    payloads: image_step.Payloads
    modules: Tuple[ModuleSource, ...]
    fingerprint: Fingerprint
    last: ReleaseState


class _Files(NamedTuple):
    """The manifest, the modules, and the files of a release to write, by name."""

    manifest: Manifest
    modules: modules.ReleaseModules
    contents: Dict[str, bytes]


def build_release(
    site: Site, settings: OtaSettings, keys: BuildKeys, *, progress: Optional[Progress] = None
) -> Outcome:
    """Make, prove and write the release, unless the files on the disk are that release already.

    ``progress`` is called during long work; ``keys`` are the keys that the settings name.

    Raises:
        OtaError: a proof failed, or a file cannot be read or written; the old outputs then stay as they were.
    """
    setting_files.refuse_own_manifest(settings, site.manifest)
    with _shared_folder_lock(site):
        _recover(site)
        payloads = image_step.make_payloads(
            site, remove_unsigned=settings.security == "local", private=settings.identity == "embedded"
        )
        task = _task(site, settings, keys, payloads)
        last = task.last
        if last.fingerprint == task.fingerprint and _is_unchanged(task):
            lines = [*messages.warning_lines(last.warnings), *messages.unchanged_lines(last.summary)]
            return Outcome(None, tuple(lines))
        return _make_release(task, progress)


def recover(site: Site, *, unfinished: bool) -> None:
    """Complete or remove the temporary files that killed builds left beside the outputs.

    ``unfinished`` says that the last build did not succeed: then unsigned images that the vendor's image step left
    under our names are removed, too.
    """
    with _shared_folder_lock(site):
        _recover(site)
        if unfinished:
            output_backup.remove_unsigned_images(os.path.dirname(site.image), site.names)


def last_outputs(site: Site) -> Tuple[str, ...]:
    """Return the paths of the files that the last good release wrote, for `aos make clean`.

    Files outside the folders of chip, board and solution are left out: they belong to the workspace that this one is a
    copy of.
    """
    folders = [folder for folder in (site.chip_folder, site.board_folder, site.solution_folder) if folder]
    return tuple(
        path
        for path in read_state(site.state, None).outputs
        if any(path.startswith(os.path.join(folder, "")) for folder in folders)
    )


def _shared_folder_lock(site: Site) -> ContextManager[object]:
    """Return the lock against builds of other solutions of the same chip, which write to the same folder."""
    if not site.shared:
        return contextlib.nullcontext()
    from aos_ota_plugin.files.lock import shared_lock

    return shared_lock(site.shared).hold()


def _recover(site: Site) -> None:
    transaction.recover(os.path.dirname(site.image), lambda name: name in site.names.outputs or modules.is_module(name))
    if site.state:
        folder, name = os.path.split(site.state)
        transaction.recover(folder, name.__eq__)
    if site.copy:
        transaction.recover(site.copy, lambda name: True)


def _task(site: Site, settings: OtaSettings, keys: BuildKeys, payloads: image_step.Payloads) -> _Task:
    sources = modules.load(settings)
    fingerprint = fingerprint_release(
        site, settings, keys.digests(keys.files), [data for data in payloads if data], sources
    )
    return _Task(site, settings, keys, payloads, sources, fingerprint, _last_state(site))


def _last_state(site: Site) -> ReleaseState:
    return read_state(site.state, os.path.dirname(site.image))


def _is_unchanged(task: _Task, *, with_modules: bool = True) -> bool:
    """Return whether the files of the last good release are all there, unchanged, in their copy, too."""
    site = task.site
    outputs = [path for path in task.last.outputs if with_modules or not modules.is_module(path)]
    copied = [*outputs, site.elf] if site.elf else outputs
    return (
        site.image in outputs
        and all(is_intact(task.last, path) for path in outputs)
        and (not site.copy or all(_is_same(path, _in_copy(site, path)) for path in copied))
    )


def _is_same(path: str, copy: str) -> bool:
    try:
        return read_bytes(path, ELF_MAX) == read_bytes(copy, ELF_MAX)
    except OSError:
        return False


def _in_copy(site: Site, path: str) -> str:
    """Return the path of an output's copy, or of the output itself without a copy."""
    return os.path.join(site.copy, os.path.basename(path)) if site.copy else path


def _make_release(task: _Task, progress: Optional[Progress]) -> Outcome:
    from aos_ota_plugin.pipeline.release_cache import reuse_last
    from aos_ota_plugin.release.make import make_release
    from aos_ota_plugin.release.proofs import excuse_lines

    site, settings = task.site, task.settings
    base, options = release_input.load_base(site, settings), release_input.release_options(site, settings)
    keys = task.keys.key_set
    # When only modules or documents changed, the firmware's images stay as they are, and are not signed again.
    release = None
    manifest = _unchanged_manifest(task)
    if manifest is None:
        firmware = release_input.load_firmware(site, settings, task.payloads)
        # In the shared folder another board's release may lie now.
        digests = {_in_copy(site, path): digest for path, digest in task.last.digests().items()}
        reused = reuse_last(firmware, keys, base, digests, _in_copy(site, site.manifest))
        release = make_release(*reused, options, progress=progress)
        manifest = release.manifest
    module_images = modules.make(keys, base, options, task.modules, manifest)
    files = _files(task, release, module_images, keys.signer)
    warnings = excuse_lines(files.manifest)
    summary = messages.summary(files.manifest, os.path.dirname(site.image))
    changed = _write_outputs(task, files, warnings, summary)
    new = release is not None and changed
    return Outcome(
        release,
        (
            *messages.warning_lines(warnings),
            *modules.lines(files.modules, changed, os.path.dirname(site.image)),
            *(messages.release_lines(release, summary) if release and new else messages.unchanged_lines(summary)),
            *documents.lines(site, changed),
        ),
    )


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


def _write_outputs(task: _Task, files: _Files, warnings: List[str], summary: Mapping[str, str]) -> List[str]:
    """Write a release's files, and their copy; return the names of changed files."""
    site, last = task.site, task.last
    folder = os.path.dirname(site.image)
    outputs = {os.path.join(folder, image.file): image.sha256 for image in files.manifest.images}
    outputs.update(
        {os.path.join(folder, name): hashlib.sha256(data).hexdigest() for name, data in files.contents.items()}
    )
    if site.state:
        # Before the outputs, with the old and the new digests: if the state cannot be written, the old outputs stay.
        write_state(site.state, last.replaced_by(outputs))
    # Files of the last release, or of another board's, that this release does not have could be uploaded by mistake.
    before = {os.path.basename(path) for path in last.outputs if is_intact(last, path)}
    before.update(output_backup.release_files(folder))
    names = {os.path.basename(path) for path in outputs}
    # With an identity in them, the firmware and what holds it are for their owner alone.
    mode = OWNER_ONLY if files.manifest.identity == "embedded" else None
    _write_copy(task, files, names, mode)
    modes = dict.fromkeys(files.contents, mode) if mode else {}
    changed = transaction.write_set(folder, files.contents, drop=sorted(before - names), modes=modes)
    if site.state:
        with contextlib.suppress(OutputError):  # then the next build makes the release again
            write_state(site.state, release_state(task.fingerprint, outputs, warnings, summary))
    return changed


def _write_copy(task: _Task, files: _Files, names: Collection[str], mode: Optional[int]) -> None:
    """Write a copy of the release's files and its ELF to the solution's own folder for this board.

    They get the permissions ``mode``; where that is None, those that files have by themselves.
    """
    site = task.site
    if not site.copy:
        return
    folder = os.path.dirname(site.image)
    contents = dict(files.contents)
    for name in set(names) - set(contents):
        contents[name] = read_file(os.path.join(folder, name), "the output", "build again", limit=IMAGE_MAX)
    if site.elf:
        contents[os.path.basename(site.elf)] = read_file(site.elf, "the ELF", "build again", limit=ELF_MAX)
    make_folder(site.copy)
    outdated = {entry.name for entry in os.scandir(site.copy) if entry.is_file()}
    outdated -= {*contents, os.path.basename(site.state or "")}
    modes = dict.fromkeys(contents, mode) if mode else {}
    transaction.write_set(site.copy, contents, drop=sorted(outdated), modes=modes)
