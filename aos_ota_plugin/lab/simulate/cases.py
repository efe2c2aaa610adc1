"""The cases of scenarios: a device that runs a build of the demo, and the upgrade offered to it."""

from __future__ import annotations

import base64
import hashlib
from typing import Callable, Optional

from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.images import full, pack
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.simulate.device import MCU, MODULE, MODULE_FOLDER, Case, ConsoleStep, Offer
from aos_ota_plugin.lab.simulate.firmware import (
    BY_HAND,
    NEW,
    OLD,
    TENTH,
    VENDOR,
    VENDOR_CLOUD,
    Built,
    bare_patch,
    compress_payload,
    digestsign,
    make_crashing,
    make_hanging,
    patch,
    sign_payload,
    unsigned,
)
from aos_ota_plugin.lab.simulate.mcu import McuBehavior


def device_key(built: Built) -> PublicKey:
    """Return the key that the builds' firmware trusts."""
    return load_signer(built.key, file="", passphrase=None).public_key


def offer_case(built: Built, image: bytes, version: str = NEW, firmware: str = OLD) -> Case:
    """Return the case of this image offered as `version` to a device that runs that build."""
    return Case(
        built.firmware[firmware].payload,
        OLD,
        device_key(built),
        Offer(image, version),
        built.firmware[NEW].payload,
        hardened=firmware != VENDOR,
    )


def upgrade(built: Built) -> Case:
    """Return an offer of the new version to a device that runs the old one."""
    return offer_case(built, built.firmware[NEW].image)


def no_key(built: Built) -> Case:
    """Return an upgrade of a device whose firmware holds no public key."""
    case = upgrade(built)
    return case._replace(firmware=built.firmware[BY_HAND].payload, key=None)


def stranger(built: Built) -> Case:
    """Return an upgrade with an image that another key signed."""
    return offer_case(built, sign_payload(built.firmware[NEW].payload, built.stranger))


def bit(place: int) -> Callable[[Built], Case]:
    """Return an upgrade with one bit of the new image changed; a negative place counts from its end."""

    def case(built: Built) -> Case:
        image = bytearray(built.firmware[NEW].image)
        image[place] ^= 0x10
        return offer_case(built, bytes(image))

    return case


def older(built: Built) -> Case:
    """Return an offer of an older version."""
    return offer_case(built, built.firmware[NEW].image, "app-1.0.8")


def same(built: Built) -> Case:
    """Return an offer of the version that runs."""
    return offer_case(built, built.firmware[OLD].image, OLD)


def tenth(firmware: str) -> Callable[[Built], Case]:
    """Return an offer of version 1.0.10 to a device with this build."""
    return lambda built: offer_case(built, built.firmware[TENTH].image, TENTH, firmware)


def cut_short(built: Built) -> Case:
    """Return an upgrade with an image whose end is missing."""
    return offer_case(built, built.firmware[NEW].image[:-1000])


def ends_early(built: Built) -> Case:
    """Return an upgrade whose download ends before the size in the push."""
    image = built.firmware[NEW].image
    case = offer_case(built, image[:-1000])
    return case._replace(offer=case.offer._replace(size=len(image)))


def too_large(built: Built) -> Case:
    """Return an upgrade with an image that is larger than the OTA partition."""
    payload = built.firmware[NEW].payload
    return offer_case(built, sign_payload(payload + bytes(HAAS100_RTOS_SIZE - len(payload)), built.key))


def xz(built: Built) -> Case:
    """Return an upgrade with a compressed image."""
    return offer_case(built, compress_payload(built.firmware[NEW].payload, built.key))


def diff(base: str) -> Callable[[Built], Case]:
    """Return an upgrade with a diff from the version `base`."""
    return lambda built: offer_case(built, patch(built.firmware[base].payload, built.firmware[NEW].payload, built.key))


def bare_diff(built: Built) -> Case:
    """Return an upgrade with a diff that ends with the image."""
    payload = _with_noise(built.firmware[NEW].payload, 2000)
    image = bare_patch(built.firmware[OLD].payload, payload, built.key)
    return offer_case(built, image)._replace(installs=payload)


def with_vendor_boot(make: Callable[[Built], Case]) -> Callable[[Built], Case]:
    """Return the same case with the vendor's boot stage."""
    return lambda built: make(built)._replace(vendor_boot=True)


def _with_noise(payload: bytes, size: int) -> bytes:
    """Return the firmware followed by `size` bytes that do not compress."""
    return payload + hashlib.shake_256(payload).digest(size)


def large(built: Built) -> Case:
    """Return an upgrade with an image of 4 MiB, most of which does not compress."""
    payload = built.firmware[NEW].payload
    payload = _with_noise(payload, (4 << 20) - len(payload))
    return offer_case(built, sign_payload(payload, built.key))._replace(installs=payload)


def large_xz(built: Built) -> Case:
    """Return the upgrade by 4 MiB with a compressed image."""
    case = large(built)
    return case._replace(offer=Offer(compress_payload(case.installs, built.key), NEW))


def large_diff(built: Built) -> Case:
    """Return the upgrade by 4 MiB with a diff."""
    case = large(built)
    return case._replace(offer=Offer(patch(case.firmware, case.installs, built.key), NEW))


def cloud(firmware: str, make: Callable[[Built, bytes], Optional[str]]) -> Callable[[Built], Case]:
    """Return an offer of the unsigned new version, with `make`'s signature, to a device in cloud mode."""

    def case(built: Built) -> Case:
        image = unsigned(built.firmware[NEW].payload)
        offer = Offer(image, NEW, digestsign=make(built, image))
        return offer_case(built, image)._replace(
            firmware=built.firmware[firmware].payload, offer=offer, hardened=firmware != VENDOR_CLOUD, local=False
        )

    return case


