"""The scenarios of the emulated device: each has a device, an offer and the expected outcome."""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Tuple

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.device.limits import IMAGE_INFO_SIZE, SIGN_INFO_SIZE
from aos_ota_plugin.lab.simulate import cases
from aos_ota_plugin.lab.simulate.cases import MCU_NEW, MCU_OLD, PANEL_NEW, PANEL_OLD
from aos_ota_plugin.lab.simulate.device import Case
from aos_ota_plugin.lab.simulate.firmware import CLOUD, NEW, OLD, TENTH, VENDOR, VENDOR_CLOUD, Built
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
    """If not 0: run once for each of up to `cuts` flash operations, with a fault in that operation."""
    fault: FlashFault = FlashFault.CUT
    breaks: bool = False
    """Whether at least one of these faults is expected to leave no undamaged version."""
    at_mcu: bool = False
    """The MCU makes the device refuse; the model, which has no MCU, accepts the image."""

    @property
    def model(self) -> DeviceVerdict:
        """Return the verdict expected of the model."""
        return DeviceVerdict.OTA_SUCCESS if self.at_mcu else self.verdict


_EVERY, _SOME = 1 << 30, 25
_OK = DeviceVerdict.OTA_SUCCESS
_HEAD, _RSA = DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, DeviceVerdict.OTA_VERIFY_RSA_FAIL
_SHA2, _IMAGE = DeviceVerdict.OTA_VERIFY_SHA2_FAIL, DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
_PARAM, _MD5 = DeviceVerdict.OTA_UPGRADE_PARAM_FAIL, DeviceVerdict.OTA_VERIFY_MD5_FAIL
_VERSION, _WRITE = DeviceVerdict.OTA_TRANSPORT_VER_FAIL, DeviceVerdict.OTA_UPGRADE_WRITE_FAIL
_INIT = DeviceVerdict.OTA_INIT_FAIL

