"""Check a kept release offline.

Every file is checked against the manifest, manifest and files against the signed statement, and images as devices do.

The chain, from what the caller trusts: public key → envelope → statement → manifest, images, list of components →
payload inside the images. The first link that does not hold ends it.
"""

from __future__ import annotations

import hashlib
import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.acceptance import Device, judge
from aos_ota_plugin.errors import FormatError, Place, ProofError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.pipeline.payloads import is_plain, payload_in, payload_of_release
from aos_ota_plugin.provenance.cyclonedx import parse_bill
from aos_ota_plugin.provenance.dsse import open_envelope
from aos_ota_plugin.provenance.statement import parse_statement
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, sbom_name, statement_name

_ELSEWHERE = {"cloud": "the platform signs when it pushes the update", "none": "nobody signs this release"}
_TOGETHER = "keep the release's files together in one folder, as the build wrote them; get them anew from there"


class CheckResult(NamedTuple):
    """A rule that holds, with details; or one that was not ``judged``, with the reason."""

    rule: str
    detail: str
    judged: bool = True


def manifest_file(path: str) -> str:
    """Return the path of the manifest of a release, given by its folder or by the manifest itself."""
    return os.path.join(path, MANIFEST_NAME) if os.path.isdir(path) else path


class Verification:
    """The checks of one release, in their order.

    ``key`` is the public key that the caller trusts; without it images' signatures are not checked. ``statement``
    False leaves the statement and the list of components out.
    """

    def __init__(self, path: str, key: Optional[PublicKey], *, statement: bool) -> None:
        self.file = manifest_file(path)
        self.folder = os.path.dirname(self.file)
        self.settings: Optional[Dict[str, str]] = None
        self._key = key
        self._statement = statement
        data = self._document(self.file, "the manifest", "give the folder of a release, or its ota_rtos_ota.json")
        self.manifest = parse_manifest(data, file=self.file)
        for artifact in self._artifacts():
            if not is_plain(artifact.file):
                raise FormatError(
                    f"the manifest names a file outside its folder: {artifact.file[:80]!r}",
                    place=Place(self.file),
                    remedy=_TOGETHER,
                )
        self._subjects: Optional[Dict[str, str]] = None
        self._manifest_sha256 = hashlib.sha256(data).hexdigest()

    def run(self) -> Iterator[CheckResult]:
        """Yield each check that passes.

        Raises:
            OtaError: one fails; the place is its file.
        """
        manifest = self.manifest
        yield CheckResult(
            "manifest", f"{manifest.version}, {len(manifest.images)} images, {len(manifest.modules)} modules"
        )
        for excuse in manifest.excused:
            yield CheckResult(excuse.rule, f"excused when it was released: {excuse.detail}", judged=False)
        for unjudged in manifest.not_judged:
            yield CheckResult(unjudged.rule, f"nor when it was released: {unjudged.detail}", judged=False)
        if self._statement:
            yield from self._check_statement()
        else:
            yield CheckResult("statement", "--without-statement leaves it out", judged=False)
        for artifact in self._artifacts():
            data = self._check_file(artifact)
            yield CheckResult(artifact.file, f"{artifact.size} bytes, SHA-256 {artifact.sha256}")
            yield self._check_signature(artifact, data)
        yield from self._check_payload()
        if self._statement:
            yield self._check_bill()

    # --- the statement

    def _check_statement(self) -> Iterator[CheckResult]:
        if self._key is None:
            raise ProofError(
                "a statement proves nothing without a key to hold it against",
                place=Place(self.file),
                remedy="give the public key that you trust with --public-key",
            )
        path = self._beside(statement_name(self._image()))
        data = self._document(
            path,
            "the statement of provenance",
            "build the release with OTA_PROVENANCE=y, and keep "
            "that file with the others; a release without one: --without-statement",
        )
        payload = open_envelope(data, self._key, file=path)
        statement = parse_statement(payload, file=path)
        yield CheckResult("statement", f"signed by {self._key.fingerprint}")
        self._subjects, self.settings = dict(statement.subjects), dict(statement.settings)
        name = os.path.basename(self.file)
        if statement.subjects.get(name) != self._manifest_sha256:
            raise ProofError(
                f"the statement {_speaks(name, statement.subjects)} manifest: this one has the SHA-256 "
                f"{self._manifest_sha256[:16]}…",
                place=Place(self.file),
                remedy=_TOGETHER,
            )
        self._check_claims(path, statement.key_fingerprint)
        yield CheckResult("statement: manifest", f"SHA-256 {self._manifest_sha256}")
        listed = {artifact.file for artifact in self._artifacts()} | {name, sbom_name(self._image())}
        unmatched = sorted(listed ^ set(statement.subjects))
        if unmatched:
            raise ProofError(
                f"statement and manifest do not speak of the same files: {', '.join(unmatched)}",
                place=Place(path),
                remedy=_TOGETHER,
            )

    def _check_claims(self, path: str, fingerprint: str) -> None:
        """Raise ProofError unless version and key in the statement are those in the manifest."""
        manifest = self.manifest
        for what, stated, listed in (
            ("version", (self.settings or {}).get("OTA_APP_VERSION"), manifest.version),
            ("key", fingerprint, manifest.signer),
        ):
            if stated != listed:
                raise ProofError(
                    f"the statement is about {what} {stated}, and the manifest beside it about {listed}",
                    place=Place(path),
                    remedy=_TOGETHER,
                )

    def _check_bill(self) -> CheckResult:
        name = sbom_name(self._image())
        path = self._beside(name)
        data = self._document(path, "the list of components", _TOGETHER)
        self._check_subject(name, path, hashlib.sha256(data).hexdigest())
        product = parse_bill(data, file=path)
        manifest = self.manifest
        if (product.version, product.payload_sha256) != (manifest.version, manifest.payload.sha256):
            raise ProofError(
                f"this list is of the components of {product.name} {product.version}, another firmware "
                f"than that of {manifest.version}",
                place=Place(path),
                remedy=_TOGETHER,
            )
        return CheckResult(name, f"the components of {product.name} {product.version}")

    def _check_subject(self, name: str, path: str, sha256: str) -> None:
        if self._subjects is not None and self._subjects.get(name) != sha256:
            raise ProofError(
                f"the statement {_speaks(name, self._subjects)} file: this one has the SHA-256 {sha256[:16]}…",
                place=Place(path),
                remedy=_TOGETHER,
            )

    # --- the files

    def _artifacts(self) -> List[Artifact]:
        return [*self.manifest.images, *(module.image for module in self.manifest.modules)]

    def _check_file(self, artifact: Artifact) -> bytes:
        path = self._beside(artifact.file)
        data = read_file(path, f"the {artifact.kind} file of the release", _TOGETHER, limit=IMAGE_MAX)
        actual = (len(data), hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest())
        if actual != (artifact.size, artifact.md5, artifact.sha256):
            raise ProofError(
                f"these are not the bytes that the manifest lists: {actual[0]} bytes with the SHA-256 "
                f"{actual[2][:16]}…, not {artifact.size} with {artifact.sha256[:16]}…",
                place=Place(path),
                remedy=_TOGETHER,
            )
        self._check_subject(artifact.file, path, actual[2])
        return data

    def _check_signature(self, artifact: Artifact, data: bytes) -> CheckResult:
        rule, key = f"{artifact.file}: as a device", self._key
        unjudged = self._no_signature(artifact)
        if unjudged or key is None:
            return CheckResult(rule, unjudged, judged=False)
        judgement = judge(Device(public_key=key, local_rsa=True), data)
        if not judgement.accepted:
            last = judgement.findings[-1]
            raise ProofError(
                f"devices with the key {key.short_fingerprint} refuse this image: "
                f"{judgement.verdict.name} ({last.rule}: {last.detail})",
                place=Place(self._beside(artifact.file)),
                remedy="give the public key of the release's "
                "signing key; `aos-ota verify` shows each of the device's rules",
            )
        return CheckResult(rule, f"accepted with key {key.fingerprint}")

    def _no_signature(self, artifact: Artifact) -> str:
        """Return why the signature of an artifact cannot be judged, "" where it can."""
        if artifact.kind not in ("full", "xz", "diff"):
            return "the push message signs a module's file"
        if self.manifest.security != "local":
            return _ELSEWHERE[self.manifest.security]
        return "" if self._key else "no public key is given"

    def _check_payload(self) -> Iterator[CheckResult]:
        """Check that the images hold the payload that the manifest describes."""
        if any(image.kind in ("full", "xz") for image in self.manifest.images):
            for image in self.manifest.images:
                if image.kind in ("full", "xz"):
                    self._check_decodes(image)
            payload = payload_of_release(self.manifest, self.file)
            yield CheckResult("payload", f"{len(payload)} bytes, SHA-256 {self.manifest.payload.sha256}")
            for other in self.manifest.other_payloads:
                yield CheckResult(f"payload {other.file}", f"{other.size} bytes, SHA-256 {other.sha256}")
        else:
            yield CheckResult("payload", "no full or compressed image is kept", judged=False)

    def _check_decodes(self, image: Artifact) -> None:
        """Raise ProofError unless an image holds the payload that the manifest names for it."""
        path = self._beside(image.file)
        with placed(path):
            payload = payload_in(read_file(path, "the image", _TOGETHER, limit=IMAGE_MAX))
        named = self.manifest.payload_of(image)
        if hashlib.sha256(payload).hexdigest() != named.sha256:
            raise ProofError(
                f"this image does not decode to the payload {named.file} that the manifest names for it",
                place=Place(path),
                remedy=_TOGETHER,
            )

    def _image(self) -> str:
        """Return the name of the full image, from which the documents are named."""
        return next(
            (image.file for image in self.manifest.images if image.kind == "full"),
            os.path.splitext(os.path.basename(self.file))[0] + ".bin",
        )

    def _beside(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _document(self, path: str, what: str, remedy: str) -> bytes:
        return read_file(path, what, remedy, limit=DOCUMENT_MAX)


def bill_beside(manifest: Manifest, file: str) -> Tuple[str, bytes]:
    """Return path and bytes of the list of components beside a manifest. Raises SettingsError."""
    image_name = next((image.file for image in manifest.images if image.kind == "full"), "")
    path = os.path.join(os.path.dirname(file), sbom_name(image_name))
    return path, read_file(path, "the list of components", _TOGETHER, limit=DOCUMENT_MAX)


def check_base(manifest: Manifest, file: str, base_file: str) -> CheckResult:
    """Check that a release updates the one in ``base_file``.

    Raises:
        ProofError: it updates another, or none.
        OtaError: ``base_file`` is no manifest.
    """
    path = manifest_file(base_file)
    data = read_file(path, "the base release", "give the folder or manifest of the release before", limit=DOCUMENT_MAX)
    base = parse_manifest(data, file=path)
    stated = (manifest.base.version, manifest.base.payload_sha256) if manifest.base else None
    if stated != (base.version, base.payload.sha256):
        says = f"{stated[0]} ({stated[1][:16]}…)" if stated else "no release"
        raise ProofError(
            f"this release updates {says}, not {base.version} ({base.payload.sha256[:16]}…)",
            place=Place(file),
            remedy="give the release that its OTA_BASE_RELEASE was",
        )
    return CheckResult("base release", f"{base.version}, payload SHA-256 {base.payload.sha256}")


def _speaks(name: str, subjects: Mapping[str, str]) -> str:
    return "was made of another" if name in subjects else "does not speak of this"
