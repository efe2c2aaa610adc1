"""The outcome of a push on a device."""

from __future__ import annotations

from typing import NamedTuple, Optional

from aos_ota_plugin.device.acceptance import Device, Judgement, judge
from aos_ota_plugin.device.push import ReceivedPush

_BEFORE_DOWNLOAD = ("push", "version")


class Result(NamedTuple):
    """The outcome of a push."""

    version: str
    module: str
    verdict: int
    detail: str
    signature_checked: bool


def refusal_before_download(device: Device, message: ReceivedPush, module: str) -> Optional[Result]:
    """Return the refusal of a message that was read, None when the device begins the download."""
    judged = judge(device, b"", version=message.version, push=message.push)
    last = judged.findings[-1]
    return result_of(judged, message.version, module) if not last.ok and last.rule in _BEFORE_DOWNLOAD else None


def result_of(judged: Judgement, version: str, module: str) -> Result:
    """Return the result of a judgement."""
    last = judged.findings[-1]
    return Result(version, module, int(judged.verdict), f"{last.rule}: {last.detail}", judged.signature_checked)
