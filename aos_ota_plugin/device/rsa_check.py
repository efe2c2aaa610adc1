"""The rule that checks the RSA signature of an update."""

from __future__ import annotations

from typing import Optional

from aos_ota_plugin.device.push import SIGN_BUFFER, decode_digestsign
from aos_ota_plugin.device.update import Update, accept, hash_name, leave, refuse
from aos_ota_plugin.device.verdicts import DeviceVerdict, Finding
from aos_ota_plugin.keys.rsa import PublicKey

CHECKED = "the RSA signature verifies"


def judge_signature(update: Update) -> Finding:
    """Judge the signature of an image: in local mode its own, in cloud mode the push's."""
    if not update.device.local_rsa:
        return _of_push(update)
    key = update.device.public_key
    digest = bytes(update.sign_info[104:136])
    return _verified(key, key is not None and key.verify_hash(digest, bytes(update.sign_info[136:392])))


def _of_push(update: Update) -> Finding:
    if update.push is None:
        return leave("signature", "not judged: no push message given, and in cloud mode that has the signature")
    signature = decode_digestsign(update.push.digestsign) if update.push.digestsign else None
    if update.device.hardened and not signature:
        return refuse("signature", DeviceVerdict.OTA_VERIFY_RSA_FAIL, "the push has no digestsign")
    if update.push.digestsign is None:
        return accept("signature", "NOT CHECKED: the push has no digestsign, anyone's image is accepted")
    if not update.device.hardened and (not signature or not signature[0]):
        what = "starts with 0x00" if signature else "decodes to nothing"
        return accept("signature", f"NOT CHECKED: digestsign {what}, anyone's image is accepted")
    return _verified(update.device.public_key, _is_signed(update, signature or b""))


def judge_signature_of_file(update: Update) -> Finding:
    """Judge the push's signature of a file for the file system, which local mode needs."""
    if not update.device.local_rsa or update.push is None:
        return _of_push(update)
    if not update.push.digestsign:
        return refuse(
            "signature",
            DeviceVerdict.OTA_VERIFY_RSA_FAIL,
            "the push has no digestsign, which a local-mode device needs for a file without a trailer",
        )
    return _verified(update.device.public_key, _is_signed(update, decode_digestsign(update.push.digestsign) or b""))


def _is_signed(update: Update, signature: bytes) -> bool:
    if update.push is None or update.device.public_key is None:
        return False
    # The hash rule has checked that this is the file's own.
    digest = bytes.fromhex(update.push.sign[: 32 if hash_name(update.push) == "md5" else 64])
    # It stands in a buffer of zeros.
    return update.device.public_key.verify_digest_of_file(digest, signature.ljust(SIGN_BUFFER, b"\0"))


def _verified(key: Optional[PublicKey], valid: bool) -> Finding:
    if valid and key is not None:
        return accept("signature", f"{CHECKED} with key {key.short_fingerprint}")
    return refuse("signature", DeviceVerdict.OTA_VERIFY_RSA_FAIL, _why_rsa_fails(key))


def _why_rsa_fails(key: Optional[PublicKey]) -> str:
    if key is None or key.is_empty:
        return "no public key is embedded in the firmware: every signature is refused"
    if not key.is_usable:
        return "the embedded key is not RSA-2048 with the exponent 65537: every signature is refused"
    return f"the signature was not made over this image by the firmware's key {key.short_fingerprint}"
