"""``aos-ota keys``."""

from __future__ import annotations

import os
import sys
from typing import List, Optional, Tuple

import click

from aos_ota_plugin.cli.options import ANY_PATH, FILE, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.keys.load import load_public_key, read_ring
from aos_ota_plugin.keys.ring import KeyRing
from aos_ota_plugin.verify.key_chain import KeyChain, chain_document, chain_rows, key_chain, ring_line
from aos_ota_plugin.verify.releases import approval_problems, read_releases

RING_FILE = "ota.keys.yaml"
FOLDER = "releases"


@click.command("keys")
@click.argument("releases", nargs=-1, metavar="[MANIFEST|FOLDER]...", type=ANY_PATH)
@click.option("--key-ring", type=FILE, help=f"The key ring.  [default: {RING_FILE}, if it is here]")
@click.option(
    "--second-public-key",
    type=FILE,
    help="The second signer's key: every release must carry an approval by it that holds.",
)
@json_option()
def command(
    releases: Tuple[str, ...], key_ring: Optional[str], second_public_key: Optional[str], as_json: bool
) -> None:
    """Show which key signed each release, which key its devices trust, and what to do next.

    A step from one release to the next holds when the next one is signed by the key that the first one embeds. Ends
    with status 1 when a step does not hold, or an approval that was asked for is missing or wrong. Without
    arguments the folder releases is read.

    \b
    Example:
      aos-ota keys releases --key-ring ota.keys.yaml
    """
    ring_file = key_ring or (RING_FILE if os.path.isfile(RING_FILE) else None)
    ring = read_ring(ring_file) if ring_file else None
    manifests = read_releases(releases or (FOLDER,))
    chain = key_chain(manifests, ring)
    unapproved = approval_problems(manifests, load_public_key(second_public_key)) if second_public_key else {}
    problems = [*chain.problems, *(f"{file}: {problem}" for file, problem in unapproved.items() if problem)]
    if as_json:
        echo_json(chain_document(chain, ring, problems, unapproved))
    else:
        _show(chain, ring, problems)
    sys.exit(1 if problems else 0)


def _show(chain: KeyChain, ring: Optional[KeyRing], problems: List[str]) -> None:
    echo_table(
        ("release", "product", "after", "signed by", "its devices trust", "step", "approved by"),
        chain_rows(chain, ring),
    )
    for problem in problems:
        click.echo(f"  NO  {problem}")
    for note in chain.notes:
        click.echo(f"   -  {note}")
    if ring:
        click.echo(f"key ring  {ring_line(ring)}")
    click.echo(f"next: {chain.next_step}")
