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
from typing import Callable, List, Optional, Tuple

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.lengths import judge_file_length, judge_length
from aos_ota_plugin.device.push import decode_digestsign
from aos_ota_plugin.device.rsa_check import CHECKED, judge_signature, judge_signature_of_file
from aos_ota_plugin.device.update import Update, accept, hash_name, leave, refuse
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict, Finding, Hashed, Judgement, Push
from aos_ota_plugin.device.version import explain_order, newer_by_numbers

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


_Rule = Callable[[Update], Optional[Finding]]
_MAGICS = (0xEFEFEFEF, 0xABABABAB, 0xCDCDCDCD, 0xEFCDEFCD, 0xABCDABCD)
_RSA_MAGIC = 0xAABBCCDD


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
    return _judged(_RULES, Update(device, memoryview(image).cast("B"), version, push, hashed))


def judge_file(device: Device, data: bytes, *, version: Optional[str] = None, push: Optional[Push] = None) -> Judgement:
    """Judge a file for the device's file system, which has no trailer, by its rules.

    They are those of `device.module_file` without the last three. Never raises.
    """
    return _judged(_FILE_RULES, Update(device, memoryview(data).cast("B"), version, push))


def _judged(rules: Tuple[_Rule, ...], update: Update) -> Judgement:
    findings: List[Finding] = []
    for rule in rules:
        finding = rule(update)
        if finding is not None:
            findings.append(finding)
            if not finding.ok:
                break
    last = findings[-1]
    checked = any(
        finding.rule == "signature" and (not finding.ok or finding.detail.startswith(CHECKED)) for finding in findings
    )
    return Judgement(last.verdict, tuple(findings), checked)


def _push(update: Update) -> Finding:
    push, fail = update.push, DeviceVerdict.OTA_TRANSPORT_PAR_FAIL
    if push is None:
        return leave("push", "not judged: no push message given")
    if hash_name(push) is None:
        return refuse("push", fail, "signMethod is neither MD5 nor SHA256")
    if not push.sign:
        return refuse("push", fail, "sign is empty")
    if push.digestsign is not None and decode_digestsign(push.digestsign) is None:
        return refuse("push", fail, "digestsign is not the padded base64 of at most 256 bytes")
    return accept("push", f"{push.sign_method}, {'with' if push.digestsign else 'without'} digestsign")


def _version(update: Update) -> Finding:
    if update.version is None or update.device.version is None:
        return leave("version", "not judged: the new or the device's version is not known")
    # The push's version is copied into a buffer before it is compared.
    received = update.version.encode("utf-8", "surrogatepass")[: limits.VERSION_MAX].decode("utf-8", "replace")
    if update.device.hardened:
        newer = newer_by_numbers(received, update.device.version)
        problem = None if newer else f"{received!a} is not newer than {update.device.version}"
    else:
        problem = explain_order(received, update.device.version)
    if problem:
        return refuse("version", DeviceVerdict.OTA_TRANSPORT_VER_FAIL, problem)
    return accept("version", f"{received} is newer than {update.device.version}")


def _size(update: Update) -> Finding:
    pushed = update.pushed_size
    return judge_length(pushed, len(update.image), trailer=update.trailer_size, hardened=update.device.hardened)


def _size_of_file(update: Update) -> Finding:
    is_md5 = update.push is not None and hash_name(update.push) == "md5"
    return judge_file_length(update.pushed_size, len(update.image), is_md5=is_md5, hardened=update.device.hardened)


def _url(update: Update) -> Optional[Finding]:
    if update.push is None or update.push.has_url:
        return None
    return refuse("url", DeviceVerdict.OTA_DOWNLOAD_INIT_FAIL, "the push has an empty url")


def _header(update: Update) -> Finding:
    size, least = len(update.image), 2 * update.trailer_size
    if update.device.hardened or update.trailer_size <= size or not size:
        if size >= least or update.pushed_size != size:
            return accept("header", f"the last {update.trailer_size} bytes can be read")
        detail = f"{size} bytes: the header reader refuses files under {least}"
        return refuse("header", DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, detail)
    detail = f"{size} bytes are less than a trailer: the server sends all of them to a request of `bytes=-N-`"
    if update.device.local_rsa:
        return refuse("header", DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, detail)
    return accept("header", detail)


