"""The lines that a build shows about its release."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Iterable, List, Mapping

# Each function imports what it needs: a build with nothing to do needs little.
if TYPE_CHECKING:
    from aos_ota_plugin.release.make import Release
    from aos_ota_plugin.release.manifest import Manifest


def summary(manifest: Manifest, folder: str) -> Dict[str, str]:
    """Return a text for each image to upload, by its path: version, size, key, base release."""
    key = {"local": f"signed by key {(manifest.signer or '')[:16]}", "cloud": "to be signed by the platform"}.get(
        manifest.security, "NOT signed"
    )
    if manifest.image_magic != "ALL":
        key = f"{manifest.image_magic}, {key}"
    base = f"base {manifest.base.version}" if manifest.base else "no base release"
    return {
        os.path.join(folder, image.file): f"{manifest.version}, {image.size} bytes, {key}, {base}"
        for image in manifest.images
    }


def unchanged_lines(summary: Mapping[str, str]) -> List[str]:
    """Return the lines for a release whose images are unchanged."""
    return [f"aos_ota_plugin: {path}: {text}, unchanged" for path, text in summary.items()]


def release_lines(release: Release, summary: Mapping[str, str]) -> List[str]:
    """Return the lines for a new release: its summary, the proofs, and notes on keys and transfer."""
    from aos_ota_plugin.release.proofs import key_lines, unjudged_lines
    from aos_ota_plugin.release.transfer import advice

    manifest = release.manifest
    lines = [line for path, text in summary.items() for line in (f"OTA {path}", f"    {text}, {_counts(manifest)}")]
    return lines + [
        f"    {line}"
        for line in (*key_lines(manifest), *unjudged_lines(manifest), *advice(manifest, release.compressed_size))
    ]


def warning_lines(warnings: Iterable[str]) -> List[str]:
    """Return the lines, shown on every build, about proofs that were excused."""
    return [f"aos_ota_plugin: {line}" for line in warnings]


def _counts(manifest: Manifest) -> str:
    counts = (
        (len(manifest.proofs), "checks passed"),
        (len(manifest.excused), "excused"),
        (len(manifest.not_judged), "not judged"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)
