"""The rules on keys that go beyond the device's: development keys, key ring, second signer. No I/O.

Each rule raises an error or adds its outcome to the proofs; `release.make` lists their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from aos_ota_plugin.errors import ProofError, SigningKeyError

# Each function imports the rooms it needs: a build with nothing to do checks nothing.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner
    from aos_ota_plugin.release.manifest import Approval
    from aos_ota_plugin.release.proofs import Proofs
    from aos_ota_plugin.release.request import Firmware, KeySet


def refuse_development_key(key: PublicKey) -> None:
    """Raise SigningKeyError for a development key or a published sample."""
    reason = development_reason(key)
    if reason:
        raise SigningKeyError(
            f"{reason}, and no release is made with one",
            remedy="use a key made with `aos-ota "
            "keygen`; for a device on a desk OTA_ALLOW_DEVELOPMENT_KEY=y (--allow development-key) "
            "lets it pass",
        )


def development_reason(key: PublicKey) -> str:
    """Return why a key is for development only, "" where a product may use it."""
    from aos_ota_plugin.keys.development import is_development, published_sample

    if is_development(key):
        return f"the key {key.short_fingerprint} is a development key"
    publication = published_sample(key)
    return f"the key {key.short_fingerprint} is {publication}: others may hold its private half" if publication else ""


def prove_policy(keys: KeySet, proofs: Proofs, *, allow_development_key: bool) -> None:
    """Prove that a release may be made with its keys, trusted and next.

    Raises:
        SigningKeyError: a development key, or a key that the ring does not let sign.
        ProofError: the next key is not the ring's.
    """
    if keys.trusted is None:
        proofs.not_judged["development keys"] = "nobody signs"
        return
    reasons = []
    for key in (keys.trusted, keys.next_key):
        if key is not None:
            if not allow_development_key:
                refuse_development_key(key)
            reasons.append(development_reason(key))
    excused = "; ".join(reason for reason in reasons if reason)
    if excused:
        proofs.excused["development keys"] = f"{excused}, allowed by OTA_ALLOW_DEVELOPMENT_KEY"
    else:
        proofs.passed["development keys"] = "no key of this release is one"
    if keys.ring is not None:
        prove_ring(keys.ring, keys.trusted, keys.next_key, proofs)


def prove_ring(ring: KeyRing, trusted: PublicKey, next_key: Optional[PublicKey], proofs: Proofs) -> None:
    """Prove that `trusted` is the ring's current key and `next_key`, if any, its next key.

    Raises as ``prove_policy``.
    """
    shown, role = trusted.short_fingerprint, ring.role(trusted.fingerprint)
    retired = ring.retired_key(trusted.fingerprint)
    if retired is not None:
        raise SigningKeyError(
            f"the key {retired.label} is retired: nothing is signed with it, and no firmware trusts it",
            place=retired.place,
            remedy=f"use the current key {ring.current.label}",
        )
    if role == "next" and ring.next is not None:
        raise SigningKeyError(
            f"the key {shown} is the next key: devices trust {ring.current.label} until they run a release that brings "
            "it",
            place=ring.next.place,
            remedy="sign the transition release with the current key and OTA_EMBED_NEXT_KEY=y; once the fleet runs "
            "it, make this key current and the other one retired",
        )
    if role != "current":
        raise SigningKeyError(
            f"the key {shown} is not in the key ring; the current one is {ring.current.label}",
            place=ring.current.place,
            remedy="use the current key, or correct the ring",
        )
    proofs.passed["key ring"] = f"{shown} is the current key"
    if next_key is not None:
        if ring.next is None or next_key.fingerprint != ring.next.fingerprint:
            raise ProofError(
                f"the firmware is to bring the key {next_key.short_fingerprint}, and the key ring's next "
                f"key is {ring.next.label if ring.next else 'none'}",
                place=ring.current.place,
                remedy="declare it as `next:` in the key ring",
            )
        proofs.passed["key ring: next"] = f"{next_key.short_fingerprint} is the next key"


def prove_approval(
    firmware: Firmware, keys: KeySet, proofs: Proofs, *, allow_development_key: bool
) -> Optional[Approval]:
    """Return the second signer's approval of the image's hash; None where no second signer is set.

    Raises:
        ProofError: there is no approval.
        SigningKeyError: the second signer's key is one that devices trust, or another than the settings name; or the
            signature does not verify.
    """
    if keys.second is None and keys.second_key is None:
        return None
    hash32 = firmware.image_hash()
    second = _second_signer(keys, hash32, firmware.payload_name)
    if second.public_key in (keys.trusted, keys.next_key):
        shown = second.public_key.short_fingerprint
        raise SigningKeyError(
            f"the second signer's key {shown} is one that devices trust, so both signers could be one person",
            remedy="give the second signer a key of their own",
        )
    if not allow_development_key:
        refuse_development_key(second.public_key)
    from aos_ota_plugin.keys.signer import require_valid
    from aos_ota_plugin.release.manifest import Approval

    signature = require_valid(second.sign_hash(hash32), second.public_key, hash32, maker="the second signer")
    proofs.passed["second signer"] = f"{second.public_key.short_fingerprint} agreed to the hash {hash32.hex()[:16]}"
    return Approval(second.public_key.fingerprint, hash32.hex(), signature.hex())


def _second_signer(keys: KeySet, hash32: bytes, payload_name: str) -> HashSigner:
    if keys.second is None:
        raise ProofError(
            f"the second signer has not agreed to this image: its hash is {hash32.hex()}",
            remedy=f"let them run `aos-ota approve {payload_name} --key THEIR_KEY -o approval.json` on what they "
            "built or checked themselves, and set OTA_SECOND_APPROVAL (sign-approved: --second-approval) to that file",
        )
    if keys.second_key is not None and keys.second.public_key != keys.second_key:
        raise SigningKeyError(
            f"the second signer is {keys.second.public_key.short_fingerprint}, and OTA_SECOND_PUBLIC_KEY names "
            f"{keys.second_key.short_fingerprint}",
            remedy="let the named second signer sign, or correct OTA_SECOND_PUBLIC_KEY",
        )
    return keys.second