def _sign_info(update: Update) -> Finding:
    if not update.device.local_rsa:
        return accept("sign_info", "cloud mode: none is looked for")
    magic = struct.unpack_from("<I", update.sign_info)[0]
    if magic != _RSA_MAGIC:
        return refuse(
            "sign_info",
            DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL,
            f"encrypto_magic is 0x{magic:08x}, not 0x{_RSA_MAGIC:08x}: not a locally signed image, "
            "or bytes are missing or added at its end",
        )
    return accept("sign_info", "encrypto_magic is that of RSA")


def _partition(update: Update) -> Finding:
    size, room = update.pushed_size, update.device.partition_size
    if room is None:
        return leave("partition", "not judged: the OTA partition's size is not known")
    what = "of the OTA partition"
    if update.is_diff and update.device.hardened:
        room, what = max(room - limits.DIFF_BLOCK_SIZE, 0), f"{what} that a diff may take"
    if size > room:
        detail = f"{size} bytes do not fit the {room} {what}: refused before anything is written"
        return refuse("partition", DeviceVerdict.OTA_INIT_FAIL, detail)
    return accept("partition", f"{room - size} of {room} bytes stay free")


def _progress(update: Update) -> Optional[Finding]:
    if update.device.hardened or len(update.image) >= limits.PROGRESS_UNIT:
        return None
    return leave("progress", f"WARNING: {limits.short_file(len(update.image))}")


def _hash(update: Update) -> Finding:
    if not update.device.local_rsa:
        return _hash_of_file(update)
    stated = bytes(update.sign_info[104:136]).hex()
    return _compared("sha256", _digest(update, "sha256", update.pushed_size - update.trailer_size), stated)


def _hash_of_file(update: Update) -> Finding:
    if update.push is None:
        return leave("hash", "not judged: no push message given")
    name = hash_name(update.push) or ""
    actual = _digest(update, name, len(update.image))
    return _compared(name, actual, update.push.sign[: len(actual)].lower())


def _digest(update: Update, name: str, size: int) -> str:
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
        return accept("hash", f"{name} {actual}")
    md5 = name == "md5"
    verdict = DeviceVerdict.OTA_VERIFY_MD5_FAIL if md5 else DeviceVerdict.OTA_VERIFY_SHA2_FAIL
    return refuse("hash", verdict, f"{name} of the image is {actual}, but {stated!a} is stated")


def _image_info(update: Update) -> Finding:
    fail = DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
    if update.is_diff:
        return accept("image_info", "not checked by the device: this is a diff")
    flash = update.flash
    if update.pushed_size < limits.IMAGE_INFO_SIZE:
        return refuse("image_info", fail, f"{update.pushed_size} bytes have no room for it")
    magic, size, md5 = struct.unpack_from("<II16s", flash, len(flash) - limits.IMAGE_INFO_SIZE)
    if magic not in _MAGICS:
        return refuse("image_info", fail, f"image_magic 0x{magic:08x} is unknown: image magic error")
    if not 0 < size <= len(update.image):
        # Past the file's end the device would read erased flash; no MD5 in this very file can be that of it.
        return refuse("image_info", fail, f"image_size is {size}; the file has {len(update.image)} bytes")
    actual = _digest(update, "md5", size)
    if actual != md5.hex():
        return refuse("image_info", fail, f"MD5 of {size} bytes is {actual}, but image_md5 is {md5.hex()}")
    return accept("image_info", f"magic 0x{magic:08x}, MD5 of {size} bytes matches")


_RULES: Tuple[_Rule, ...] = (
    _push, _version, _url, _size, _header, _sign_info, _partition, _progress, _hash, judge_signature, _image_info,
)  # fmt: skip
_FILE_RULES: Tuple[_Rule, ...] = (
    _push, _version, _url, _size_of_file, _progress, _hash_of_file, judge_signature_of_file,
)  # fmt: skip
