"""Check the keys from release to release: which key signed each, and which one its devices trust.

A release's devices check the next one with the key that the release embeds. So a step holds when the signer of a
release is the key that its base release embeds; the base is found by its payload's SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from aos_ota_plugin.keys.ring import KeyRing
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.proofs import NEW_KEY

FIRST, HOLDS, BROKEN, NOT_BY_UPDATE, UNKNOWN = "first", "holds", "broken", "not by update", "base not here"


@dataclass(frozen=True)
class Link:
    """One release: ``step`` says whether devices of its base release take it (one of the words above)."""

    file: str
    manifest: Manifest
    step: str
    detail: str = ""


@dataclass(frozen=True)
class KeyChain:
    """All releases, each after its base; problems, notes, and what to do next."""

    links: Tuple[Link, ...]
    problems: Tuple[str, ...]
    notes: Tuple[str, ...]
    next_step: str


def key_chain(releases: Sequence[Tuple[str, Manifest]], ring: Optional[KeyRing]) -> KeyChain:
    """Put releases, each with its manifest's path, in their order and check every step."""
    by_payload = {manifest.payload.sha256: manifest for _, manifest in releases}
    ordered = sorted(releases, key=lambda release: (_depth(release[1], by_payload), release[1].version, release[0]))
    links = tuple(_link(file, manifest, by_payload) for file, manifest in ordered)
    problems = [f"{link.manifest.version} ({link.file}): {link.detail}" for link in links if link.step == BROKEN]
    return KeyChain(links, tuple(problems), tuple(_notes(links, ring)), _next_step(links, ring))


def _depth(manifest: Manifest, by_payload: Dict[str, Manifest]) -> int:
    visited = {manifest.payload.sha256}
    depth = 0
    while manifest.base is not None and manifest.base.payload_sha256 not in visited:
        visited.add(manifest.base.payload_sha256)
        depth += 1
        before = by_payload.get(manifest.base.payload_sha256)
        if before is None:
            break
        manifest = before
    return depth


def _link(file: str, manifest: Manifest, by_payload: Dict[str, Manifest]) -> Link:
    if manifest.base is None:
        return Link(file, manifest, FIRST)
    before = by_payload.get(manifest.base.payload_sha256)
    if before is None:
        return Link(file, manifest, UNKNOWN, f"the manifest of {manifest.base.version} is not among these")
    signer = manifest.signer if manifest.security == "local" else manifest.key_fingerprint
    if (before.security, before.key_fingerprint) == (manifest.security, signer):
        return Link(file, manifest, HOLDS)
    # OTA_ALLOW_NEW_KEY: it was released although no update brings it to those devices.
    allowed = any(proof.rule == NEW_KEY for proof in (*manifest.excused, *manifest.proofs))
    return Link(
        file,
        manifest,
        NOT_BY_UPDATE if allowed else BROKEN,
        f"devices on {before.version} are in {before.security} mode and trust {_short(before.key_fingerprint)}; "
        f"it is in {manifest.security} mode, signed by {_short(signer)}: they refuse it (OTA_VERIFY_RSA_FAIL)",
    )


def _notes(links: Sequence[Link], ring: Optional[KeyRing]) -> List[str]:
    notes = []
    for link in links:
        manifest = link.manifest
        if link.step in (NOT_BY_UPDATE, UNKNOWN):
            notes.append(f"{manifest.version} ({link.file}): {link.detail}")
        if manifest.is_transition:
            notes.append(
                f"{manifest.version} is a transition release: devices that skip it trust "
                f"{_short(manifest.signer)} and refuse what {_short(manifest.key_fingerprint)} signs"
            )
        retired = ring.retired_key(manifest.key_fingerprint) if ring else None
        if retired is not None:
            notes.append(f"devices on {manifest.version} trust the retired key {retired.label}: who has it owns them")
    solutions: Dict[str, List[str]] = {}
    for link in links:
        key, solution = link.manifest.signer, link.manifest.solution
        if key and solution and solution not in solutions.setdefault(key, []):
            solutions[key].append(solution)
    notes += [
        f"the key {_short(key)} signs {len(names)} products: {', '.join(names)}; devices of each install images "
        "of the others"
        for key, names in solutions.items()
        if len(names) > 1
    ]
    return notes


