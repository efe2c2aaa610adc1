"""The rules by which a device accepts or refuses an image, checked without a device.

They are in the device's own order; it stops at the first that refuses.

==========  =======================================================================  =======================
rule        accepted when                                                            else
==========  =======================================================================  =======================
push        the message is taken (`device.push`)                                     OTA_TRANSPORT_PAR_FAIL
version     strncmp(new, current, strlen(new)) > 0                                   OTA_TRANSPORT_VER_FAIL
size        the file is as long as the push says                                     `device.lengths`
header      before the trailer stand at least as many bytes as in it                 OTA_DOWNLOAD_RECV_FAIL
sign_info   local mode: encrypto_magic is that of RSA                                OTA_DOWNLOAD_HEAD_FAIL
partition   the file fits the OTA partition                                          OTA_INIT_FAIL
hash        local: SHA-256 of all before the trailer is sign_info's                  OTA_VERIFY_SHA2_FAIL
            cloud: MD5 or SHA-256 of the whole file is the push's                    OTA_VERIFY_MD5/SHA2_FAIL
signature   local: always; cloud: only if digestsign is there and does not           OTA_VERIFY_RSA_FAIL
            start with 0x00. RSASSA-PKCS1-v1_5 over the binary digest
image_info  not for diffs: known magic, image_size not 0, MD5 of image_size bytes    OTA_VERIFY_IMAGE_FAIL
==========  =======================================================================  =======================

A hardened device (our demo) takes a diff only up to the partition less 0x40000, which the boot stage needs for it.
Devices do not read padding_mode, the hash types, reserved, image_num, image_res or image_crc16; so these are not
checked. The structures are parsed here anew, not with the code that builds them: a mistake there must not hide itself.

>>> from aos_ota_plugin.images.full import build
>>> image = build(b"firmware" * 100, sign=None)
>>> judge(Device(public_key=None, local_rsa=False), image).accepted
True
"""

from __future__ import annotations

import hashlib
import struct
from typing import Callable, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.lengths import judge_file_length, judge_length
from aos_ota_plugin.device.push import SIGN_BUFFER, decode_digestsign
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict, Finding, Hashed, Judgement, Push
from aos_ota_plugin.device.version import explain_order, newer_by_numbers
from aos_ota_plugin.keys.rsa import PublicKey

__all__ = [
    "Device",
    "DeviceVerdict",
    "Finding",
    "Hashed",
    "Judgement",
    "Push",
    "decode_digestsign",
    "judge",
    "judge_file",
]


class _Update(NamedTuple):
    """An update offered to a device: image, published version, push message."""

    device: Device
    image: memoryview
    version: Optional[str]
    push: Optional[Push]
    hashed: Optional[Hashed] = None

    @property
    def pushed_size(self) -> int:
        return len(self.image) if self.push is None else self.push.size

    @property
    def is_diff(self) -> bool:
        return bytes(self.image[:8]) == b"BSDIFF40"

    @property
    def trailer_size(self) -> int:
        return limits.IMAGE_INFO_SIZE + (limits.SIGN_INFO_SIZE if self.device.local_rsa else 0)

    @property
    def sign_info(self) -> memoryview:
        return self.image[-self.trailer_size : -limits.IMAGE_INFO_SIZE]


_Rule = Callable[[_Update], Optional[Finding]]
_MAGICS = (0xEFEFEFEF, 0xABABABAB, 0xCDCDCDCD, 0xEFCDEFCD, 0xABCDABCD)
_RSA_MAGIC = 0xAABBCCDD
_CHECKED = "the RSA signature verifies"


def judge(
    device: Device,
    image: bytes,
    *,
    version: Optional[str] = None,
    push: Optional[Push] = None,
    hashed: Optional[Hashed] = None,
) -> Judgement:
    """Judge `image` by the device's rules.

    `version` is the one it is published as, `push` the message. A rule that lacks its input (no version, no push)
    passes and says "not judged". `hashed` saves hashing the image's beginning again if its pieces are these very bytes,
    which is checked. Never raises, whatever the bytes.
    """
    return _judged(_RULES, _Update(device, memoryview(image).cast("B"), version, push, hashed))


def judge_file(device: Device, data: bytes, *, version: Optional[str] = None, push: Optional[Push] = None) -> Judgement:
    """Judge a file for the device's file system, which has no trailer, by its rules.

    They are those of `device.module_file` without the last three. Never raises.
    """
    return _judged(_FILE_RULES, _Update(device, memoryview(data).cast("B"), version, push))


def _judged(rules: Tuple[_Rule, ...], update: _Update) -> Judgement:
    findings: List[Finding] = []
    for rule in rules:
        finding = rule(update)
        if finding is not None:
            findings.append(finding)
            if not finding.ok:
                break
    last = findings[-1]
    checked = any(
        finding.rule == "signature" and (not finding.ok or finding.detail.startswith(_CHECKED)) for finding in findings
    )
    return Judgement(last.verdict, tuple(findings), checked)


def _pass(rule: str, detail: str, *, judged: bool = True) -> Finding:
    return Finding(rule, True, DeviceVerdict.OTA_SUCCESS, detail, judged)


