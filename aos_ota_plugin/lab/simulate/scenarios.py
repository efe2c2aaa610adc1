"""The scenarios of the emulated device: each has a device, an offer and the expected outcome."""

from __future__ import annotations

import base64
import hashlib
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE, IMAGE_INFO_SIZE, SIGN_INFO_SIZE
from aos_ota_plugin.images import full, pack
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.simulate.device import MCU, MODULE, MODULE_FOLDER, Case, ConsoleStep, Offer
from aos_ota_plugin.lab.simulate.firmware import (
    BY_HAND,
    CLOUD,
    NEW,
    OLD,
    TENTH,
    VENDOR,
    VENDOR_CLOUD,
    Built,
    bare_patch,
    compressed,
    crashing,
    digestsign,
    hanging,
    patch,
    signed,
    unsigned,
)
from aos_ota_plugin.lab.simulate.mcu import McuBehavior
from aos_ota_plugin.lab.simulate.power import FlashFault

_TRAILER = SIGN_INFO_SIZE + IMAGE_INFO_SIZE


class Scenario(NamedTuple):
    """A scenario: name, description, its case, and the expected verdict and version."""

    name: str
    about: str
    case: Callable[[Built], Case]
    verdict: DeviceVerdict
    version: str
    cuts: int = 0
    """If not 0: run once for each of up to `cuts` flash operations, with a fault in that one."""
    fault: FlashFault = FlashFault.CUT
    breaks: bool = False
    """Whether at least one of them is expected to leave no undamaged version."""
    at_mcu: bool = False
    """The MCU makes the device refuse; the model, which has no MCU, accepts the image."""

    @property
    def model(self) -> DeviceVerdict:
        """Return the verdict expected of the model."""
        return DeviceVerdict.OTA_SUCCESS if self.at_mcu else self.verdict


def device_key(built: Built) -> PublicKey:
    """Return the key that the builds' firmware trusts."""
    return load_signer(built.key, file="", passphrase=None).public_key


def offered(built: Built, image: bytes, version: str = NEW, firmware: str = OLD) -> Case:
    """Return the case of an image offered as `version` to a device with the build `firmware`."""
    return Case(
        built.firmware[firmware].payload,
        OLD,
        device_key(built),
        Offer(image, version),
        built.firmware[NEW].payload,
        hardened=firmware != VENDOR,
    )


def _upgrade(built: Built) -> Case:
    return offered(built, built.firmware[NEW].image)


def _no_key(built: Built) -> Case:
    case = _upgrade(built)
    return case._replace(firmware=built.firmware[BY_HAND].payload, key=None)


def _stranger(built: Built) -> Case:
    return offered(built, signed(built.firmware[NEW].payload, built.stranger))


def _bit(place: int) -> Callable[[Built], Case]:
    """Return the case of the new image with a bit changed; negative places count from its end."""

    def case(built: Built) -> Case:
        image = bytearray(built.firmware[NEW].image)
        image[place] ^= 0x10
        return offered(built, bytes(image))

    return case


def _older(built: Built) -> Case:
    return offered(built, built.firmware[NEW].image, "app-1.0.8")


def _same(built: Built) -> Case:
    return offered(built, built.firmware[OLD].image, OLD)


def _tenth(firmware: str) -> Callable[[Built], Case]:
    return lambda built: offered(built, built.firmware[TENTH].image, TENTH, firmware)


def _cut_short(built: Built) -> Case:
    return offered(built, built.firmware[NEW].image[:-1000])


def _ends_early(built: Built) -> Case:
    image = built.firmware[NEW].image
    case = offered(built, image[:-1000])
    return case._replace(offer=case.offer._replace(size=len(image)))


def _too_large(built: Built) -> Case:
    payload = built.firmware[NEW].payload
    return offered(built, signed(payload + bytes(HAAS100_RTOS_SIZE - len(payload)), built.key))


def _xz(built: Built) -> Case:
    return offered(built, compressed(built.firmware[NEW].payload, built.key))


