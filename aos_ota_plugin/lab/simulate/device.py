"""Flash one emulated device, offer it an upgrade, and read the outcome."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Judgement, Push, judge, judge_file
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.device.module_file import judge_module
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.images import pack
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.lab.simulate import files, flash, machine
from aos_ota_plugin.lab.simulate.console import Console
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.mcu import Mcu, McuBehavior

FLASH_LIST_NAME = "mps2_dld_cfg.yaml"
MODULE, MODULE_FOLDER = "panel", "/data/panel"
MCU = "mcu"
"""The module whose images are the connected MCU's."""
PRODUCT_KEY, DEVICE_NAME = "a1SimProduct", "sim-device-1"
_TOPIC = f"/ota/device/upgrade/{PRODUCT_KEY}/{DEVICE_NAME}"
# The device's log has one of these lines for each push.
_VERDICT = re.compile(
    r"(?:the push|the upgrade) is refused: (-\d+) \w+$|"
    r"version \S+ is (accepted): (?:the boot loader|module )",
    re.MULTILINE,
)


class Offer(NamedTuple):
    """An upgrade as the platform offers it.

    `size` is the push's size in bytes if not the image's; `hashed` are the bytes of the push's hash if not the image's.
    `push` is the message if not the one of the other fields: any bytes, with the image at `url_of`.
    """

    image: bytes
    version: str
    size: Optional[int] = None
    digestsign: Optional[str] = None
    module: Optional[str] = None
    hashed: Optional[bytes] = None
    push: Optional[bytes] = None


class ConsoleStep(NamedTuple):
    """A line typed on the console, and the texts that the device has to show then, in order."""

    line: str
    shown: Tuple[str, ...]


class Case(NamedTuple):
    """A device and an offer to it.

    `key` is None when the firmware has none; `installs` is the payload of the image. Without `knows_wifi` the device is
    offline until the console's command netmgr sets a network. `files` are the files in its file system, by path; with
    an offer for a module, `module_version` is the version of the module's files, None if it has none.
    """

    firmware: bytes
    version: str
    key: Optional[PublicKey]
    offer: Offer
    installs: bytes = b""
    hardened: bool = True
    local: bool = True
    knows_wifi: bool = True
    typed: Tuple[ConsoleStep, ...] = ()
    files: Mapping[str, bytes] = MappingProxyType({})
    module_version: Optional[str] = None
    vendor_boot: bool = False
    mcu: Optional[McuBehavior] = None
    """The connected MCU, None for none; with one, `installs` is the image that it has in the end."""

    @property
    def before(self) -> Optional[str]:
        """Return the version that the offer replaces."""
        return self.version if self.offer.module is None else self.module_version


class Observation(NamedTuple):
    """The observed outcome of an offer: verdict, version reported last, and exit status.

    `verdict` is None when the device gave none, `version` when it reported none.
    """

    verdict: Optional[DeviceVerdict]
    version: Optional[str]
    status: int
    log: str
    unanswered: Optional[str] = None
    """The line typed on the console that did not get its expected answer."""
    mcu: Optional[bytes] = None
    """The image that the connected MCU received, b"" if none; None without an MCU."""


def judge_case(case: Case) -> Judgement:
    """Return the acceptance model's judgement of a case."""
    device = Device(case.key, case.local, case.version, HAAS100_RTOS_SIZE, hardened=case.hardened)
    push = _push(case.offer)
    if case.offer.module is not None:
        device = device._replace(version=case.module_version)
        if case.offer.module == MCU:
            return judge(device, case.offer.image, version=case.offer.version, push=push)
        if not case.hardened:  # the vendor's agent checks neither a pack's names nor its files' digests
            return judge_file(device, case.offer.image, version=case.offer.version, push=push)
        return judge_module(device, case.offer.image, version=case.offer.version, push=push, unpacked=True)
    return judge(device, case.offer.image, version=case.offer.version, push=push)


def prepare(folder: Path, built: Built, case: Case) -> None:
    """Flash a new device in `folder` with boot stage, firmware (bank A) and identity; set its offer."""
    rows = {row.name: row for row in flash.partitions(built.flash_list, FLASH_LIST_NAME)}
    contents = flash.erased()
    identity = {"hal_devinfo_pk": PRODUCT_KEY, "hal_devinfo_dn": DEVICE_NAME, "hal_devinfo_ds": "a-secret-of-no-use"}
    if case.knows_wifi:
        identity.update({"wifi_ssid": "home", "wifi_password": "of-no-use"})
    boot = built.vendor_boot if case.vendor_boot else built.boot
    store = files.build(case.files) if case.files else b""
    for name, data in (
        ("BOOT", boot),
        ("RTOSA", case.firmware),
        ("KV", flash.kv_records(identity)),
        ("LITTLEFS", store),
    ):
        flash.write_partition(contents, rows[name], data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / machine.FLASH).write_bytes(contents)
    send(folder, [case.offer])


def send(folder: Path, offers: Sequence[Offer]) -> None:
    """Write the offers that the platform sends at the device's next connection."""
    messages = []
    for offer in offers:
        (folder / _file_name(offer.image)).write_bytes(offer.image)
        messages.append(push_text(offer) if offer.push is None else offer.push)
    lines = [b"%s\t%d %s\n" % (_TOPIC.encode("ascii"), len(message), message) for message in messages]
    (folder / machine.PLATFORM).write_bytes(b"".join(lines))
    (folder / machine.POSITION).unlink(missing_ok=True)