def by_platform(built: Built, image: bytes) -> str:
    """Return the platform's signature of an image."""
    return digestsign(image, built.key)


def by_stranger(built: Built, image: bytes) -> str:
    """Return a stranger's signature of an image."""
    return digestsign(image, built.stranger)


def nothing(built: Built, image: bytes) -> None:
    """Return no signature."""


def zeros(built: Built, image: bytes) -> str:
    """Return a signature of 256 zero bytes."""
    return base64.b64encode(bytes(256)).decode("ascii")


def rollback(built: Built) -> Case:
    """Return an upgrade with a signed version that does not start."""
    return offer_case(built, sign_payload(make_crashing(built.firmware[NEW]), built.key))


PANEL_OLD, PANEL_NEW = "panel-1.0.9", "panel-1.1.0"
_ELSEWHERE = "/data/js/app.bin"


def module(built: Built, image: bytes, firmware: str = OLD) -> Case:
    """Return the case of a module's new files, signed by the platform; the device has old ones."""
    case = offer_case(built, image, PANEL_NEW, firmware)
    offer = case.offer._replace(module=MODULE, digestsign=digestsign(image, built.key))
    return case._replace(
        offer=offer,
        module_version=PANEL_OLD,
        files={f"{MODULE_FOLDER}/layout.json": b"{}", _ELSEWHERE: b"start();", f"/.ota/{MODULE}": PANEL_OLD.encode()},
    )


def panel_pack(also: str = "about.txt") -> bytes:
    """Return the module's new pack with one more file in it, whose name is not checked."""
    names = {
        "layout.json": b'{"rows": 4}',
        "img/logo.bin": bytes(range(256)) * 40,
        "img/empty": b"",
        "\u5b57\u4f53.bin": b"\x5a" * 3000,
        "_" * len(also): b"evil();",
    }
    packed = pack.build([pack.PackFile(name, data) for name, data in names.items()])
    return packed.replace(b"_" * len(also), also.encode("ascii"))


def new_module(built: Built) -> Case:
    """Return an offer of a module's new files to a device that has old ones."""
    return module(built, panel_pack())


def first(built: Built) -> Case:
    """Return an offer of a module's files to a device that has none of it."""
    return new_module(built)._replace(files={}, module_version=None)


def escaping(firmware: str) -> Callable[[Built], Case]:
    """Return an offer of a module's pack in which a name leads out of its folder."""
    return lambda built: module(built, panel_pack("../js/app.bin"), firmware)


def pack_cut_short(built: Built) -> Case:
    """Return an offer of a module's pack whose end is missing."""
    return module(built, panel_pack()[:-100])


def pack_bit(built: Built) -> Case:
    """Return an offer of a pack in which a file was changed: the platform signs what it gets."""
    return module(built, panel_pack().replace(b"evil();", b"eviL();"))


def _pushed(change: Callable[[Built, Offer], Offer]) -> Callable[[Built], Case]:
    """Return the case of a module's files with a changed push."""

    def case(built: Built) -> Case:
        plain = new_module(built)
        return plain._replace(offer=change(built, plain.offer))

    return case


too_short = _pushed(lambda built, offer: offer._replace(size=1000))
another_hash = _pushed(lambda built, offer: offer._replace(hashed=b"another"))
unsigned_pack = _pushed(lambda built, offer: offer._replace(digestsign=None))
strangers_pack = _pushed(lambda built, offer: offer._replace(digestsign=digestsign(offer.image, built.stranger)))
older_pack = _pushed(lambda built, offer: offer._replace(version="panel-1.0.8"))


MCU_OLD, MCU_NEW = "mcu-1.0.9", "mcu-1.1.0"


def mcu(built: Built, behavior: Optional[McuBehavior], image: Optional[bytes] = None) -> Case:
    """Return the case of a new image for an MCU of that behavior; None is a device without an MCU."""
    firmware = hashlib.shake_256(b"an MCU's firmware").digest(20_000)
    case = offer_case(built, sign_payload(firmware, built.key, ImageMagic.MCU) if image is None else image, MCU_NEW)
    return case._replace(
        offer=case.offer._replace(module=MCU),
        module_version=MCU_OLD,
        files={f"/.ota/{MCU}": MCU_OLD.encode()},
        mcu=behavior,
        installs=firmware + full.PADDING if behavior is McuBehavior.TAKES else b"",
    )


def with_mcu(behavior: Optional[McuBehavior]) -> Callable[[Built], Case]:
    """Return an offer of a new image for an MCU that behaves so; None for no MCU."""
    return lambda built: mcu(built, behavior)


def mcu_stranger(built: Built) -> Case:
    """Return an offer of an image for the MCU that another key signed."""
    case = mcu(built, McuBehavior.TAKES)
    image = sign_payload(case.installs, built.stranger, ImageMagic.MCU)
    return case._replace(offer=case.offer._replace(image=image), installs=b"")


def hang(built: Built) -> Case:
    """Return an upgrade with a signed version that hangs."""
    return offer_case(built, sign_payload(make_hanging(built.firmware[NEW]), built.key))


_CONNECT = "netmgr -t wifi -c home a-password"
_STARTED = "ota_demo on mps2\n"


def console(built: Built) -> Case:
    """Return the demo as documented: its network set on the console, upgraded, started again."""
    return upgrade(built)._replace(
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