def _diff(base: str) -> Callable[[Built], Case]:
    return lambda built: offered(built, patch(built.firmware[base].payload, built.firmware[NEW].payload, built.key))


def _bare_diff(built: Built) -> Case:
    payload = _with_noise(built.firmware[NEW].payload, 2000)
    image = bare_patch(built.firmware[OLD].payload, payload, built.key)
    return offered(built, image)._replace(installs=payload)


def _with_vendor_boot(make: Callable[[Built], Case]) -> Callable[[Built], Case]:
    return lambda built: make(built)._replace(vendor_boot=True)


def _with_noise(payload: bytes, size: int) -> bytes:
    """Return the firmware followed by `size` bytes that do not compress."""
    return payload + hashlib.shake_256(payload).digest(size)


def _large(built: Built) -> Case:
    """Return the case of an image of 4 MiB: the firmware followed by bytes that do not compress."""
    payload = built.firmware[NEW].payload
    payload = _with_noise(payload, (4 << 20) - len(payload))
    return offered(built, signed(payload, built.key))._replace(installs=payload)


def _large_xz(built: Built) -> Case:
    case = _large(built)
    return case._replace(offer=Offer(compressed(case.installs, built.key), NEW))


def _large_diff(built: Built) -> Case:
    case = _large(built)
    return case._replace(offer=Offer(patch(case.firmware, case.installs, built.key), NEW))


def _cloud(firmware: str, make: Callable[[Built, bytes], Optional[str]]) -> Callable[[Built], Case]:
    """Return the case of an unsigned image with digestsign from `make`, for cloud mode."""

    def case(built: Built) -> Case:
        image = unsigned(built.firmware[NEW].payload)
        offer = Offer(image, NEW, digestsign=make(built, image))
        return offered(built, image)._replace(
            firmware=built.firmware[firmware].payload, offer=offer, hardened=firmware != VENDOR_CLOUD, local=False
        )

    return case


def _by_platform(built: Built, image: bytes) -> str:
    return digestsign(image, built.key)


def _by_stranger(built: Built, image: bytes) -> str:
    return digestsign(image, built.stranger)


def _nothing(built: Built, image: bytes) -> None:
    return None


def _zeros(built: Built, image: bytes) -> str:
    return base64.b64encode(bytes(256)).decode("ascii")


def _rollback(built: Built) -> Case:
    return offered(built, signed(crashing(built.firmware[NEW]), built.key))


_PANEL_OLD, _PANEL_NEW = "panel-1.0.9", "panel-1.1.0"
_ELSEWHERE = "/data/js/app.bin"


def module(built: Built, image: bytes, firmware: str = OLD) -> Case:
    """Return the case of a module's new pack, signed by the platform, for a device with old files."""
    case = offered(built, image, _PANEL_NEW, firmware)
    offer = case.offer._replace(module=MODULE, digestsign=digestsign(image, built.key))
    return case._replace(
        offer=offer,
        module_version=_PANEL_OLD,
        files={f"{MODULE_FOLDER}/layout.json": b"{}", _ELSEWHERE: b"start();", f"/.ota/{MODULE}": _PANEL_OLD.encode()},
    )


def panel_pack(also: str = "about.txt") -> bytes:
    """Return the module's new pack with the additional file `also`, whose name is not checked."""
    names = {
        "layout.json": b'{"rows": 4}',
        "img/logo.bin": bytes(range(256)) * 40,
        "img/empty": b"",
        "\u5b57\u4f53.bin": b"\x5a" * 3000,
        "_" * len(also): b"evil();",
    }
    packed = pack.build([pack.PackFile(name, data) for name, data in names.items()])
    return packed.replace(b"_" * len(also), also.encode("ascii"))


def _module(built: Built) -> Case:
    return module(built, panel_pack())


def _first(built: Built) -> Case:
    return _module(built)._replace(files={}, module_version=None)


def _escaping(firmware: str) -> Callable[[Built], Case]:
    return lambda built: module(built, panel_pack("../js/app.bin"), firmware)


def _pack_cut_short(built: Built) -> Case:
    return module(built, panel_pack()[:-100])


