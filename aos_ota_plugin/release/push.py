"""The push message for a file of a release, made from its manifest and the file's URL. No I/O.

>>> from aos_ota_plugin.release.make import make_release
>>> from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
>>> firmware = Firmware(b"firmware" * 8, "app-1.0.1")
>>> manifest = make_release(firmware, KeySet("none"), Base(), Options(partition_size=0x10000)).manifest
>>> message = push_message(manifest, choose_file(manifest), "https://example.com/ota_rtos_ota.bin")
>>> message.version, message.size
('app-1.0.1', 96)

The digest is SHA-256, so that ``digestsign`` is RSASSA-PKCS1-v1_5 with SHA-256 over the 32 bytes of the file's digest;
``ota_verify_rsa`` checks it. In local mode an image with a trailer has its own signature, which devices use instead of
the message's; every other file of a local-mode release needs ``digestsign``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Iterable, List, Optional, Tuple

from aos_ota_plugin.device.limits import short_file
from aos_ota_plugin.errors import SettingsError, SigningKeyError
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.push import PushMessage
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.module import needs_digestsign

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer


def choose_file(manifest: Manifest, *, module: Optional[str] = None, file: Optional[str] = None) -> Artifact:
    """Return the file to push: a module's, or the firmware's image ``file``, by default the full image.

    Raises:
        SettingsError: the release has no such module or image.
    """
    if module is not None and module != DEFAULT:
        artifact = next((entry.image for entry in manifest.modules if entry.name == module), None)
        if artifact is None:
            raise _unknown_name("module", module, (entry.name for entry in manifest.modules))
        if file in (None, artifact.file):
            return artifact
        raise _unknown_name("file of this module", str(file), (artifact.file,))
    images = [image for image in manifest.images if file in (None, image.file)]
    if not images:
        raise _unknown_name("image", str(file), (image.file for image in manifest.images))
    return images[0]


def push_message(manifest: Manifest, artifact: Artifact, url: str, *, signer: Optional[Signer] = None) -> PushMessage:
    """Return the message that offers `artifact`, a file of `manifest`, at `url`.

    Raises:
        SigningKeyError: the message needs a signature and there is no `signer`, or the devices of this release trust
            another key.
        FormatError: not a URL, or longer than devices keep.
    """
    module = next((entry for entry in manifest.modules if entry.image == artifact), None)
    if signer is not None and signer.public_key.fingerprint not in {manifest.key_fingerprint, manifest.signer}:
        raise SigningKeyError(
            f"this key is {signer.public_key.fingerprint[:16]}, and the devices of this release trust "
            f"{(manifest.key_fingerprint or 'no key')[:16]}",
            remedy="give the key that the release was made with",
        )
    if module is not None and needs_digestsign(module, manifest.security) and signer is None:
        raise SigningKeyError(
            f"devices of this release check a signature of module {module.name}, and its file carries none",
            remedy="give the release's private key with --key; it signs the file's digest into the message",
        )
    has_signature = manifest.security == "local" and (module is None or not needs_digestsign(module, manifest.security))
    digestsign = None
    if signer is not None and not has_signature:
        digestsign = b64encode(signer.sign_hash(bytes.fromhex(artifact.sha256))).decode("ascii")
    return PushMessage(
        size=artifact.size,
        version=module.version if module else manifest.version,
        url=url,
        sign_method="SHA256",
        sign=artifact.sha256,
        md5=artifact.md5,
        digestsign=digestsign,
        module=module.name if module else None,
    )


def warnings(manifest: Manifest, message: PushMessage) -> Tuple[str, ...]:
    """Return warnings about what devices make of the message, for its sender."""
    found: List[str] = []
    if manifest.security == "local":
        pass
    elif message.digestsign is None:
        found.append(
            "there is no digestsign in it, so devices check the digest alone: a forged message can make them "
            "install anything"
        )
    elif b64decode(message.digestsign)[0] == 0:
        found.append("this digestsign begins with a zero byte, and devices in cloud mode do not check it then")
    short = short_file(message.size)
    return (*found, short) if short else tuple(found)


def _unknown_name(what: str, wanted: str, names: Iterable[str]) -> SettingsError:
    listed = ", ".join(names)
    return SettingsError(
        f"this release has no {what} {wanted[:80]!a}",
        remedy=f"choose among: {listed}" if listed else "it has none at all",
    )
