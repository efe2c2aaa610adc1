"""The builds for the emulated board, and images made from them."""

from __future__ import annotations

import base64
import hashlib
from typing import Callable, Dict, NamedTuple, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.signer import load_signer

OLD, NEW, TENTH = "app-1.0.9", "app-1.1.0", "app-1.0.10"
VENDOR = f"{OLD} with the vendor's flaws"
CLOUD, VENDOR_CLOUD = f"{OLD} in cloud mode", f"{OLD} in cloud mode with the vendor's flaws"
PUBLIC_KEY = "keys/ota_dev_public.pem"
CLOUD_MODE = ("OTA_CONFIG_LOCAL_RSA=n", "OTA_CONFIG_CLOUD_RSA=y", f"OTA_PUBLIC_KEY={PUBLIC_KEY}")
VENDOR_FLAWS = ("DEMO_VENDOR_FLAWS",)


class Variant(NamedTuple):
    """The build of a version: arguments of ``aos make``, macros set to 1 in the component `ota`."""

    arguments: Tuple[str, ...]
    macros: Tuple[str, ...] = ()


VERSIONS: Dict[str, Variant] = {
    OLD: Variant((f"OTA_APP_VERSION={OLD}",)),
    NEW: Variant((f"OTA_APP_VERSION={NEW}",)),
    TENTH: Variant((f"OTA_APP_VERSION={TENTH}",)),
    CLOUD: Variant((f"OTA_APP_VERSION={OLD}", *CLOUD_MODE)),
    VENDOR: Variant((f"OTA_APP_VERSION={OLD}",), VENDOR_FLAWS),
    VENDOR_CLOUD: Variant((f"OTA_APP_VERSION={OLD}", *CLOUD_MODE), VENDOR_FLAWS),
}
"""The builds, in an order in which neighbors differ little."""


BY_HAND = f"{OLD} by hand"
"""The demo built without this plugin: version and identity are in its source, no public key."""


class Firmware(NamedTuple):
    """A build: the flashed payload, its signed image (b"" if none) and the ELF with symbols."""

    payload: bytes
    image: bytes
    elf: bytes


class Built(NamedTuple):
    """All builds, by the names of `VERSIONS` and `BY_HAND`.

    `vendor_boot` is the boot stage with the vendor's faults, `key` the signing key, `stranger` an untrusted key (PEM).
    """

    boot: bytes
    vendor_boot: bytes
    firmware: Dict[str, Firmware]
    key: bytes
    stranger: bytes
    flash_list: str


def sign_payload(payload: bytes, private_pem: bytes, magic: ImageMagic = ImageMagic.ALL) -> bytes:
    """Return the image of a payload, signed with that key."""
    return full.build(payload, sign=_sign(private_pem), magic=magic)


def compress_payload(payload: bytes, private_pem: bytes) -> bytes:
    """Return the xz image of a payload, signed with that key."""
    return xz.build(payload, sign=_sign(private_pem))


def patch(old: bytes, new: bytes, private_pem: bytes) -> bytes:
    """Return the diff that makes `new` of `old`, signed with that key."""
    return diff.build(diff.create(old, new), sign=_sign(private_pem))


def bare_patch(old: bytes, new: bytes, private_pem: bytes) -> bytes:
    """Return the diff without `patch`'s extra section, which works around a vendor's fault."""
    whole = diff.create(old, new)
    return diff.build(whole[: diff.parse(whole)[-1].offset], sign=_sign(private_pem))


def unsigned(payload: bytes) -> bytes:
    """Return the image of a payload without a signature, as the platform gets it in cloud mode."""
    return full.build(payload, sign=None)


def digestsign(image: bytes, private_pem: bytes) -> str:
    """Return the push's digestsign in cloud mode (base64), signed with that key."""
    return base64.b64encode(_sign(private_pem)(hashlib.sha256(image).digest())).decode("ascii")


def _sign(private_pem: bytes) -> Callable[[bytes], bytes]:

    return load_signer(private_pem, file="", passphrase=None).sign_hash


def make_crashing(firmware: Firmware) -> bytes:
    """Return the firmware with an undefined instruction in its first task; errors as `make_hanging`."""
    return _starting_with(firmware, b"\x00\xde")  # udf #0


def make_hanging(firmware: Firmware) -> bytes:
    """Return the firmware with an endless loop in its first task.

    Raises FormatError when the ELF has no symbol for that task.
    """
    return _starting_with(firmware, b"\xfe\xe7")  # b .


def _starting_with(firmware: Firmware, instruction: bytes) -> bytes:
    from io import BytesIO

    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(BytesIO(firmware.elf))
    table, text = elf.get_section_by_name(".symtab"), elf.get_section_by_name(".text")
    symbols = table.get_symbol_by_name("aos_maintask") if isinstance(table, SymbolTableSection) else None
    if not symbols or text is None:
        raise FormatError("the linked firmware has no symbol aos_maintask")
    place = (symbols[0]["st_value"] & ~1) - text["sh_addr"]
    return firmware.payload[:place] + instruction + firmware.payload[place + len(instruction) :]
