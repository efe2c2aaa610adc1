"""The lines that a build shows about its release."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, List

from aos_ota_plugin.pipeline.modules import is_module
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.settings.fields import OtaSettings

# Each function imports what it needs: a build with nothing to do needs little.
if TYPE_CHECKING:
    from aos_ota_plugin.release.make import Release
    from aos_ota_plugin.release.manifest import Manifest


def unchanged_lines(settings: OtaSettings, outputs: Iterable[str]) -> List[str]:
    """Return a line for each firmware image among a release's files, which are unchanged."""
    images = (path for path in sorted(outputs) if not path.endswith((".json", ".jsonl")) and not is_module(path))
    return [f"aos_ota_plugin: {path}: {settings.app_version}, unchanged" for path in images]


def release_lines(site: Site, settings: OtaSettings, release: Release) -> List[str]:
    """Return the lines for a new release: its images, the key, the proofs, and notes on their transfer."""
    from aos_ota_plugin.release.proofs import key_lines, unjudged_lines
    from aos_ota_plugin.release.transfer import advice

    manifest = release.manifest
    key = {"local": f"signed by key {(manifest.signer or '')[:16]}", "cloud": "to be signed by the platform"}.get(
        settings.security, "NOT signed"
    )
    lines = []
    if manifest.image_magic != "ALL":
        key = f"{manifest.image_magic}, {key}"
    for image in manifest.images:
        lines += [
            f"OTA {os.path.join(os.path.dirname(site.image), image.file)}",
            f"    {manifest.version}, {image.size} bytes, {key}, {_counts(manifest)}",
        ]
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
