"""The whole answer of a device to a push message and its file: of the agent, then of the boot stage.

>>> judge_offer(Device(public_key=None, local_rsa=True), b"{}", b"").verdict.name
'OTA_TRANSPORT_PAR_FAIL'
"""

from __future__ import annotations

from typing import Optional, Tuple

from aos_ota_plugin.device.acceptance import judge
from aos_ota_plugin.device.module_file import judge_module, judge_packed_payload
from aos_ota_plugin.device.push import ReceivedPush, read_push
from aos_ota_plugin.device.updater import cut_diff, judge_update
from aos_ota_plugin.device.verdicts import Device, Finding, Judgement, Push

FIRMWARE = "default"
"""The name of the module that is the firmware."""


def judge_offer(
    device: Device, text: bytes, file: bytes, *, base: Optional[bytes] = None, unpacked: bool = False
) -> Judgement:
    """Judge a push message, as its JSON text, and the file at its URL.

    ``device.version`` is that of what the push replaces; ``base`` the payload that the device runs, for a diff; with
    ``unpacked`` the device unpacks the file of a module. Never raises.
    """
    agent, read = _judge_by_agent(device, text, file, unpacked=unpacked)
    if not agent.accepted or read is None or not is_firmware(read.module, hardened=device.hardened):
        return agent
    return _with_boot_stage(agent, device, file, read.push, base)


def judge_by_agent(device: Device, text: bytes, file: bytes) -> Judgement:
    """Judge as `judge_offer`, by the agent's rules alone: what a device reports. Never raises."""
    return _judge_by_agent(device, text, file, unpacked=False)[0]


def _judge_by_agent(
    device: Device, text: bytes, file: bytes, *, unpacked: bool
) -> Tuple[Judgement, Optional[ReceivedPush]]:
    read = read_push(text, hardened=device.hardened)
    if isinstance(read, Finding):
        return Judgement(read.verdict, (read,), signature_checked=False), None
    if is_firmware(read.module, hardened=device.hardened):
        return judge(device, file, version=read.version, push=read.push), read
    return judge_module(device, file, version=read.version, push=read.push, unpacked=unpacked), read


def is_firmware(module: Optional[str], *, hardened: bool) -> bool:
    """Return whether a push for a module is one for the firmware.

    The vendor's application compares names over the length of the pushed one only, so that "" and "def" are the
    firmware, too (``ota_upgrade_cb`` in ``otaappdemo.c``). What is pushed for another name it handles as a file for the
    file system, whatever it is.
    """
    return module is None or (module == FIRMWARE if hardened else FIRMWARE.startswith(module))


def judge_image(
    device: Device,
    data: bytes,
    *,
    version: Optional[str] = None,
    push: Optional[Push] = None,
    base: Optional[bytes] = None,
) -> Judgement:
    """Judge an image by the agent's rules, then by those of the boot stage. Never raises."""
    agent = judge(device, data, version=version, push=push)
    return _with_boot_stage(agent, device, data, push, base) if agent.accepted else agent


def _with_boot_stage(
    agent: Judgement, device: Device, data: bytes, push: Optional[Push], base: Optional[bytes]
) -> Judgement:
    packed = judge_packed_payload(data)
    missing = push.size - len(data) if push else 0
    more = packed or (
        (cut_diff(missing),)
        if missing > 0
        else judge_update(data, partition_size=device.partition_size, base=base, hardened=device.hardened)
    )
    if not more:
        return agent
    last = next((finding for finding in more if not finding.ok), more[-1])
    return Judgement(last.verdict, (*agent.findings, *more), agent.signature_checked, by_agent=bool(packed))
