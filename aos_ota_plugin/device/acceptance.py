"""What a device does with an image, rule by rule, without a device.

The rules, in the device's own order. It stops at the first that refuses.

==========  =======================================================================  =======================
rule        accepted when                                                            else
==========  =======================================================================  =======================
push        signMethod is MD5 or SHA256, sign is there, digestsign decodes           OTA_TRANSPORT_PAR_FAIL
version     strncmp(new, current, strlen(new)) > 0                                   OTA_TRANSPORT_VER_FAIL
size        the file is as long as the push says                                     OTA_DOWNLOAD_HEAD_FAIL
header      before the trailer stand at least as many bytes as in it                 OTA_DOWNLOAD_RECV_FAIL
sign_info   local mode: encrypto_magic is that of RSA                                OTA_DOWNLOAD_HEAD_FAIL
partition   the file fits the OTA partition (a diff: less 0x40000)                   OTA_UPGRADE_WRITE_FAIL
hash        local: SHA-256 of all before the trailer is sign_info's                  OTA_VERIFY_SHA2_FAIL
            cloud: MD5 or SHA-256 of the whole file is the push's                    OTA_VERIFY_MD5/SHA2_FAIL
signature   local: always; cloud: only if digestsign is there and does not           OTA_VERIFY_RSA_FAIL
            start with 0x00. RSASSA-PKCS1-v1_5 over the binary digest
image_info  not for diffs: known magic, image_size not 0, MD5 of image_size bytes    OTA_VERIFY_IMAGE_FAIL
==========  =======================================================================  =======================

Nothing reads padding_mode, the hash types, reserved, image_num, image_res or image_crc16; so neither does this.
The structures are taken apart here anew, not with the code that builds them: a slip there must not hide itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from enum import IntEnum
from typing import Callable, NamedTuple, Optional, Tuple

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.version import explain_order, newer_by_numbers
from aos_ota_plugin.keys.rsa import PublicKey


class DeviceVerdict(IntEnum):
    """``OTA_ERRNO_E`` of the device's ``ota_agent.h``, as far as an image can cause it."""

    OTA_SUCCESS = 0
    OTA_INIT_FAIL = -1
    OTA_TRANSPORT_INT_FAIL = -2
    OTA_TRANSPORT_PAR_FAIL = -3
    OTA_TRANSPORT_VER_FAIL = -4
    OTA_DOWNLOAD_INIT_FAIL = -5
    OTA_DOWNLOAD_HEAD_FAIL = -6
    OTA_DOWNLOAD_CON_FAIL = -7
    OTA_DOWNLOAD_REQ_FAIL = -8
    OTA_DOWNLOAD_RECV_FAIL = -9
    OTA_VERIFY_MD5_FAIL = -10
    OTA_VERIFY_SHA2_FAIL = -11
    OTA_VERIFY_RSA_FAIL = -12
    OTA_VERIFY_IMAGE_FAIL = -13
    OTA_UPGRADE_WRITE_FAIL = -14
    OTA_UPGRADE_PARAM_FAIL = -15
    OTA_UPGRADE_FW_SIZE_FAIL = -16
    OTA_UPGRADE_SET_BOOT_FAIL = -17


class Device(NamedTuple):
    """A device as the rules see it: the key in its firmware, mode, version, OTA partition in bytes.

    A `hardened` one compares numbers in versions as numbers, and in cloud mode takes no push without a signature.
    """

    public_key: Optional[PublicKey]
    local_rsa: bool
    version: Optional[str] = None
    partition_size: Optional[int] = None
    hardened: bool = False


class Push(NamedTuple):
    """What the cloud's upgrade message says of the file; `sign` is hex, `digestsign` base64 or absent."""

    size: int
    sign_method: str
    sign: str
    digestsign: Optional[str] = None


class Hashed(NamedTuple):
    """Pieces of bytes, one after another, and the digests that hashlib gave of them all (lower-case hex)."""

    pieces: Tuple[bytes, ...]
    md5: str
    sha256: str


