"""Read the modules that ``OTA_MODULES`` names: the list, and the files and folders in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import List, Optional, Tuple

from aos_ota_plugin.errors import FormatError, OtaError, Place, SettingsError
from aos_ota_plugin.files.read import decode_text, read_bytes
from aos_ota_plugin.images.pack import build, parse
from aos_ota_plugin.pipeline.folder_files import find_files, read_files, read_linkless, special_kind
from aos_ota_plugin.release.module_file import DeclaredModule, ModuleSource, read_module_file
from aos_ota_plugin.settings.resolve import OtaSettings


def check_sources(settings: OtaSettings) -> None:
    """Check the list and everything that it names, without reading the content.

    Raises:
        SettingsError: the list is wrong, or names something that does not exist, or a link or special file.
        FormatError: a folder has files that a pack cannot hold.
    """
    source_files(settings)


def source_files(settings: OtaSettings) -> Tuple[str, ...]:
    """Return every file that the modules are made of, the list first; errors as `check_sources`."""
    declared = _declared(settings)
    files: List[str] = [str(settings.modules)] if settings.modules else []
    for module in declared:
        _check_kind(module)
        files += [str(file.path) for file in find_files(module.source)] if module.is_folder else [module.source]
    return tuple(files)


def load_sources(settings: OtaSettings) -> Tuple[ModuleSource, ...]:
    """Read the modules' content, in the order of the list; none without ``OTA_MODULES``.

    Raises:
        SettingsError, FormatError: as `check_sources`; a file is empty, or is to be unpacked and is no pack.
    """
    sources = []
    for module in _declared(settings):
        _check_kind(module)
        sources.append(ModuleSource(module, _content(module)))
    return tuple(sources)


def _declared(settings: OtaSettings) -> Tuple[DeclaredModule, ...]:
    if not settings.modules:
        return ()
    place = settings.origins["OTA_MODULES"].place
    try:
        text = decode_text(read_bytes(settings.modules))
    except OSError as problem:
        raise SettingsError(
            f"cannot read the list of modules {settings.modules}: {problem.strerror or problem}",
            place=place,
            remedy="set OTA_MODULES to its path, relative to the solution",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            "the list of modules is not UTF-8 text", place=Place(settings.modules), remedy="save it as UTF-8"
        ) from None
    return read_module_file(text, settings.modules)


def _check_kind(module: DeclaredModule) -> None:
    what = "folder" if module.is_folder else "file"
    problem: Optional[str] = None
    try:
        mode = os.lstat(module.source).st_mode
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    else:
        kind = special_kind(mode)
        if kind:
            problem = f"is {kind}"
        elif stat.S_ISDIR(mode) is not module.is_folder:
            problem = f"is a {'file' if module.is_folder else 'folder'}"
    if problem:
        raise SettingsError(
            f"the {what} of module {module.name}, {module.source}, {problem}",
            place=module.source_place,
            remedy=f"name a {what} that exists, and no link: its target may change unseen",
        )


def _content(module: DeclaredModule) -> bytes:
    if module.is_folder:
        return build(read_files(module.source))
    data = read_linkless(Path(module.source))
    if not data:
        raise SettingsError(
            f"the file of module {module.name}, {module.source}, is empty",
            place=module.source_place,
            remedy="check the step that makes it",
        )
    if module.unpacked:
        try:
            parse(data)
        except OtaError as error:
            raise FormatError(
                f"module {module.name} is to be unpacked on the device, and {module.source} is no pack: "
                f"{error.problem}",
                place=module.source_place,
                remedy="make it with `aos-ota pack files`, or write `folder:` and let the build pack",
            ) from None
    return data
