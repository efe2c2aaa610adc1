"""``aos-ota verify-release``."""

from __future__ import annotations

import sys
from typing import Iterator, List, Optional

import click

from aos_ota_plugin.cli.options import ANY_PATH, FILE, FOLDER, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.keys.load import load_public_key
from aos_ota_plugin.verify.release import CheckResult, Verification, check_base


@click.command("verify-release")
@click.argument("release", type=ANY_PATH)
@click.option(
    "--public-key", type=FILE, help="The key that you trust: PEM, DER, C arrays or the text copied from the console."
)
@click.option("--base", type=ANY_PATH, help="The release before, folder or manifest: this one must update it.")
@click.option(
    "--without-statement",
    is_flag=True,
    help="Check a release that has no statement; no signature then protects its manifest.",
)
@click.option(
    "--rebuild",
    metavar="SOLUTION",
    type=FOLDER,
    help="Build it again in a copy of this solution's workspace, with another path, time zone and -j and "
    "without the signing key, and compare the bytes.",
)
@json_option()
def command(
    release: str,
    public_key: Optional[str],
    base: Optional[str],
    without_statement: bool,
    rebuild: Optional[str],
    as_json: bool,
) -> None:
    """Check the files of RELEASE: signatures, digests, and the images as devices would.

    RELEASE is a folder with the files of one release, or its ota_rtos_ota.json. The statement's signature, every
    file against statement and manifest, and the images are checked, without a network. Ends with status 0 when all
    of it holds. What a device of a certain version and key answers to the images says `aos-ota verify RELEASE`.

    \b
    Example:
      aos-ota verify-release releases/haas100/app-1.0.1 --public-key ota.pub.pem
    """
    if public_key is None and not without_statement:
        raise click.UsageError(
            "give the public key that you trust with --public-key; a release that has no statement: --without-statement"
        )
    checks: List[CheckResult] = []
    error: Optional[OtaError] = None
    try:
        for check in _checks(release, public_key, base, rebuild, statement=not without_statement):
            checks.append(check)
            if not as_json:
                click.echo(
                    f"  ok  {check.rule}: {check.detail}"
                    if check.judged
                    else f"   -  {check.rule}: not judged: {check.detail}"
                )
    except OtaError as problem:
        error = problem
    if as_json:
        echo_json(
            {
                "verified": error is None,
                "checks": [check._asdict() for check in checks],
                "problem": str(error) if error else None,
            }
        )
    elif error is None:
        unjudged = sum(not check.judged for check in checks)
        click.echo(f"verified: {len(checks) - unjudged} checks" + (f", {unjudged} not judged" if unjudged else ""))
    if error is not None:
        click.echo(f"aos-ota: error: {error}", err=True)
        sys.exit(1)


def _checks(
    release: str, public_key: Optional[str], base: Optional[str], solution: Optional[str], *, statement: bool
) -> Iterator[CheckResult]:
    key = load_public_key(public_key) if public_key else None
    verification = Verification(release, key, statement=statement)
    yield from verification.run()
    if base is not None:
        yield check_base(verification.manifest, verification.file, base)
    if solution is not None:
        from aos_ota_plugin.verify.rebuild import RebuildRequest, rebuild

        yield from rebuild(
            RebuildRequest(verification.manifest, verification.file, verification.settings, key, base), solution
        )
