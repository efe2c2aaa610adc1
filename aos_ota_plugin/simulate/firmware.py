"""What was built for the emulated board, as the scenarios use it."""

from __future__ import annotations

import base64
import hashlib
from typing import Callable, Dict, NamedTuple, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.keys.rsa import PublicKey

OLD, NEW, TENTH = "app-1.0.9", "app-1.1.0", "app-1.0.10"
VENDOR = f"{OLD} with the vendor's flaws"
CLOUD, VENDOR_CLOUD = f"{OLD} in cloud mode", f"{OLD} in cloud mode with the vendor's flaws"
PUBLIC_KEY = "keys/ota_dev_public.pem"
_CLOUD = ("OTA_CONFIG_LOCAL_RSA=n", "OTA_CONFIG_CLOUD_RSA=y", f"OTA_PUBLIC_KEY={PUBLIC_KEY}")
_VENDOR = "DEMO_VENDOR_FLAWS=1"
VERSIONS: Dict[str, Tuple[str, ...]] = {
    OLD: (f"OTA_APP_VERSION={OLD}",),
    NEW: (f"OTA_APP_VERSION={NEW}",),
    TENTH: (f"OTA_APP_VERSION={TENTH}",),
    CLOUD: (f"OTA_APP_VERSION={OLD}", *_CLOUD),
    VENDOR: (f"OTA_APP_VERSION={OLD}", _VENDOR),
    VENDOR_CLOUD: (f"OTA_APP_VERSION={OLD}", _VENDOR, *_CLOUD),
}
"""What is built, and the arguments of ``aos make``; what differs in one object only stands together."""
NETWORK_OLD, NETWORK_NEW = "app-1.0.0", "app-1.0.1"
NETWORK_VERSIONS: Dict[str, Tuple[str, ...]] = {
    version: (f"OTA_APP_VERSION={version}",) for version in (NETWORK_OLD, NETWORK_NEW)}
"""The same for devices with a network of their own."""


class Firmware(NamedTuple):
    """One build: what is flashed, the signed image made of it, and the linked file with its symbols."""

    payload: bytes
    image: bytes
    elf: bytes


class Built(NamedTuple):
    """All builds by the names of `VERSIONS`, the boot stage, and two private keys: the one used, a stranger's."""

    boot: bytes
    firmware: Dict[str, Firmware]
    key: bytes
    stranger: bytes
    flash_list: str


def signed(payload: bytes, private_pem: bytes) -> bytes:
    """Return the image of a payload, signed with that key."""
    return full.build(payload, sign=_sign(private_pem))


def compressed(payload: bytes, private_pem: bytes) -> bytes:
    """Return the xz image of a payload, signed with that key."""
    return xz.build(payload, sign=_sign(private_pem))


def patch(old: bytes, new: bytes, private_pem: bytes) -> bytes:
    """Return the diff that makes `new` of `old`, signed with that key."""
    return diff.build(diff.create(old, new), sign=_sign(private_pem))


def unsigned(payload: bytes) -> bytes:
    """Return the image of a payload without a signature, as the platform gets it in cloud mode."""
    return full.build(payload, sign=None)


def digestsign(image: bytes, private_pem: bytes) -> str:
    """Return what the platform sends along with an image in cloud mode, signed with that key."""
    return base64.b64encode(_sign(private_pem)(hashlib.sha256(image).digest())).decode("ascii")


def _sign(private_pem: bytes) -> Callable[[bytes], bytes]:
    from aos_ota_plugin.keys.signer import load_signer

    return load_signer(private_pem, file="", passphrase=None).sign_hash


def crashing(firmware: Firmware) -> bytes:
    """Return the firmware with an undefined instruction where its first task begins.

    Raises FormatError when the linked file does not say where that is.
    """
    from io import BytesIO

    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(BytesIO(firmware.elf))
    table, text = elf.get_section_by_name(".symtab"), elf.get_section_by_name(".text")
    symbols = table.get_symbol_by_name("aos_maintask") if isinstance(table, SymbolTableSection) else None
    if not symbols or text is None:
        raise FormatError("the linked firmware has no symbol aos_maintask")
    place = (symbols[0]["st_value"] & ~1) - text["sh_addr"]
    return firmware.payload[:place] + b"\x00\xde" + firmware.payload[place + 2:]  # udf #0


def without_key(firmware: bytes, key: PublicKey) -> bytes:
    """Return the firmware with an empty ``ota_pubn_buf``, as it is before a key is put in.

    Raises FormatError when the key does not stand in it exactly once.
    """
    modulus = key.n_bytes
    if firmware.count(modulus) != 1:
        raise FormatError(f"the public key stands {firmware.count(modulus)} times in this firmware, not once")
    return firmware.replace(modulus, bytes(len(modulus)))