def _next_step(links: Sequence[Link], ring: Optional[KeyRing]) -> str:
    if ring is None:
        return "no key ring: name the current key in an ota.keys.yaml and set OTA_KEY_RING to it"
    current = ring.current.fingerprint
    latest = links[-1].manifest if links else None
    if ring.next is None:
        if latest is None or latest.key_fingerprint == current:
            return f"sign with the current key {ring.current.label}"
        return (
            f"devices on {latest.version} trust {_short(latest.key_fingerprint)}, and the ring's current key is "
            f"{ring.current.label}: correct the ring, or release a transition to it first"
        )
    bringing = next((link.manifest for link in links if link.manifest.key_fingerprint == ring.next.fingerprint), None)
    if bringing is None:
        base = f" and {latest.version} as the base release" if latest else ""
        return (
            f"release a transition: OTA_EMBED_NEXT_KEY=y{base}, signed with the current key {ring.current.label}; "
            f"it brings {ring.next.label}"
        )
    return (
        f"once the fleet runs {bringing.version}: make {ring.next.label} the current key, retire "
        f"{ring.current.label}, take OTA_EMBED_NEXT_KEY out, and sign with the new current key"
    )


def _short(fingerprint: Optional[str]) -> str:
    return (fingerprint or "no key")[:16]


def approval_problem(manifest: Manifest, second_fingerprint: str, verifies: bool, signed_hash: Optional[str]) -> str:
    """Return the problem with the second signer's approval, "" for none.

    ``verifies`` says that its signature is good for its hash with that key; ``signed_hash`` is the hash in the image's
    trailer, None without an image.
    """
    if manifest.approval is None:
        return "no second signer approved it"
    if manifest.approval.key_fingerprint != second_fingerprint:
        return f"approved by {_short(manifest.approval.key_fingerprint)}, not by {_short(second_fingerprint)}"
    if not verifies:
        return "the approval's signature is not good"
    if signed_hash is not None and signed_hash != manifest.approval.hash:
        return "the approval is for another image than the one beside the manifest"
    return ""


def chain_document(
    chain: KeyChain, ring: Optional[KeyRing], problems: List[str], unapproved: Dict[str, str]
) -> Dict[str, object]:
    """Return a chain for JSON output, with its problems, and those of approvals by release file."""
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


def chain_rows(chain: KeyChain, ring: Optional[KeyRing]) -> List[Tuple[str, ...]]:
    """Return each release's row: version, product, base, signer, key that devices trust, step, approval."""
    rows: List[Tuple[str, ...]] = []
    for link in chain.links:
        manifest = link.manifest
        signer = _named(manifest.signer, ring) if manifest.security == "local" else f"({manifest.security} mode)"
        rows.append(
            (
                manifest.version,
                manifest.solution or "-",
                manifest.base.version if manifest.base else "-",
                signer,
                _named(manifest.key_fingerprint, ring),
                link.step.upper() if link.step == BROKEN else link.step,
                manifest.approval.key_fingerprint[:16] if manifest.approval else "-",
            )
        )
    return rows


def ring_line(ring: KeyRing) -> str:
    """Return the labels of a ring's keys: current, next and retired ones."""
    retired = ", ".join(key.label for key in ring.retired) or "none"
    return f"current {ring.current.label}, next {ring.next.label if ring.next else 'none'}, retired {retired}"


def _named(fingerprint: Optional[str], ring: Optional[KeyRing]) -> str:
    role = ring.role(fingerprint) if ring else ""
    return f"{(fingerprint or '-')[:16]} {role}".strip()
