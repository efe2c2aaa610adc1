"""``aos-ota keys``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import click

from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.images.full import parse
from aos_ota_plugin.keys.load import load_public_key, read_ring
from aos_ota_plugin.keys.ring import KeyRing
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.release.manifest import SCHEMA, Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME
from aos_ota_plugin.verify.key_chain import BROKEN, KeyChain, approval_problem, key_chain

RING_FILE = "ota.keys.yaml"
FOLDER = "releases"


@click.command("keys", short_help="which releases trust and were signed by which key")
@click.argument("releases", nargs=-1, metavar="[MANIFEST|FOLDER]...", type=click.Path())
@click.option(
    "--key-ring", type=click.Path(dir_okay=False), help=f"The key ring.  [default: {RING_FILE}, if it is here]"
)
@click.option(
    "--second-public-key",
    type=click.Path(dir_okay=False),
    help="The second signer's key: every release must carry an approval by it that holds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    releases: Tuple[str, ...], key_ring: Optional[str], second_public_key: Optional[str], as_json: bool
) -> None:
    """Show which key signed each release and which one its devices trust, and what to do next.

    A step from a release to the next holds when the next one's signer is the key that the first one embeds. Exit status
    1 when one does not hold, or an approval that was asked for does not. Without arguments: the folder releases.

    \b
    Example:
      aos-ota keys releases --key-ring ota.keys.yaml
    """
    ring_file = key_ring or (RING_FILE if os.path.isfile(RING_FILE) else None)
    ring = read_ring(ring_file) if ring_file else None
    found = _manifests(releases or (FOLDER,))
    chain = key_chain(found, ring)
    unapproved = _unapproved(found, load_public_key(second_public_key)) if second_public_key else {}
    problems = [*chain.problems, *(f"{file}: {problem}" for file, problem in unapproved.items() if problem)]
    if as_json:
        echo_json(_document(chain, ring, problems, unapproved))
    else:
        _show(chain, ring, problems)
    sys.exit(1 if problems else 0)


def _manifests(paths: Tuple[str, ...]) -> List[Tuple[str, Manifest]]:
    found: List[Tuple[str, Manifest]] = []
    for path in paths:
        if not os.path.isdir(path):
            found.append((path, parse_manifest(_read(path), file=path)))
            continue
        here = []
        for file in sorted(Path(path).rglob("*.json")):
            data = _read(str(file)) if file.is_file() else b""
            if data and (file.name == MANIFEST_NAME or _is_manifest(data)):  # a folder may hold other documents, too
                here.append((str(file), parse_manifest(data, file=str(file))))
        if not here:
            raise SettingsError(
                f"no release's manifest is in {path}",
                remedy="keep each release's ota_rtos_ota.json in a folder of its own there",
            )
        found += here
    return list(dict(found).items())


def _is_manifest(data: bytes) -> bool:
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    schema = value.get("schema") if isinstance(value, dict) else None
    return isinstance(schema, str) and schema.startswith(SCHEMA.partition("/")[0])


def _read(path: str) -> bytes:
    return read_file(
        path, "the manifest", "give a release's ota_rtos_ota.json, or a folder of them", limit=DOCUMENT_MAX
    )


def _unapproved(found: List[Tuple[str, Manifest]], second: PublicKey) -> Dict[str, str]:
    """What is wrong with each release's approval, "" for nothing, by file."""
    problems = {}
    for file, manifest in found:
        approval = manifest.approval
        verifies = approval is not None and second.verify_hash(
            bytes.fromhex(approval.hash), bytes.fromhex(approval.signature)
        )
        problems[file] = approval_problem(manifest, second.fingerprint, verifies, _signed_hash(file, manifest))
    return problems


def _signed_hash(file: str, manifest: Manifest) -> Optional[str]:
    """The hash in the trailer of the image beside a manifest, None where there is none."""
    image = next((one for one in manifest.images if one.kind == "full"), None)
    path = os.path.join(os.path.dirname(file), os.path.basename(image.file)) if image else ""
    if not os.path.isfile(path):
        return None
    data = read_file(path, "the image", "keep it beside its manifest", limit=IMAGE_MAX)
    try:
        sign_info = parse(data, local=True).sign_info
    except FormatError:
        return "no signed image"
    return sign_info.hash.hex() if sign_info else None


def _named(fingerprint: Optional[str], ring: Optional[KeyRing]) -> str:
    role = ring.role(fingerprint) if ring else ""
    return f"{(fingerprint or '-')[:16]} {role}".strip()


def _show(chain: KeyChain, ring: Optional[KeyRing], problems: List[str]) -> None:
    rows = []
    for link in chain.links:
        manifest = link.manifest
        signer = _named(manifest.signer, ring) if manifest.security == "local" else f"({manifest.security} mode)"
        base = manifest.base.version if manifest.base else "-"
        approval = manifest.approval.key_fingerprint[:16] if manifest.approval else "-"
        rows.append(
            (
                manifest.version,
                manifest.solution or "-",
                base,
                signer,
                _named(manifest.key_fingerprint, ring),
                link.step.upper() if link.step == BROKEN else link.step,
                approval,
            )
        )
    echo_table(("release", "product", "after", "signed by", "its devices trust", "step", "approved by"), rows)
    for problem in problems:
        click.echo(f"  NO  {problem}")
    for note in chain.notes:
        click.echo(f"   -  {note}")
    if ring:
        retired = ", ".join(key.shown for key in ring.retired) or "none"
        click.echo(
            f"key ring  current {ring.current.shown}, next {ring.next.shown if ring.next else 'none'}, "
            f"retired {retired}"
        )
    click.echo(f"next: {chain.next_step}")


def _document(
    chain: KeyChain, ring: Optional[KeyRing], problems: List[str], unapproved: Dict[str, str]
) -> Dict[str, object]:
    releases: List[Dict[str, object]] = []
    for link in chain.links:
        manifest = link.manifest
        entry: Dict[str, object] = {
            "file": link.file,
            "version": manifest.version,
            "solution": manifest.solution,
            "security": manifest.security,
            "base": manifest.base.version if manifest.base else None,
            "signed_by": manifest.signer,
            "trusts": manifest.key_fingerprint,
            "transition": manifest.is_transition,
            "step": link.step,
            "approved_by": manifest.approval.key_fingerprint if manifest.approval else None,
        }
        if link.file in unapproved:
            entry["approval_holds"] = not unapproved[link.file]
        releases.append(entry)
    return {
        "releases": releases,
        "problems": problems,
        "notes": list(chain.notes),
        "next_step": chain.next_step,
        "key_ring": None
        if ring is None
        else {
            "current": ring.current.fingerprint,
            "next": ring.next.fingerprint if ring.next else None,
            "retired": [key.fingerprint for key in ring.retired],
        },
    }