class Finding(NamedTuple):
    """What one rule found. `verdict` is 0 when `ok`, else a DeviceVerdict or the boot stage's UpdaterVerdict.

    Not `judged` means that the rule lacked its input.
    """

    rule: str
    ok: bool
    verdict: IntEnum
    detail: str
    judged: bool = True


class Judgement(NamedTuple):
    """The device's verdict, and the findings of the rules up to the first refusal.

    `signature_checked` is False on every image whose RSA signature the device did not verify, accepted or not.
    """

    verdict: IntEnum
    findings: Tuple[Finding, ...]
    signature_checked: bool

    @property
    def accepted(self) -> bool:
        """Whether the device installs the image."""
        return self.verdict == DeviceVerdict.OTA_SUCCESS


class _Case(NamedTuple):
    device: Device
    image: memoryview
    version: Optional[str]
    push: Optional[Push]
    hashed: Optional[Hashed] = None

    @property
    def is_diff(self) -> bool:
        return bytes(self.image[:8]) == b"BSDIFF40"

    @property
    def trailer_size(self) -> int:
        return limits.IMAGE_INFO_SIZE + (limits.SIGN_INFO_SIZE if self.device.local_rsa else 0)

    @property
    def sign_info(self) -> memoryview:
        return self.image[-self.trailer_size : -limits.IMAGE_INFO_SIZE]


_MAGICS = (0xEFEFEFEF, 0xABABABAB, 0xCDCDCDCD, 0xEFCDEFCD, 0xABCDABCD)
_RSA_MAGIC = 0xAABBCCDD
_SIGN_BUFFER = 256
_CHECKED = "the RSA signature verifies"


def judge(
    device: Device,
    image: bytes,
    *,
    version: Optional[str] = None,
    push: Optional[Push] = None,
    hashed: Optional[Hashed] = None,
) -> Judgement:
    """Take `image` through the device's rules; `version` is the one it is published as, `push` the message.

    A rule that lacks its input (no version, no push) passes and says "not judged". `hashed` spares hashing the image's
    beginning again, where it is these very bytes: they are compared. Never raises, whatever the bytes.
    """
    return _judged(_RULES, _Case(device, memoryview(image).cast("B"), version, push, hashed))


def judge_file(device: Device, data: bytes, *, version: Optional[str] = None, push: Optional[Push] = None) -> Judgement:
    """Take a file for the device's file system, which has no trailer, through its rules: see `device.module_file`."""
    return _judged(_FILE_RULES, _Case(device, memoryview(data).cast("B"), version, push))


def _judged(rules: Tuple[Callable[[_Case], Finding], ...], case: _Case) -> Judgement:
    findings = []
    for rule in rules:
        finding = rule(case)
        findings.append(finding)
        if not finding.ok:
            break
    last = findings[-1]
    checked = any(one.rule == "signature" and (not one.ok or one.detail.startswith(_CHECKED)) for one in findings)
    return Judgement(last.verdict, tuple(findings), checked)


def _pass(rule: str, detail: str) -> Finding:
    return Finding(rule, True, DeviceVerdict.OTA_SUCCESS, detail)


def _unjudged(rule: str, detail: str) -> Finding:
    return Finding(rule, True, DeviceVerdict.OTA_SUCCESS, detail, judged=False)


def _refuse(rule: str, verdict: DeviceVerdict, detail: str) -> Finding:
    return Finding(rule, False, verdict, detail)


def _push(case: _Case) -> Finding:
    push, fail = case.push, DeviceVerdict.OTA_TRANSPORT_PAR_FAIL
    if push is None:
        return _unjudged("push", "not judged: no push message given")
    if _hash_of(push) is None:
        return _refuse("push", fail, "signMethod is neither MD5 nor SHA256")
    if not push.sign:
        return _refuse("push", fail, "sign is empty")
    if push.digestsign is not None and decode_digestsign(push.digestsign) is None:
        return _refuse("push", fail, "digestsign is not the padded base64 of at most 256 bytes")
    return _pass("push", f"{push.sign_method}, {'with' if push.digestsign else 'without'} digestsign")