_ALL: Tuple[Scenario, ...] = (
    Scenario("upgrade", "a signed image of a newer version is installed and reports itself", cases.upgrade, _OK, NEW),
    Scenario("no-public-key", "a firmware without a public key takes no image", cases.no_key, _RSA, OLD),
    Scenario("wrong-key", "the image is signed by another key", cases.stranger, _RSA, OLD),
    Scenario("payload-bit", "one bit of the payload is changed", cases.bit(5000), _SHA2, OLD),
    Scenario("hash-bit", "one bit of the hash is changed", cases.bit(104 - _TRAILER), _SHA2, OLD),
    Scenario("signature-bit", "one bit of the signature is changed", cases.bit(136 - _TRAILER), _RSA, OLD),
    Scenario("md5-bit", "one bit of image_md5 is changed", cases.bit(8 - IMAGE_INFO_SIZE), _IMAGE, OLD),
    Scenario("magic-bit", "one bit of encrypto_magic is changed", cases.bit(-_TRAILER), _HEAD, OLD),
    Scenario("older-version", "an older version is offered", cases.older, _VERSION, OLD),
    Scenario("same-version", "the version that runs is offered", cases.same, _VERSION, OLD),
    Scenario("tenth", f"{TENTH} is newer than {OLD} to a device that compares numbers", cases.tenth(OLD), _OK, TENTH),
    Scenario(
        "tenth-vendor", f"{TENTH} is older than {OLD} to the vendor's comparison", cases.tenth(VENDOR), _VERSION, OLD
    ),
    Scenario("cut-short", "the image's end is missing", cases.cut_short, _HEAD, OLD),
    Scenario("ends-early", "the download ends before the size that the push says", cases.ends_early, _HEAD, OLD),
    Scenario("too-large", "the image is larger than the OTA partition", cases.too_large, _INIT, OLD),
    Scenario(
        "cloud", "cloud mode: the push brings the platform's signature", cases.cloud(CLOUD, cases.by_platform), _OK, NEW
    ),
    Scenario(
        "cloud-wrong-key", "the push's signature is by another key", cases.cloud(CLOUD, cases.by_stranger), _RSA, OLD
    ),
    Scenario("cloud-unsigned", "the push brings no signature", cases.cloud(CLOUD, cases.nothing), _RSA, OLD),
    Scenario("cloud-zeros", "the push's signature begins with a zero byte", cases.cloud(CLOUD, cases.zeros), _RSA, OLD),
    Scenario(
        "cloud-unsigned-vendor",
        "without a signature, the vendor's agent takes anyone's image",
        cases.cloud(VENDOR_CLOUD, cases.nothing),
        _OK,
        NEW,
    ),
    Scenario(
        "cloud-zeros-vendor",
        "with a signature that begins with a zero byte, the vendor's agent takes anyone's image",
        cases.cloud(VENDOR_CLOUD, cases.zeros),
        _OK,
        NEW,
    ),
    Scenario("xz", "a compressed image is unpacked over the old version", cases.xz, _OK, NEW),
    Scenario("diff", "a diff is applied over the old version", cases.diff(OLD), _OK, NEW),
    Scenario("diff-wrong-base", "a diff made for another version changes nothing", cases.diff(TENTH), _OK, OLD),
    Scenario("module", "a module's data pack is unpacked, and its version reported", cases.new_module, _OK, PANEL_NEW),
    Scenario("module-first", "a module's first data pack is unpacked and reported, too", cases.first, _OK, PANEL_NEW),
    Scenario("module-traversal", "a name in the pack leads out of its folder", cases.escaping(OLD), _PARAM, PANEL_OLD),
    Scenario(
        "module-traversal-vendor", "the vendor's agent writes where it leads", cases.escaping(VENDOR), _OK, PANEL_NEW
    ),
    Scenario(
        "module-cut-short", "the pack was cut short before it was signed", cases.pack_cut_short, _PARAM, PANEL_OLD
    ),
    Scenario("module-file-bit", "a file in the pack is not what was packed", cases.pack_bit, _MD5, PANEL_OLD),
    Scenario("module-size", "the file is longer than the push says", cases.too_short, _HEAD, PANEL_OLD),
    Scenario("module-hash", "the push's hash is another file's", cases.another_hash, _SHA2, PANEL_OLD),
    Scenario("module-unsigned", "the push brings no signature", cases.unsigned_pack, _RSA, PANEL_OLD),
    Scenario("module-wrong-key", "the push's signature is by another key", cases.strangers_pack, _RSA, PANEL_OLD),
    Scenario("module-older", "an older version of the module is offered", cases.older_pack, _VERSION, PANEL_OLD),
    Scenario(
        "mcu",
        "the connected MCU takes its image over Ymodem, then its version is reported",
        cases.with_mcu(McuBehavior.TAKES),
        _OK,
        MCU_NEW,
    ),
    Scenario(
        "mcu-refuses",
        "an MCU that refuses is tried three times",
        cases.with_mcu(McuBehavior.REFUSES),
        _WRITE,
        MCU_OLD,
        at_mcu=True,
    ),
    Scenario(
        "mcu-silent",
        "where no MCU answers, it is tried three times",
        cases.with_mcu(None),
        _WRITE,
        MCU_OLD,
        at_mcu=True,
    ),
    Scenario(
        "mcu-wrong-key",
        "an image for the MCU that a stranger signed never reaches it",
        cases.mcu_stranger,
        _RSA,
        MCU_OLD,
    ),
    Scenario("power-cut", "power fails in every flash operation of an upgrade", cases.upgrade, _OK, NEW, cuts=_EVERY),
    Scenario("power-cut-xz", "power fails in an upgrade with a compressed image", cases.xz, _OK, NEW, cuts=_EVERY),
    Scenario("power-cut-diff", "power fails in an upgrade with a diff", cases.diff(OLD), _OK, NEW, cuts=_EVERY),
    Scenario(
        "power-cut-module",
        "power fails in an upgrade of a module's data pack",
        cases.new_module,
        _OK,
        PANEL_NEW,
        cuts=_EVERY,
    ),
    Scenario(
        "power-cut-bare",
        "power fails in an upgrade with a diff that ends with the image",
        cases.bare_diff,
        _OK,
        NEW,
        cuts=_EVERY,
    ),
    Scenario(
        "power-cut-vendor",
        "the vendor's boot stage leaves half of the last section",
        cases.with_vendor_boot(cases.bare_diff),
        _OK,
        NEW,
        cuts=_SOME,
        breaks=True,
    ),
    Scenario(
        "flash-error",
        "an operation of the flash fails once while a diff is installed",
        cases.diff(OLD),
        _OK,
        NEW,
        cuts=_EVERY,
        fault=FlashFault.ERROR,
    ),
    Scenario(
        "flash-error-vendor",
        "the vendor's boot stage begins anew on flash that has changed",
        cases.with_vendor_boot(cases.diff(OLD)),
        _OK,
        NEW,
        cuts=_SOME,
        fault=FlashFault.ERROR,
        breaks=True,
    ),
    Scenario("power-cut-large", "power fails in ten places of an upgrade by 4 MiB", cases.large, _OK, NEW, cuts=10),
    Scenario("power-cut-large-xz", "power fails in an upgrade by 4 MiB, compressed", cases.large_xz, _OK, NEW, cuts=10),
    Scenario(
        "power-cut-large-diff", "power fails in an upgrade by 4 MiB with a diff", cases.large_diff, _OK, NEW, cuts=10
    ),
    Scenario(
        "rollback", "a signed version that does not start is rolled back after three tries", cases.rollback, _OK, OLD
    ),
    Scenario("hang", "a signed version that hangs is found by the watchdog, and rolled back", cases.hang, _OK, OLD),
    Scenario("console", "commands typed on the console: version, netmgr, reboot, others", cases.console, _OK, NEW),
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