def switch_on(
    folder: Path,
    words: Sequence[str] = (),
    *,
    module: Optional[str] = None,
    seconds: float = 60,
    mcu: Optional[int] = None,
) -> Observation:
    """Run the device until it is off; the outcome's version is that of the firmware or `module`.

    `mcu` and errors as `machine.run`.
    """
    (folder / machine.REPORTS).write_bytes(b"")
    ran = machine.run(folder, words, seconds=seconds, mcu=mcu)
    verdicts = verdicts_of(ran.log)
    return Observation(verdicts[-1] if verdicts else None, _version(folder, module), ran.status, ran.log)


def play(folder: Path, built: Built, case: Case) -> Observation:
    """Flash a new device, run it with the offer, then run it again to see its version."""
    prepare(folder, built, case)
    if case.typed:
        return converse(folder, case.typed)
    module = case.offer.module
    first = _offered(folder, case)
    send(folder, [])
    last = switch_on(folder, module=module)
    return Observation(first.verdict, last.version, first.status or last.status, first.log + last.log, mcu=first.mcu)


def _offered(folder: Path, case: Case) -> Observation:
    if case.mcu is None:
        return switch_on(folder)
    with Mcu(case.mcu) as mcu:
        seen = switch_on(folder, mcu=mcu.port)
    return seen._replace(mcu=mcu.image)


def converse(folder: Path, typed: Sequence[ConsoleStep]) -> Observation:
    """Run the device while typing these lines, each after the answer to the one before."""
    (folder / machine.REPORTS).write_bytes(b"")
    unanswered = None
    with Console(folder) as console:
        for line, shown in typed:
            console.type(line)
            if not all(console.shows(text) for text in shown):
                unanswered = line
                break
    verdicts = verdicts_of(console.log)
    return Observation(verdicts[-1] if verdicts else None, _version(folder), 0, console.log, unanswered)


def verdicts_of(log: str) -> List[DeviceVerdict]:
    """Return the device's verdicts in a log, in order."""
    codes = [0 if accepted else int(code) for code, accepted in _VERDICT.findall(log)]
    return [DeviceVerdict(code) for code in codes]


def batch(folder: Path, built: Built, case: Case, offers: Sequence[Offer]) -> List[Tuple[Offer, DeviceVerdict]]:
    """Offer many images to one device in one start; accepted ones are not installed.

    Raises BuildError when the device did not answer each of them once.
    """
    prepare(folder, built, case)
    send(folder, offers)
    seen = switch_on(folder, ["batch"], seconds=300)
    verdicts = verdicts_of(seen.log)
    if len(verdicts) != len(offers):
        raise BuildError(
            f"the device gave {len(verdicts)} verdicts on {len(offers)} images; it last showed:\n{seen.log[-2000:]}"
        )
    return list(zip(offers, verdicts))


def _push(offer: Offer) -> Push:
    size = len(offer.image) if offer.size is None else offer.size
    hashed = offer.image if offer.hashed is None else offer.hashed
    return Push(size, "SHA256", hashlib.sha256(hashed).hexdigest(), offer.digestsign)


def url_of(image: bytes) -> str:
    """Return the URL of an image that is offered."""
    return f"https://ota.example/{_file_name(image)}"


def _file_name(image: bytes) -> str:
    return f"image-{hashlib.sha256(image).hexdigest()[:16]}.bin"


def push_text(offer: Offer) -> bytes:
    """Return the push message of the offer's fields."""
    push = _push(offer)
    data: Dict[str, object] = {
        "size": push.size,
        "version": offer.version,
        "url": url_of(offer.image),
        "signMethod": push.sign_method,
        "sign": push.sign,
    }
    if push.digestsign is not None:
        data["digestsign"] = push.digestsign
    if offer.module is not None:
        data["module"] = offer.module
    return json.dumps({"code": "1000", "message": "success", "data": data}, separators=(",", ":")).encode("ascii")


def published(folder: Path, name: str) -> List[bytes]:
    """Return the device's messages since it was switched on; `name` is ``inform`` or ``progress``."""
    topic = f"/ota/device/{name}/{PRODUCT_KEY}/{DEVICE_NAME} ".encode("ascii")
    lines = (folder / machine.REPORTS).read_bytes().split(b"\n")
    return [line[len(topic) :] for line in lines if line.startswith(topic)]


def files_after(case: Case) -> Dict[str, bytes]:
    """Return the files of a device that has unpacked the pack that the case offers."""
    unpacked = {f"{MODULE_FOLDER}/{file.name}": file.data for file in pack.parse(case.offer.image)}
    return {**case.files, **unpacked, f"/.ota/{case.offer.module}": case.offer.version.encode("utf-8")}


def files_of(folder: Path, built: Built) -> Dict[str, bytes]:
    """Return the files of the device in `folder`, by their paths."""
    row = next(row for row in flash.partitions(built.flash_list, FLASH_LIST_NAME) if row.name == "LITTLEFS")
    return files.read((folder / machine.FLASH).read_bytes()[row.address : row.address + row.size])


def _version(folder: Path, module: Optional[str] = None) -> Optional[str]:
    """Return the version that the device reported last for the firmware or `module`."""
    reports = [json.loads(message.rstrip(b"\0"))["params"] for message in published(folder, "inform")]
    versions = [str(report["version"]) for report in reports if report.get("module") == module]
    return versions[-1] if versions else None