def _version(case: _Case) -> Finding:
    if case.version is None or case.device.version is None:
        return _unjudged("version", "not judged: the new or the device's version is not known")
    # The push's version is copied into a buffer before it is compared.
    received = case.version.encode("utf-8", "surrogatepass")[: limits.VERSION_MAX].decode("utf-8", "replace")
    if case.device.hardened:
        newer = newer_by_numbers(received, case.device.version)
        problem = None if newer else f"{received!a} is not newer than {case.device.version}"
    else:
        problem = explain_order(received, case.device.version)
    if problem:
        return _refuse("version", DeviceVerdict.OTA_TRANSPORT_VER_FAIL, problem)
    return _pass("version", f"{received} is newer than {case.device.version}")


def _size(case: _Case) -> Finding:
    actual = len(case.image)
    if case.push is None or case.push.size == actual:
        return _pass("size", f"{actual} bytes")
    return _refuse(
        "size",
        DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL,
        f"the push says {case.push.size} bytes, the file has {actual}: the trailer is read from the wrong place"
        + (", and past the end of its buffer" if case.push.size < actual else ""),
    )


def _header(case: _Case) -> Finding:
    least = limits.MIN_FILE if case.device.local_rsa else limits.MIN_FILE_CLOUD
    if len(case.image) < least:
        return _refuse(
            "header",
            DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL,
            f"{len(case.image)} bytes: the header reader refuses files under {least}",
        )
    return _pass("header", f"the last {case.trailer_size} bytes can be read")


def _sign_info(case: _Case) -> Finding:
    if not case.device.local_rsa:
        return _pass("sign_info", "cloud mode: none is looked for")
    magic = struct.unpack_from("<I", case.sign_info)[0]
    if magic != _RSA_MAGIC:
        return _refuse(
            "sign_info",
            DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL,
            f"encrypto_magic is 0x{magic:08x}, not 0x{_RSA_MAGIC:08x}: not a locally signed image, "
            "or bytes are missing or added at its end",
        )
    return _pass("sign_info", "encrypto_magic is that of RSA")


def _partition(case: _Case) -> Finding:
    size, room = len(case.image), case.device.partition_size
    if room is None:
        return _unjudged("partition", "not judged: the OTA partition's size is not known")
    if case.is_diff:
        room -= limits.DIFF_BLOCK_SIZE  # the applier rebuilds sections there
    if size > room:
        return _refuse(
            "partition",
            DeviceVerdict.OTA_UPGRADE_WRITE_FAIL,
            f"{size} bytes do not fit the {max(room, 0)} of the OTA partition"
            + (" that a diff may take" if case.is_diff else ""),
        )
    return _pass("partition", f"{room - size} of {room} bytes stay free")


def _hash(case: _Case) -> Finding:
    if not case.device.local_rsa:
        return _hash_of_file(case)
    stated = bytes(case.sign_info[104:136]).hex()
    return _compared("sha256", _digest(case, "sha256", len(case.image) - case.trailer_size), stated)


def _hash_of_file(case: _Case) -> Finding:
    if case.push is None:
        return _unjudged("hash", "not judged: no push message given")
    name = _hash_of(case.push) or ""
    actual = _digest(case, name, len(case.image))
    return _compared(name, actual, case.push.sign[: len(actual)].lower())


def _digest(case: _Case, name: str, size: int) -> str:
    """Hash the first `size` bytes of the image, unless they are known."""
    image, known = case.image.obj, case.hashed
    if known is not None and isinstance(image, bytes) and _starts_with(image, known.pieces) == size:
        return known.md5 if name == "md5" else known.sha256
    return hashlib.new(name, case.image[:size], usedforsecurity=False).hexdigest()


def _starts_with(image: bytes, pieces: Tuple[bytes, ...]) -> Optional[int]:
    """Return how long the pieces are, None when the image does not start with them."""
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