def _unjudged(rule: str, detail: str) -> Finding:
    return _pass(rule, detail, judged=False)


def _refuse(rule: str, verdict: DeviceVerdict, detail: str) -> Finding:
    return Finding(rule, False, verdict, detail)


def _push(update: _Update) -> Finding:
    push, fail = update.push, DeviceVerdict.OTA_TRANSPORT_PAR_FAIL
    if push is None:
        return _unjudged("push", "not judged: no push message given")
    if _hash_of(push) is None:
        return _refuse("push", fail, "signMethod is neither MD5 nor SHA256")
    if not push.sign:
        return _refuse("push", fail, "sign is empty")
    if push.digestsign is not None and decode_digestsign(push.digestsign) is None:
        return _refuse("push", fail, "digestsign is not the padded base64 of at most 256 bytes")
    return _pass("push", f"{push.sign_method}, {'with' if push.digestsign else 'without'} digestsign")


def _version(update: _Update) -> Finding:
    if update.version is None or update.device.version is None:
        return _unjudged("version", "not judged: the new or the device's version is not known")
    # The push's version is copied into a buffer before it is compared.
    received = update.version.encode("utf-8", "surrogatepass")[: limits.VERSION_MAX].decode("utf-8", "replace")
    if update.device.hardened:
        newer = newer_by_numbers(received, update.device.version)
        problem = None if newer else f"{received!a} is not newer than {update.device.version}"
    else:
        problem = explain_order(received, update.device.version)
    if problem:
        return _refuse("version", DeviceVerdict.OTA_TRANSPORT_VER_FAIL, problem)
    return _pass("version", f"{received} is newer than {update.device.version}")


def _size(update: _Update) -> Finding:
    pushed = update.pushed_size
    return judge_length(pushed, len(update.image), trailer=update.trailer_size, hardened=update.device.hardened)


def _size_of_file(update: _Update) -> Finding:
    is_md5 = update.push is not None and _hash_of(update.push) == "md5"
    return judge_file_length(update.pushed_size, len(update.image), is_md5=is_md5, hardened=update.device.hardened)


def _header(update: _Update) -> Finding:
    least = limits.MIN_FILE if update.device.local_rsa else limits.MIN_FILE_CLOUD
    if len(update.image) < least:
        return _refuse(
            "header",
            DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL,
            f"{len(update.image)} bytes: the header reader refuses files under {least}",
        )
    return _pass("header", f"the last {update.trailer_size} bytes can be read")


def _sign_info(update: _Update) -> Finding:
    if not update.device.local_rsa:
        return _pass("sign_info", "cloud mode: none is looked for")
    magic = struct.unpack_from("<I", update.sign_info)[0]
    if magic != _RSA_MAGIC:
        return _refuse(
            "sign_info",
            DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL,
            f"encrypto_magic is 0x{magic:08x}, not 0x{_RSA_MAGIC:08x}: not a locally signed image, "
            "or bytes are missing or added at its end",
        )
    return _pass("sign_info", "encrypto_magic is that of RSA")


def _partition(update: _Update) -> Finding:
    size, room = update.pushed_size, update.device.partition_size
    if room is None:
        return _unjudged("partition", "not judged: the OTA partition's size is not known")
    what = "of the OTA partition"
    if update.is_diff and update.device.hardened:
        room, what = max(room - limits.DIFF_BLOCK_SIZE, 0), f"{what} that a diff may take"
    if size > room:
        detail = f"{size} bytes do not fit the {room} {what}: refused before anything is written"
        return _refuse("partition", DeviceVerdict.OTA_INIT_FAIL, detail)
    return _pass("partition", f"{room - size} of {room} bytes stay free")


def _progress(update: _Update) -> Optional[Finding]:
    if update.device.hardened or len(update.image) >= limits.PROGRESS_UNIT:
        return None
    return _unjudged("progress", f"WARNING: {limits.short_file(len(update.image))}")


def _hash(update: _Update) -> Finding:
    if not update.device.local_rsa:
        return _hash_of_file(update)
    stated = bytes(update.sign_info[104:136]).hex()
    return _compared("sha256", _digest(update, "sha256", len(update.image) - update.trailer_size), stated)


def _hash_of_file(update: _Update) -> Finding:
    if update.push is None:
        return _unjudged("hash", "not judged: no push message given")
    name = _hash_of(update.push) or ""
    actual = _digest(update, name, len(update.image))
    return _compared(name, actual, update.push.sign[: len(actual)].lower())


def _digest(update: _Update, name: str, size: int) -> str:
    """Return the digest of the first `size` bytes of the image, from `hashed` where it has it."""
    image, hashed = update.image.obj, update.hashed
    if hashed is not None and isinstance(image, bytes) and _starts_with(image, hashed.pieces) == size:
        return hashed.md5 if name == "md5" else hashed.sha256
    return hashlib.new(name, update.image[:size], usedforsecurity=False).hexdigest()


