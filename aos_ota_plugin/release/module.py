"""Modules: parts of a product, such as sub-devices and scripts, with versions of their own.

Limits are the stricter of device and platform: a name of 1 to 32 and a version of 1 to 63 letters, digits, ``.-_``, a
store path of 1 to 76 bytes, names unique without regard to case, 10 modules in a product. ``default`` is the whole
firmware. A device looks a pushed name up with ``strncmp(pushed, registered, strlen(pushed))``
(``ota_get_module_information``), so no name may be the beginning of another. A message that a device publishes has to
fit its buffer of 256 bytes, NUL included; a push is not stored there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Protocol, Sequence

from aos_ota_plugin.device.limits import PACK_FOLDER_MAX, STORE_PATH_MAX
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.protocol.module_names import DEFAULT, check_module_name

if TYPE_CHECKING:
    from aos_ota_plugin.release.artifact import Artifact

MODULES_MAX = 10


@dataclass(frozen=True)
class Module:
    """A module of a release and its file.

    `store_path` is the file's path on a device, None where the device's program decides.

    The kind of `image` is ``file`` (sent as it is), ``pack`` (a data-file pack) or ``full``: an image for the OTA
    partition, with a trailer of this `image_magic`. With `unpacked` it is a pack, and `store_path` the folder that it
    is unpacked into. Raises SettingsError when a value does not fit the device's buffers or the platform's alphabet.
    """

    name: str
    version: str
    image: Artifact
    store_path: Optional[str] = None
    unpacked: bool = False
    image_magic: Optional[str] = None

    def __post_init__(self) -> None:
        check_module_name(self.name)
        check_version(self.version, field=f"the version of module {self.name}")
        if self.unpacked and self.store_path is None:
            raise SettingsError(
                f"module {self.name} is a pack without a folder to unpack it into", remedy="give it a store path"
            )
        if self.store_path is not None:
            check_store_path(self.name, self.store_path, unpacked=self.unpacked)


class ModuleEntry(Protocol):
    """The interface of module entries that `check_modules` compares."""

    @property
    def name(self) -> str:
        """Return the module's name."""

    @property
    def store_path(self) -> Optional[str]:
        """Return the path of its file on a device, None where it has none."""


def needs_digestsign(module: Module, security: str) -> bool:
    """Return True when devices take this module only with a signed push message (``ota_verify_fsfile``)."""
    return security == "local" and module.image.kind != "full"


def check_modules(modules: Sequence[ModuleEntry], places: Sequence[Place] = ()) -> None:
    """Raise SettingsError for too many modules, or two that a device or the platform would mix up.

    `places` are the places of the modules' names. The firmware itself, ``default``, is not in the list.
    """
    if len(modules) > MODULES_MAX:
        raise SettingsError(
            f"{len(modules)} modules; the platform takes {MODULES_MAX} a product",
            place=places[MODULES_MAX] if places else None,
            remedy="put several parts into one pack",
        )
    for number, module in enumerate(modules):
        place = places[number] if places else None
        problem = _mixed_up(module.name, DEFAULT)
        if problem:
            raise SettingsError(
                f"{problem}; that is the whole firmware", place=place, remedy="give the module another name"
            )
        for earlier, other in enumerate(modules[:number]):
            problem = _mixed_up(module.name, other.name) or _shared_path(module, other)
            if problem:
                raise SettingsError(
                    problem,
                    place=place,
                    remedy="give each module its own"
                    + (f"; the other module is at {places[earlier]}" if places else ""),
                )


def _mixed_up(name: str, other: str) -> str:
    if name.lower() == other.lower():
        return f"the module name {name} is taken; the platform does not see case in names"
    short, long = sorted((name, other), key=len)
    if long.startswith(short):
        return (
            f"the module name {name} and the name {other} begin alike: devices compare only the length of the shorter "
            f"name, so an update of {short} could end up in the place of {long}"
        )
    return ""


def _shared_path(module: ModuleEntry, other: ModuleEntry) -> str:
    if module.store_path is None or other.store_path is None:
        return ""
    alike = module.store_path.rstrip("/") == other.store_path.rstrip("/")
    return f"the modules {other.name} and {module.name} have the store path {module.store_path!a}" if alike else ""


def check_store_path(name: str, path: str, *, unpacked: bool) -> None:
    """Raise SettingsError unless a device's buffers hold this path of module `name`.

    They hold 76 bytes, for the folder of an unpacked module 64.
    """
    limit = PACK_FOLDER_MAX if unpacked else STORE_PATH_MAX
    parts = path.split("/")[1:]
    problem = ""
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        size, problem = 0, "cannot be written in UTF-8"
    if size > limit:
        problem = f"has {size} bytes; a device keeps {limit}"
    elif not path.startswith("/"):
        problem = "is not absolute"
    elif any(part in (".", "..") for part in parts) or any(ord(char) < 32 or ord(char) == 127 for char in path):
        problem = "holds '.', '..' or a control character"
    elif "" in parts[:-1]:
        problem = "has an empty part between slashes"
    elif not parts[-1] and not unpacked:
        problem = "is a folder's, and the file needs a name"
    if problem:
        raise SettingsError(
            f"the store path {path[:100]!a} of module {name} {problem}",
            remedy="give a plain absolute path on the device, like /data/panel.bin",
        )