def _signature(case: _Case) -> Finding:
    if not case.device.local_rsa:
        return _signature_of_push(case)
    key = case.device.public_key
    digest = bytes(case.sign_info[104:136])
    return _verified(key, key is not None and key.verify_hash(digest, bytes(case.sign_info[136:392])))


def _signature_of_push(case: _Case) -> Finding:
    if case.push is None:
        return _unjudged("signature", "RSA check not judged: no push message given")
    signature = decode_digestsign(case.push.digestsign) if case.push.digestsign else None
    if case.device.hardened and not signature:
        return _refuse("signature", DeviceVerdict.OTA_VERIFY_RSA_FAIL, "the push has no digestsign")
    if not case.push.digestsign:
        return _pass("signature", "RSA check SKIPPED: the push has no digestsign, anyone's image is accepted")
    if not case.device.hardened and (not signature or not signature[0]):
        return _pass("signature", "RSA check SKIPPED: digestsign starts with 0x00, anyone's image is accepted")
    return _verified(case.device.public_key, _is_signed(case, signature or b""))


def _signature_of_file(case: _Case) -> Finding:
    if not case.device.local_rsa or case.push is None:
        return _signature_of_push(case)
    if not case.push.digestsign:
        return _refuse(
            "signature",
            DeviceVerdict.OTA_VERIFY_RSA_FAIL,
            "the push has no digestsign, which a local-mode device needs for a file without a trailer",
        )
    return _verified(case.device.public_key, _is_signed(case, decode_digestsign(case.push.digestsign) or b""))


def _is_signed(case: _Case, signature: bytes) -> bool:
    if case.push is None or case.device.public_key is None:
        return False
    # The hash rule has found this to be the file's own.
    digest = bytes.fromhex(case.push.sign[: 32 if _hash_of(case.push) == "md5" else 64])
    return case.device.public_key.verify_digest_of_file(digest, signature)


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


def _image_info(case: _Case) -> Finding:
    fail = DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
    if case.is_diff:
        return _pass("image_info", "not checked by the device: this is a diff")
    magic, size, md5 = struct.unpack_from("<II16s", case.image, len(case.image) - limits.IMAGE_INFO_SIZE)
    if magic not in _MAGICS:
        return _refuse("image_info", fail, f"image_magic 0x{magic:08x} is unknown: image magic error")
    if not 0 < size <= len(case.image):
        # Past the file's end the device would read erased flash; no MD5 in this very file can be that of it.
        return _refuse("image_info", fail, f"image_size is {size}; the file has {len(case.image)} bytes")
    actual = _digest(case, "md5", size)
    if actual != md5.hex():
        return _refuse("image_info", fail, f"MD5 of {size} bytes is {actual}, but image_md5 is {md5.hex()}")
    return _pass("image_info", f"magic 0x{magic:08x}, MD5 of {size} bytes matches")


_RULES: Tuple[Callable[[_Case], Finding], ...] = (
    _push, _version, _size, _header, _sign_info, _partition, _hash, _signature, _image_info,
)  # fmt: skip
_FILE_RULES: Tuple[Callable[[_Case], Finding], ...] = (_push, _version, _size, _hash_of_file, _signature_of_file)


def _hash_of(push: Push) -> Optional[str]:
    """Name the push's hash; the device compares the start of signMethod without regard to case."""
    method = push.sign_method.upper()
    return "md5" if method.startswith("MD5") else "sha256" if method.startswith("SHA256") else None


def decode_digestsign(text: str) -> Optional[bytes]:
    """Decode a push's digestsign as the device does; None where the device refuses the message.

    Line feeds are ignored, a carriage return only before one. Padding is required: without it a whole signature
    counts as 257 bytes and is refused. Characters after the last whole group of four are dropped.
    """
    symbols = text.replace("\r\n", "").replace("\n", "")
    if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", symbols):
        return None
    if (len(symbols) * 6 + 7 >> 3) - symbols.count("=") > _SIGN_BUFFER:
        return None
    return base64.b64decode(symbols[: len(symbols) // 4 * 4])