def _pack_bit(built: Built) -> Case:
    """Return the case of a pack that was damaged before the platform signed it."""
    return module(built, panel_pack().replace(b"evil();", b"eviL();"))


def _pushed(change: Callable[[Built, Offer], Offer]) -> Callable[[Built], Case]:
    """Return the case of the module's pack with a changed push."""

    def case(built: Built) -> Case:
        original = _module(built)
        return original._replace(offer=change(built, original.offer))

    return case


_too_short = _pushed(lambda built, offer: offer._replace(size=1000))
_another_hash = _pushed(lambda built, offer: offer._replace(hashed=b"another"))
_unsigned_pack = _pushed(lambda built, offer: offer._replace(digestsign=None))
_strangers_pack = _pushed(lambda built, offer: offer._replace(digestsign=digestsign(offer.image, built.stranger)))
_older_pack = _pushed(lambda built, offer: offer._replace(version="panel-1.0.8"))


_MCU_OLD, _MCU_NEW = "mcu-1.0.9", "mcu-1.1.0"


def mcu(built: Built, behavior: Optional[McuBehavior], image: Optional[bytes] = None) -> Case:
    """Return the case of a new image for an MCU; `behavior` is None for a device without one."""
    firmware = hashlib.shake_256(b"an MCU's firmware").digest(20_000)
    case = offered(built, signed(firmware, built.key, ImageMagic.MCU) if image is None else image, _MCU_NEW)
    return case._replace(
        offer=case.offer._replace(module=MCU),
        module_version=_MCU_OLD,
        files={f"/.ota/{MCU}": _MCU_OLD.encode()},
        mcu=behavior,
        installs=firmware + full.PADDING if behavior is McuBehavior.TAKES else b"",
    )


def _mcu(behavior: Optional[McuBehavior]) -> Callable[[Built], Case]:
    return lambda built: mcu(built, behavior)


def _mcu_stranger(built: Built) -> Case:
    case = mcu(built, McuBehavior.TAKES)
    image = signed(case.installs, built.stranger, ImageMagic.MCU)
    return case._replace(offer=case.offer._replace(image=image), installs=b"")


def _hang(built: Built) -> Case:
    return offered(built, signed(hanging(built.firmware[NEW]), built.key))


_CONNECT = "netmgr -t wifi -c home a-password"
_STARTED = "ota_demo on mps2\n"


def _console(built: Built) -> Case:
    """Return the documented demo: network set on the console, upgrade, restart."""
    return _upgrade(built)._replace(
        knows_wifi=False,
        typed=(
            ConsoleStep("", (_STARTED, "(ash)# ")),
            ConsoleStep("ifconfig", ("cli: there is no command 'ifconfig'", "(ash)# ")),
            ConsoleStep("netmgr -t wifi", ("usage: netmgr -t wifi -c ssid password", "(ash)# ")),
            ConsoleStep("version", (f"version: {OLD}\n", "(ash)# ")),
            ConsoleStep(
                _CONNECT, ("wifi home: link up", "(ash)# ", f"version {NEW} is accepted", "boot: bank B\n", _STARTED)
            ),
            ConsoleStep("version", (f"version: {NEW}\n", "(ash)# ")),
            ConsoleStep(_CONNECT, ("wifi home: link up", "(ash)# ")),
            ConsoleStep("reboot", ("reboot\n", "boot: bank B\n", _STARTED)),
            ConsoleStep(_CONNECT, ("wifi home: link up", "(ash)# ")),
            ConsoleStep("version", (f"version: {NEW}\n", "(ash)# ")),
        ),
    )


_EVERY, _SOME = 1 << 30, 25
_OK = DeviceVerdict.OTA_SUCCESS
_HEAD, _RSA = DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, DeviceVerdict.OTA_VERIFY_RSA_FAIL
_SHA2, _IMAGE = DeviceVerdict.OTA_VERIFY_SHA2_FAIL, DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
_PARAM, _MD5 = DeviceVerdict.OTA_UPGRADE_PARAM_FAIL, DeviceVerdict.OTA_VERIFY_MD5_FAIL
_VERSION, _WRITE = DeviceVerdict.OTA_TRANSPORT_VER_FAIL, DeviceVerdict.OTA_UPGRADE_WRITE_FAIL

