"""Judge a file as a device does: by its key, the push message, the agent and the boot stage.

Version, partition size and mode that nobody gives are taken from the manifest beside the file, where that describes its
very bytes.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.answer import is_firmware, judge_image
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.device.module_file import judge_module
from aos_ota_plugin.device.push import ReceivedPush, read_push
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict, Finding, Judgement, Push
from aos_ota_plugin.errors import FormatError, OtaError, Place, SigningKeyError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, IMAGE_MAX, KEY_MAX, decode_text, read_bytes, read_file
from aos_ota_plugin.images.full import parse
from aos_ota_plugin.images.pack import is_pack
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME
from aos_ota_plugin.verify.manifests_beside import manifests_beside

_STAGES = {True: "agent", False: "boot stage"}
_REMEDY = "give the path of an ota_rtos_ota.bin, or of a release: its folder or its ota_rtos_ota.json"


class Question(NamedTuple):
    """What is known of a device and of the push to it; None for what is not given.

    ``text`` is the push message; ``module`` tells whether the file goes to the file system.
    """

    key: Optional[PublicKey]
    version: Optional[str] = None
    current_version: Optional[str] = None
    partition_size: Optional[int] = None
    cloud: bool = False
    digestsign: Optional[str] = None
    sign_method: str = "Md5"
    text: Optional[bytes] = None
    base: Optional[bytes] = None
    module: bool = False


class Answer(NamedTuple):
    """A device's judgement of a file, its key, and the fingerprint of the signer's key.

    ``trailer`` tells whether the file has a signature of its own; ``taken`` are lines on what a manifest said;
    ``not_judged`` is why nothing says whether a device accepts it, "" where something does.
    """

    file: str
    judgement: Judgement
    key: Optional[PublicKey]
    signer: Optional[str] = None
    trailer: bool = False
    taken: Tuple[str, ...] = ()
    not_judged: str = ""

    @property
    def is_unchecked(self) -> bool:
        """Return whether the device installs the file without a check of its signature."""
        return self.judgement.accepted and not self.judgement.signature_checked and not self.not_judged

    def to_document(self) -> Dict[str, object]:
        """Return the answer for JSON output."""
        judgement = self.judgement
        fault = judgement.verdict is DeviceVerdict.DEVICE_FAULT
        return {
            "file": self.file,
            "accepted": None if self.not_judged else judgement.accepted,
            "not_judged": self.not_judged or None,
            "signature_checked": judgement.signature_checked,
            "verdict": judgement.verdict.name,
            "code": None if fault else int(judgement.verdict),
            "refused_by": None if judgement.accepted else _STAGES[judgement.by_agent],
            "device_key": self.key.fingerprint if self.key else None,
            "signed_by": self.signer,
            "taken": list(self.taken),
            "findings": [
                {"rule": finding.rule, "ok": finding.ok, "judged": finding.judged, "detail": finding.detail}
                for finding in judgement.findings
            ],
        }


def answer_all(path: str, question: Question, keys: Optional[str] = None) -> List[Answer]:
    """Return a device's answer to a file, or to each file of a release, by its folder or manifest.

    ``keys`` is a folder of public keys, to name the one that signed.

    Raises:
        SettingsError, FormatError: a file or the manifest cannot be read.
        SigningKeyError: ``keys`` is no folder.
    """
    manifest_file = os.path.join(path, MANIFEST_NAME) if os.path.isdir(path) else path
    if not manifest_file.lower().endswith(".json"):
        return [_answer(path, _read(path), question, keys)]
    document = read_file(manifest_file, "the manifest", _REMEDY, limit=DOCUMENT_MAX)
    manifest = parse_manifest(document, file=manifest_file)
    folder = os.path.dirname(manifest_file)
    artifacts = [*manifest.images, *(module.image for module in manifest.modules)]
    if not artifacts:
        raise FormatError("this release has no image", place=Place(manifest_file), remedy=_REMEDY)
    paths = [os.path.join(folder, artifact.file) for artifact in artifacts]
    return [_answer(image, _read(image), question, keys, release=(manifest_file, manifest)) for image in paths]


def read_message(path: str) -> bytes:
    """Return the text of a push message's file, in UTF-8 where an editor saved it otherwise.

    Raises SettingsError.
    """
    data = read_file(path, "the push message", "save the message that the platform sent", limit=DOCUMENT_MAX)
    try:
        return decode_text(data).encode("utf-8") if data[:1] != b"{" or data[1:2] == b"\0" else data
    except UnicodeError:
        return data


def _read(path: str) -> bytes:
    return read_file(path, "the image", _REMEDY, limit=IMAGE_MAX)


def _answer(
    path: str, data: bytes, question: Question, keys: Optional[str], *, release: Optional[Tuple[str, Manifest]] = None
) -> Answer:
    question, module, taken = _completed(path, data, question, release)
    received = read_push(question.text, hardened=False) if question.text is not None else None
    if isinstance(received, ReceivedPush):
        is_file = question.module or not is_firmware(received.module, hardened=False)
        question = question._replace(version=received.version)
    else:
        is_file = question.module or module or is_pack(data)
    cloud = question.cloud or (question.digestsign is not None and not is_file)
    device = Device(question.key, not cloud, question.current_version, question.partition_size)
    trailer, not_judged = not cloud and not is_file, ""
    if isinstance(received, Finding):
        judgement = Judgement(received.verdict, (received,), signature_checked=False)
    else:
        push = received.push if received else _push_for(data, question)
        judgement = _judged(data, device, question, push, is_file=is_file)
        if judgement.accepted and is_file and push is None and device.local_rsa:
            not_judged = "in local mode the push message signs a module's file"
            if release is None:
                raise FormatError(
                    f"{not_judged}; without it nothing says whether a device accepts this one",
                    place=Place(path),
                    remedy="give the message with --push, or with --digestsign what the platform returned",
                )
    signer = find_signer(data, question.key, keys) if trailer else None
    return Answer(path, judgement, question.key, signer, trailer, taken, not_judged)


def _judged(data: bytes, device: Device, question: Question, push: Optional[Push], *, is_file: bool) -> Judgement:
    if not is_file:
        return judge_image(device, data, version=question.version, push=push, base=question.base)
    return judge_module(device, data, version=question.version, push=push, unpacked=is_pack(data))


def _push_for(data: bytes, question: Question) -> Optional[Push]:
    """Return a message's fields for a file with a digestsign; None without one."""
    if question.digestsign is None:
        return None
    method = question.sign_method
    digest = hashlib.md5(data, usedforsecurity=False) if method.lower() == "md5" else hashlib.sha256(data)
    return Push(size=len(data), sign_method=method, sign=digest.hexdigest(), digestsign=question.digestsign)


