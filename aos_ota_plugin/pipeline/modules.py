"""Make the modules of a release, and the lines to show about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Collection, Dict, List, NamedTuple, Tuple

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.release.names import MODULE_PREFIX
from aos_ota_plugin.settings.resolve import OtaSettings

# Each function imports what it needs: most solutions have no modules.
if TYPE_CHECKING:
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.module_file import ModuleSource
    from aos_ota_plugin.release.request import Base, KeySet, Options


class ReleaseModules(NamedTuple):
    """The release's manifest with its modules in it, and their files by name."""

    manifest: Manifest
    files: Dict[str, bytes]


def load(settings: OtaSettings) -> Tuple[ModuleSource, ...]:
    """Load the modules that the settings name, with content; errors as ``module_sources.load_sources``."""
    if not settings.modules:
        return ()
    from aos_ota_plugin.pipeline.module_sources import load_sources

    return load_sources(settings)


def make(
    keys: KeySet, base: Base, options: Options, sources: Tuple[ModuleSource, ...], manifest: Manifest
) -> ReleaseModules:
    """Make the modules for the release that `manifest` describes; errors as ``module_set.make_modules``."""
    if not sources:
        return ReleaseModules(manifest._replace(modules=()), {})
    from aos_ota_plugin.release.module_set import make_modules

    module_set = make_modules(keys, base, options, sources)
    return ReleaseModules(manifest._replace(modules=module_set.modules), module_set.files)


def refuse_folders(names: Collection[str], folder: str) -> None:
    """Raise OutputError where a folder stands in the place of a module's file."""
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            raise OutputError(f"cannot write {path}: a folder stands there", remedy="move it away")


def is_module(path: str) -> bool:
    """Return whether an output is a module's file, by its name."""
    return os.path.basename(path).startswith(MODULE_PREFIX)


def lines(modules: ReleaseModules, changed: Collection[str], folder: str) -> List[str]:
    """Return the lines to show about modules whose files changed."""
    if not modules.files:
        return []
    from aos_ota_plugin.images.pack import parse
    from aos_ota_plugin.release.module import needs_digestsign

    shown: List[str] = []
    for module in modules.manifest.modules:
        if module.image.file not in changed:
            continue
        how = (
            ", signed by its push message (aos-ota push-message)"
            if needs_digestsign(module, modules.manifest.security)
            else ""
        )
        shown += [
            f"OTA {os.path.join(folder, module.image.file)}",
            f"    module {module.name} {module.version}, {module.image.size} bytes{how}",
        ]
        if module.image.kind == "pack":
            files = parse(modules.files[module.image.file])
            needed = sorted({file.name.rpartition("/")[0] for file in files} - {""})
            if needed:
                shown.append(f"    devices make no folders; these have to be there: {', '.join(needed)}")
    return shown