_ALL: Tuple[Scenario, ...] = (
    Scenario("upgrade", "a signed image of a newer version is installed and reports itself", _upgrade, _OK, NEW),
    Scenario("no-public-key", "a firmware without a public key takes no image", _no_key, _RSA, OLD),
    Scenario("wrong-key", "the image is signed by another key", _stranger, _RSA, OLD),
    Scenario("payload-bit", "one bit of the payload is changed", _bit(5000), _SHA2, OLD),
    Scenario("hash-bit", "one bit of the hash is changed", _bit(104 - _TRAILER), _SHA2, OLD),
    Scenario("signature-bit", "one bit of the signature is changed", _bit(136 - _TRAILER), _RSA, OLD),
    Scenario("md5-bit", "one bit of image_md5 is changed", _bit(8 - IMAGE_INFO_SIZE), _IMAGE, OLD),
    Scenario("magic-bit", "one bit of encrypto_magic is changed", _bit(-_TRAILER), _HEAD, OLD),
    Scenario("older-version", "an older version is offered", _older, _VERSION, OLD),
    Scenario("same-version", "the version that runs is offered", _same, _VERSION, OLD),
    Scenario("tenth", f"{TENTH} is newer than {OLD} to a device that compares numbers", _tenth(OLD), _OK, TENTH),
    Scenario("tenth-vendor", f"{TENTH} is older than {OLD} to the vendor's comparison", _tenth(VENDOR), _VERSION, OLD),
    Scenario("cut-short", "the image's end is missing", _cut_short, _HEAD, OLD),
    Scenario("ends-early", "the download ends before the size that the push says", _ends_early, _HEAD, OLD),
    Scenario("too-large", "the image is larger than the OTA partition", _too_large, _WRITE, OLD),
    Scenario("cloud", "cloud mode: the push brings the platform's signature", _cloud(CLOUD, _by_platform), _OK, NEW),
    Scenario("cloud-wrong-key", "the push's signature is by another key", _cloud(CLOUD, _by_stranger), _RSA, OLD),
    Scenario("cloud-unsigned", "the push brings no signature", _cloud(CLOUD, _nothing), _RSA, OLD),
    Scenario("cloud-zeros", "the push's signature begins with a zero byte", _cloud(CLOUD, _zeros), _RSA, OLD),
    Scenario(
        "cloud-unsigned-vendor",
        "without a signature, the vendor's agent takes anyone's image",
        _cloud(VENDOR_CLOUD, _nothing),
        _OK,
        NEW,
    ),
    Scenario("cloud-zeros-vendor", "with a zero byte first, too", _cloud(VENDOR_CLOUD, _zeros), _OK, NEW),
    Scenario("xz", "a compressed image is unpacked over the old version", _xz, _OK, NEW),
    Scenario("diff", "a diff is applied over the old version", _diff(OLD), _OK, NEW),
    Scenario("diff-wrong-base", "a diff made for another version changes nothing", _diff(TENTH), _OK, OLD),
    Scenario("module", "a module's data pack is unpacked, and its version reported", _module, _OK, _PANEL_NEW),
    Scenario("module-first", "so is the first one", _first, _OK, _PANEL_NEW),
    Scenario("module-traversal", "a name in the pack leads out of its folder", _escaping(OLD), _PARAM, _PANEL_OLD),
    Scenario("module-traversal-vendor", "the vendor's agent writes where it leads", _escaping(VENDOR), _OK, _PANEL_NEW),
    Scenario("module-cut-short", "the pack was cut short before it was signed", _pack_cut_short, _PARAM, _PANEL_OLD),
    Scenario("module-file-bit", "a file in the pack is not what was packed", _pack_bit, _MD5, _PANEL_OLD),
    Scenario("module-size", "the file is longer than the push says", _too_short, _HEAD, _PANEL_OLD),
    Scenario("module-hash", "the push's hash is another file's", _another_hash, _SHA2, _PANEL_OLD),
    Scenario("module-unsigned", "the push brings no signature", _unsigned_pack, _RSA, _PANEL_OLD),
    Scenario("module-wrong-key", "the push's signature is by another key", _strangers_pack, _RSA, _PANEL_OLD),
    Scenario("module-older", "an older version of the module is offered", _older_pack, _VERSION, _PANEL_OLD),
    Scenario(
        "mcu",
        "the connected MCU takes its image over Ymodem, then its version is reported",
        _mcu(McuBehavior.TAKES),
        _OK,
        _MCU_NEW,
    ),
    Scenario(
        "mcu-refuses",
        "an MCU that refuses is tried three times",
        _mcu(McuBehavior.REFUSES),
        _WRITE,
        _MCU_OLD,
        at_mcu=True,
    ),
    Scenario("mcu-silent", "so is one that never answers", _mcu(None), _WRITE, _MCU_OLD, at_mcu=True),
    Scenario(
        "mcu-wrong-key", "an image for the MCU that a stranger signed never reaches it", _mcu_stranger, _RSA, _MCU_OLD
    ),
    Scenario("power-cut", "power fails in every flash operation of an upgrade", _upgrade, _OK, NEW, cuts=_EVERY),
    Scenario("power-cut-xz", "the same with a compressed image", _xz, _OK, NEW, cuts=_EVERY),
    Scenario("power-cut-diff", "the same with a diff", _diff(OLD), _OK, NEW, cuts=_EVERY),
    Scenario("power-cut-module", "the same with a module's data pack", _module, _OK, _PANEL_NEW, cuts=_EVERY),
    Scenario("power-cut-bare", "the same with a diff that ends with the image", _bare_diff, _OK, NEW, cuts=_EVERY),
    Scenario(
        "power-cut-vendor",
        "the vendor's boot stage leaves half of the last section",
        _with_vendor_boot(_bare_diff),
        _OK,
        NEW,
        cuts=_SOME,
        breaks=True,
    ),
    Scenario(
        "flash-error",
        "an operation of the flash fails once while a diff is installed",
        _diff(OLD),
        _OK,
        NEW,
        cuts=_EVERY,
        fault=FlashFault.ERROR,
    ),
    Scenario(
        "flash-error-vendor",
        "the vendor's boot stage begins anew on flash that has changed",
        _with_vendor_boot(_diff(OLD)),
        _OK,
        NEW,
        cuts=_SOME,
        fault=FlashFault.ERROR,
        breaks=True,
    ),
    Scenario("power-cut-large", "power fails in ten places of an upgrade by 4 MiB", _large, _OK, NEW, cuts=10),
    Scenario("power-cut-large-xz", "the same with a compressed image", _large_xz, _OK, NEW, cuts=10),
    Scenario("power-cut-large-diff", "the same with a diff", _large_diff, _OK, NEW, cuts=10),
    Scenario("rollback", "a signed version that does not start is rolled back after three tries", _rollback, _OK, OLD),
    Scenario("hang", "a signed version that hangs is found by the watchdog, and rolled back", _hang, _OK, OLD),
    Scenario("console", "commands typed on the console: version, netmgr, reboot, others", _console, _OK, NEW),
)


class Flaw(NamedTuple):
    """A flaw of the vendor's device; the scenarios that show it on ours and on the vendor's."""

    what: str
    ours: str
    vendors: str


FLAWS: Tuple[Flaw, ...] = (
    Flaw("the order of versions", "tenth", "tenth-vendor"),
    Flaw("a push without a signature", "cloud-unsigned", "cloud-unsigned-vendor"),
    Flaw("a signature that begins with a zero byte", "cloud-zeros", "cloud-zeros-vendor"),
    Flaw("a name that leads out of its folder", "module-traversal", "module-traversal-vendor"),
    Flaw("power cut in a diff's last section", "power-cut-bare", "power-cut-vendor"),
    Flaw("a flash error while a diff is installed", "flash-error", "flash-error-vendor"),
)

SCENARIOS: Dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