def _starts_with(image: bytes, pieces: Tuple[bytes, ...]) -> Optional[int]:
    """Return the length of all pieces, None when the image does not start with them."""
    at = 0
    for piece in pieces:
        if not image.startswith(piece, at):
            return None
        at += len(piece)
    return at


def _compared(name: str, actual: str, stated: str) -> Finding:
    if actual == stated:
        return _pass("hash", f"{name} {actual}")
    md5 = name == "md5"
    verdict = DeviceVerdict.OTA_VERIFY_MD5_FAIL if md5 else DeviceVerdict.OTA_VERIFY_SHA2_FAIL
    return _refuse("hash", verdict, f"{name} of the image is {actual}, but {stated!a} is stated")


def _signature(update: _Update) -> Finding:
    if not update.device.local_rsa:
        return _signature_of_push(update)
    key = update.device.public_key
    digest = bytes(update.sign_info[104:136])
    return _verified(key, key is not None and key.verify_hash(digest, bytes(update.sign_info[136:392])))


def _signature_of_push(update: _Update) -> Finding:
    if update.push is None:
        return _unjudged("signature", "not judged: no push message given, and in cloud mode that has the signature")
    signature = decode_digestsign(update.push.digestsign) if update.push.digestsign else None
    if update.device.hardened and not signature:
        return _refuse("signature", DeviceVerdict.OTA_VERIFY_RSA_FAIL, "the push has no digestsign")
    if update.push.digestsign is None:
        return _pass("signature", "NOT CHECKED: the push has no digestsign, anyone's image is accepted")
    if not update.device.hardened and (not signature or not signature[0]):
        what = "starts with 0x00" if signature else "decodes to nothing"
        return _pass("signature", f"NOT CHECKED: digestsign {what}, anyone's image is accepted")
    return _verified(update.device.public_key, _is_signed(update, signature or b""))


def _signature_of_file(update: _Update) -> Finding:
    if not update.device.local_rsa or update.push is None:
        return _signature_of_push(update)
    if not update.push.digestsign:
        return _refuse(
            "signature",
            DeviceVerdict.OTA_VERIFY_RSA_FAIL,
            "the push has no digestsign, which a local-mode device needs for a file without a trailer",
        )
    return _verified(update.device.public_key, _is_signed(update, decode_digestsign(update.push.digestsign) or b""))


def _is_signed(update: _Update, signature: bytes) -> bool:
    if update.push is None or update.device.public_key is None:
        return False
    # The hash rule has checked that this is the file's own.
    digest = bytes.fromhex(update.push.sign[: 32 if _hash_of(update.push) == "md5" else 64])
    # It stands in a buffer of zeros.
    return update.device.public_key.verify_digest_of_file(digest, signature.ljust(SIGN_BUFFER, b"\0"))


def _verified(key: Optional[PublicKey], valid: bool) -> Finding:
    if valid and key is not None:
        return _pass("signature", f"{_CHECKED} with key {key.short_fingerprint}")
    return _refuse("signature", DeviceVerdict.OTA_VERIFY_RSA_FAIL, _why_rsa_fails(key))


def _why_rsa_fails(key: Optional[PublicKey]) -> str:
    if key is None or key.is_empty:
        return "no public key is embedded in the firmware: every signature is refused"
    if not key.is_usable:
        return "the embedded key is not RSA-2048 with the exponent 65537: every signature is refused"
    return f"the signature was not made over this image by the firmware's key {key.short_fingerprint}"


def _image_info(update: _Update) -> Finding:
    fail = DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
    if update.is_diff:
        return _pass("image_info", "not checked by the device: this is a diff")
    if update.pushed_size > len(update.image):
        return _refuse("image_info", fail, "it is read behind its place, as the push's size is larger than the file's")
    magic, size, md5 = struct.unpack_from("<II16s", update.image, len(update.image) - limits.IMAGE_INFO_SIZE)
    if magic not in _MAGICS:
        return _refuse("image_info", fail, f"image_magic 0x{magic:08x} is unknown: image magic error")
    if not 0 < size <= len(update.image):
        # Past the file's end the device would read erased flash; no MD5 in this very file can be that of it.
        return _refuse("image_info", fail, f"image_size is {size}; the file has {len(update.image)} bytes")
    actual = _digest(update, "md5", size)
    if actual != md5.hex():
        return _refuse("image_info", fail, f"MD5 of {size} bytes is {actual}, but image_md5 is {md5.hex()}")
    return _pass("image_info", f"magic 0x{magic:08x}, MD5 of {size} bytes matches")


_RULES: Tuple[_Rule, ...] = (
    _push, _version, _size, _header, _sign_info, _partition, _progress, _hash, _signature, _image_info,
)  # fmt: skip
_FILE_RULES: Tuple[_Rule, ...] = (
    _push, _version, _size_of_file, _progress, _hash_of_file, _signature_of_file,
)  # fmt: skip


def _hash_of(push: Push) -> Optional[str]:
    """Return the name of the push's hash; the device compares the start of signMethod, ignoring case."""
    return next((name for name in ("md5", "sha256") if push.sign_method.lower().startswith(name)), None)
