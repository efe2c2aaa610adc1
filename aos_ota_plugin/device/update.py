"""An update offered to a device, and the findings of the rules on it."""

from __future__ import annotations

from typing import NamedTuple, Optional

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict, Finding, Hashed, Push


class Update(NamedTuple):
    """An update offered to a device: image, published version, push message."""

    device: Device
    image: memoryview
    version: Optional[str]
    push: Optional[Push]
    hashed: Optional[Hashed] = None

    @property
    def pushed_size(self) -> int:
        """Return the bytes that the push says, without one the image's."""
        return len(self.image) if self.push is None else self.push.size

    @property
    def flash(self) -> memoryview:
        """Return the image in erased flash, as long as the push says, which the rule of sizes bounds."""
        more = self.pushed_size - len(self.image)
        return memoryview(bytes(self.image) + b"\xff" * more) if more > 0 else self.image

    @property
    def is_diff(self) -> bool:
        """Return whether the agent takes the image for a diff."""
        return bytes(self.image[:8]) == b"BSDIFF40"

    @property
    def trailer_size(self) -> int:
        """Return the bytes that the agent reads from the end."""
        return limits.IMAGE_INFO_SIZE + (limits.SIGN_INFO_SIZE if self.device.local_rsa else 0)

    @property
    def sign_info(self) -> memoryview:
        """Return what the agent takes for the ota_sign_info_t."""
        return self.flash[-self.trailer_size : -limits.IMAGE_INFO_SIZE]


def accept(rule: str, detail: str, *, judged: bool = True) -> Finding:
    """Return the finding of a rule that takes the update."""
    return Finding(rule, True, DeviceVerdict.OTA_SUCCESS, detail, judged)


def leave(rule: str, detail: str) -> Finding:
    """Return the finding of a rule that was not judged."""
    return accept(rule, detail, judged=False)


def refuse(rule: str, verdict: DeviceVerdict, detail: str) -> Finding:
    """Return the finding of a rule that refuses the update."""
    return Finding(rule, False, verdict, detail)


def hash_name(push: Push) -> Optional[str]:
    """Return the name of the push's hash; the device compares the start of signMethod, ignoring case."""
    return next((name for name in ("md5", "sha256") if push.sign_method.lower().startswith(name)), None)