def _completed(
    path: str, data: bytes, question: Question, release: Optional[Tuple[str, Manifest]]
) -> Tuple[Question, bool, Tuple[str, ...]]:
    """Return the question with the manifest's values, whether the file is a module's, and lines on them."""
    found = _described(path, data, release)
    if found is None:
        return question, False, ()
    file, manifest, artifact = found
    module = next((module for module in manifest.modules if module.image == artifact), None)
    version = module.version if module else manifest.version
    base = manifest.base.version if manifest.base and module is None else None
    filled = question._replace(
        version=question.version or (version if question.text is None else None),
        current_version=question.current_version or base,
        partition_size=manifest.partition_size if question.partition_size is None else question.partition_size,
        cloud=question.cloud or manifest.security != "local",
    )
    names = {
        "version": "version",
        "current_version": "base version",
        "partition_size": "bytes of the OTA partition",
        "cloud": "security mode",
    }
    taken = [
        f"{name} {manifest.security if field == 'cloud' else getattr(filled, field)}"
        for field, name in names.items()
        if getattr(filled, field) != getattr(question, field)
    ]
    is_file = module is not None and module.image_magic is None
    return filled, is_file, (f"from {file}: {', '.join(taken)}",) if taken else ()


def _described(
    path: str, data: bytes, release: Optional[Tuple[str, Manifest]]
) -> Optional[Tuple[str, Manifest, Artifact]]:
    """Return the release's manifest, else one beside the file, that describes it, with name and entry."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        for file, manifest in [release] if release else manifests_beside(path):
            for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
                if artifact.sha256 == digest:
                    return file, manifest, artifact
    except OtaError:  # what is no manifest says nothing of this file
        return None
    return None


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
        return parse_public_key(data, file=public_key, of_device=True)
    with placed(str(elf)):
        return read_public_key(
            read_file(str(elf), "the ELF", "give the .elf of the firmware that the device runs", limit=ELF_MAX)
        )


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
