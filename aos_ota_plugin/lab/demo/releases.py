"""Build two signed releases of the demo workspace with the real ``aos make``."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.lab.demo.workspace_copy import Say, make_key, prepare, require_aos, run_make, silent
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME

VERSIONS = ("app-1.0.0", "app-1.0.1")
SOLUTION = Path("solutions") / "ota_demo"
KEY = Path("keys") / "ota_dev_key.pem"
_OUTPUTS = Path("hardware") / "chip" / "haas1000" / "release" / "write_flash_gui" / "ota_bin"


def build_releases(root: Path, *, quiet: bool, say: Say = silent) -> List[Manifest]:
    """Build both versions in a copy of the workspace in `root`, and copy each to releases/.

    Raises OtaError: a tool is missing, a build fails, or `root` holds other files.
    """
    aos = require_aos()
    prepare(root)
    solution = root / SOLUTION
    make_key(solution / KEY, say)
    manifests = []
    base: List[str] = []
    for version in VERSIONS:
        run_make(aos, solution, [f"OTA_APP_VERSION={version}", *base], quiet=quiet, say=say)
        manifests.append(_keep_release(root, solution / "releases" / version))
        base = [f"OTA_BASE_RELEASE=releases/{version}/{MANIFEST_NAME}"]
    return manifests


def _keep_release(root: Path, folder: Path) -> Manifest:
    """Copy image and manifest to `folder`, for the next release's OTA_BASE_RELEASE."""
    write_set(folder, {name: (root / _OUTPUTS / name).read_bytes() for name in (IMAGE_NAME, MANIFEST_NAME)})
    return parse_manifest((folder / MANIFEST_NAME).read_bytes(), file=str(folder / MANIFEST_NAME))


def summary(manifest: Manifest) -> Dict[str, object]:
    """Return a release's image, its key's fingerprint and the outcome of each proof, for JSON."""
    image = manifest.images[0]
    return {
        "image": image.file,
        "size": image.size,
        "md5": image.md5,
        "sha256": image.sha256,
        "key_fingerprint": manifest.key_fingerprint,
        "proofs": {proof.rule: proof.detail for proof in manifest.proofs},
        "excused": {proof.rule: proof.detail for proof in manifest.excused},
        "not_judged": {proof.rule: proof.detail for proof in manifest.not_judged},
    }
