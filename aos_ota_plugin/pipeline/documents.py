"""Make the documents beside a manifest: list of components, signed statement of provenance."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Collection, Dict, List, Tuple

from aos_ota_plugin.errors import OutputError, SigningKeyError
from aos_ota_plugin.settings.resolve import OtaSettings

# Each function imports what it needs: most builds have nothing to do.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.pipeline.site import Site
    from aos_ota_plugin.provenance.statement import Build
    from aos_ota_plugin.release.manifest import Manifest


def make(site: Site, settings: OtaSettings, manifest: Manifest, signer: Signer) -> Dict[str, bytes]:
    """Return the documents of a release by file name.

    Raises:
        SigningKeyError: the key cannot sign.
        OutputError: a folder has the name of a document.
    """
    from aos_ota_plugin.provenance import cyclonedx, dsse
    from aos_ota_plugin.provenance.component import Product
    from aos_ota_plugin.provenance.statement import statement

    names = site.names.documents
    for name in names:
        path = os.path.join(os.path.dirname(site.image), name)
        if os.path.isdir(path):
            raise OutputError(f"cannot write {path}: a folder stands there", remedy="move it away")
    components = site.environment.components if site.environment else ()
    product = Product(manifest.solution or "firmware", manifest.version, manifest.board, manifest.payload.sha256)
    sbom = cyclonedx.bill_of_materials(product, components)
    files = [*manifest.images, *(module.image for module in manifest.modules)]
    subjects = {artifact.file: artifact.sha256 for artifact in files}
    subjects[os.path.basename(site.manifest)] = hashlib.sha256(manifest.to_json()).hexdigest()
    subjects[names[0]] = hashlib.sha256(sbom).hexdigest()
    text = statement(subjects, _build(site, settings, manifest))
    try:
        envelope = dsse.seal(text, signer.sign_message, signer.public_key)
    except SigningKeyError as error:
        raise SigningKeyError(
            f"the statement of provenance was not signed: {error.problem}",
            place=error.place,
            remedy=f"{error.remedy}; or set OTA_PROVENANCE to n",
        ) from None
    return {names[0]: sbom, names[1]: envelope}


def lines(site: Site, changed: Collection[str]) -> List[str]:
    """Return the lines to show about documents that changed."""
    bill, name = site.names.documents
    if name not in changed:
        return []
    parts = len(site.environment.components) if site.environment else 0
    return [f"    {name}: signed statement of provenance; {parts} components in {bill}"]


def _build(site: Site, settings: OtaSettings, manifest: Manifest) -> Build:
    from aos_ota_plugin.pipeline import build_environment
    from aos_ota_plugin.provenance.statement import Build
    from aos_ota_plugin.settings.fields import PATHS

    environment = site.environment or build_environment.BuildEnvironment("", ())
    base: Tuple[str, str] = (manifest.base.version, manifest.base.payload_sha256) if manifest.base else ("", "")
    return Build(
        solution=manifest.solution,
        board=manifest.board,
        settings={name: value for name, value in settings.values().items() if name not in PATHS},
        key_fingerprint=manifest.signer or "",
        components=environment.components,
        revisions=build_environment.revisions(environment.root, environment.components),
        compiler=build_environment.compiler_tool(environment.compiler),
        tools=build_environment.package_tools(environment.packages),
        base=base if manifest.base else None,
    )
