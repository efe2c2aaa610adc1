"""Judge a file as a device does: by its key, the push message, the agent and the boot stage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.acceptance import Device, Judgement, Push, judge
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.device.module_file import judge_module, judge_packed_payload
from aos_ota_plugin.device.updater import judge_update
from aos_ota_plugin.errors import FormatError, OtaError, Place, SigningKeyError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, KEY_MAX, read_bytes, read_file
from aos_ota_plugin.images.full import kind_of, parse
from aos_ota_plugin.images.pack import is_pack
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.push import PushMessage, parse_push

_STAGES = {True: "agent", False: "boot stage"}


class Answer(NamedTuple):
    """A device's judgement, its stage, the device's key, and the fingerprint of the signer's key."""

    judgement: Judgement
    by_agent: bool
    key: Optional[PublicKey]
    signer: Optional[str]

    def to_document(self, file: str) -> Dict[str, object]:
        """Return the answer for JSON output."""
        judgement = self.judgement
        return {
            "file": file,
            "accepted": judgement.accepted,
            "verdict": judgement.verdict.name,
            "code": int(judgement.verdict),
            "refused_by": None if judgement.accepted else _STAGES[self.by_agent],
            "device_key": self.key.fingerprint if self.key else None,
            "signed_by": self.signer,
            "findings": [
                {"rule": finding.rule, "ok": finding.ok, "judged": finding.judged, "detail": finding.detail}
                for finding in judgement.findings
            ],
        }


def judge_module_file(
    device: Device, data: bytes, version: Optional[str], push: Optional[Push], *, file: str
) -> Judgement:
    """Judge a module's file as the agent does. Raises FormatError when that needs a push message."""
    judgement = judge_module(device, data, version=version, push=push)
    if judgement.accepted and push is None:
        raise FormatError(
            "in local mode the push message signs a module's file; without it nothing says whether a "
            "device accepts this one",
            place=Place(file),
            remedy="give the message with --push, or the digestsign that the platform returned with --digestsign",
        )
    return judgement


def judge_image(
    device: Device, data: bytes, version: Optional[str], push: Optional[Push], base: Optional[bytes]
) -> Tuple[Judgement, bool]:
    """Return the judgement of the agent, then of the boot stage, and whether the agent decided."""
    judgement = judge(device, data, version=version, push=push)
    if not judgement.accepted:
        return judgement, True
    packed = judge_packed_payload(data)
    more = packed or judge_update(data, partition_size=device.partition_size, base=base)
    if not more:
        return judgement, True
    last = next((finding for finding in more if not finding.ok), more[-1])
    return Judgement(last.verdict, (*judgement.findings, *more), judgement.signature_checked), bool(packed)


def read_message(path: str) -> PushMessage:
    """Read a push message's file. Raises SettingsError, FormatError."""
    data = read_file(path, "the push message", "save the message that the platform sent", limit=DOCUMENT_MAX)
    return parse_push(data, file=path)


def push_of(message: PushMessage) -> Push:
    """Return what a device takes from a push message."""
    return Push(message.size, message.sign_method, message.sign, message.digestsign)


def is_module_file(data: bytes, message: Optional[PushMessage]) -> bool:
    """Return whether data goes to the file system: a pack, or a module's file without a trailer."""
    if is_pack(data):
        return True
    if message is None or message.module in (None, DEFAULT) or kind_of(data) != "full":
        return False
    try:
        parse(data)
    except FormatError:
        return True
    return False


def read_device_key(elf: Optional[str], public_key: Optional[str]) -> Optional[PublicKey]:
    """Read the key that a device holds, from a key file or its firmware's ELF; None if it has none.

    Raises:
        SigningKeyError, SettingsError, FormatError: it cannot be read.
    """
    if public_key:
        data = read_file(
            public_key,
            "the public key",
            "give the file with the key that the device holds",
            limit=KEY_MAX,
            error=SigningKeyError,
        )
        return parse_public_key(data, file=public_key)
    with placed(str(elf)):
        return read_public_key(
            read_file(str(elf), "the ELF", "give the .elf of the firmware that the device runs", limit=ELF_MAX)
        )


def push_for(data: bytes, method: str, digestsign: Optional[str]) -> Push:
    """Return the push message's fields for a file, with this signMethod and digestsign."""
    digest = hashlib.md5(data, usedforsecurity=False) if method.lower() == "md5" else hashlib.sha256(data)
    return Push(size=len(data), sign_method=method, sign=digest.hexdigest(), digestsign=digestsign)


def find_signer(data: bytes, key: Optional[PublicKey], folder: Optional[str]) -> Optional[str]:
    """Return the fingerprint of the key, ``key`` or one in ``folder``, that signed an image, else None."""
    try:
        sign_info = parse(data, local=True).sign_info
    except FormatError:
        return None
    if sign_info is None:
        return None
    candidates = ([key] if key else []) + (_keys_in(folder) if folder else [])
    for candidate in candidates:
        if candidate.verify_hash(sign_info.hash, sign_info.signature):
            return candidate.fingerprint
    return None


def _keys_in(folder: str) -> List[PublicKey]:
    root = Path(folder)
    if not root.is_dir():
        raise SigningKeyError(
            f"{folder} is not a folder of keys", remedy="give a folder with public key files to --keys"
        )
    keys = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.stat().st_size < 1 << 16:
            try:
                keys.append(parse_public_key(read_bytes(path, KEY_MAX), file=str(path)))
            except (OtaError, OSError):
                continue  # a folder of keys may hold other things, private keys among them
    return keys
