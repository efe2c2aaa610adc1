"""``aos-ota release``."""

from __future__ import annotations

import os
from typing import List, Optional

import click

from aos_ota_plugin.cli.options import ANY_PATH, FILE, board_option, json_option, solution_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import OtaError, ProofError
from aos_ota_plugin.pipeline.kept_releases import (
    KeptRelease,
    built_manifest,
    last_board,
    last_manifest,
    locked,
    read_kept_releases,
)
from aos_ota_plugin.release.names import WITHDRAWN_NAME
from aos_ota_plugin.workspace.find import find_solution


@click.command("release")
@click.argument("manifest", required=False, type=ANY_PATH)
@solution_option
@board_option
@click.option(
    "--public-key", type=FILE, help="The release's public key, where the ELF does not hold the one that signed."
)
@click.option("--list", "listing", is_flag=True, help="List the kept releases of the board.")
@click.option("--withdraw", metavar="VERSION", help="Mark a kept release: it is no base any more, and is not pushed.")
@json_option()
def command(
    manifest: Optional[str],
    directory: str,
    board: Optional[str],
    public_key: Optional[str],
    listing: bool,
    withdraw: Optional[str],
    as_json: bool,
) -> None:
    """Keep a release: its images, manifest, payload, ELF and statement, read-only.

    They go to releases/BOARD/VERSION/ in the solution, after all of it was proven again. Without MANIFEST it is the
    release that was built last. Once kept, a version stays as it is. OTA_BASE_RELEASE takes the version of a kept
    release, or `latest`.

    \b
    Example:
      aos-ota release
    """
    if sum((bool(manifest), listing, bool(withdraw))) > 1:
        raise click.UsageError("give MANIFEST, --list or --withdraw, one of them")
    solution = find_solution(os.path.abspath(directory))
    if listing:
        damaged: List[OtaError] = []
        _show(read_kept_releases(solution, board or last_board(solution), damaged), as_json)
        if damaged:
            raise damaged[0]
        return
    from aos_ota_plugin.verify.release import manifest_file

    with locked(solution):
        if withdraw:
            _withdraw(solution, board or last_board(solution), withdraw, as_json)
        else:
            file = built_manifest(solution, manifest_file(manifest)) if manifest else last_manifest(solution, board)
            _keep(solution, file, public_key, as_json)


def _keep(solution: str, manifest: str, public_key: Optional[str], as_json: bool) -> None:
    from aos_ota_plugin.keys.load import load_public_key
    from aos_ota_plugin.verify.kept_releases import Keeping, keep_release

    kept = keep_release(manifest, solution, key=lambda: load_public_key(public_key) if public_key else None)
    if kept.keeping is Keeping.OTHER:
        raise ProofError(
            f"{kept.folder} holds another {kept.manifest.version}, and a kept release never changes",
            remedy="build this one with a version of its own",
        )
    if as_json:
        echo_json({"folder": kept.folder, "version": kept.manifest.version, "new": kept.keeping is Keeping.NEW})
    else:
        withdrawn = ", withdrawn" if os.path.lexists(os.path.join(kept.folder, WITHDRAWN_NAME)) else ""
        click.echo(f"{kept.folder}  {kept.manifest.version} {kept.keeping.value}{withdrawn}")


def _withdraw(solution: str, board: Optional[str], version: str, as_json: bool) -> None:
    from aos_ota_plugin.verify.kept_releases import withdraw_release

    release = withdraw_release(solution, board, version)
    if as_json:
        echo_json({"folder": os.path.dirname(release.file), "version": version, "withdrawn": True})
    else:
        click.echo(f"{os.path.dirname(release.file)}  {version} withdrawn")


def _show(releases: List[KeptRelease], as_json: bool) -> None:
    if as_json:
        echo_json(
            {
                "releases": [
                    {
                        "version": release.version,
                        "board": release.manifest.board,
                        "key": release.manifest.signer,
                        "base": release.manifest.base.version if release.manifest.base else None,
                        "withdrawn": release.withdrawn,
                        "manifest": release.file,
                    }
                    for release in releases
                ]
            }
        )
        return
    rows = [
        (
            release.version,
            (release.manifest.signer or "-")[:16],
            release.manifest.base.version if release.manifest.base else "-",
            "withdrawn" if release.withdrawn else "",
            os.path.relpath(os.path.dirname(release.file)),
        )
        for release in releases
    ]
    if rows:
        echo_table(("version", "key", "base", "", "folder"), rows)
    else:
        click.echo("no release is kept here; `aos-ota release` keeps the one that was built last")
