"""Shared parts of the verbs that sign: options, the release that they ask for, how it is shown."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Tuple, cast

import click

from aos_ota_plugin.cli.options import (
    ANY_PATH,
    FILE,
    KEY_METAVAR,
    Verb,
    ask,
    json_option,
    magic_option,
    output_option,
    partition_size_option,
)
from aos_ota_plugin.cli.output import echo_json_text, refuse_overwriting
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.names import XZ_SUFFIX, diff_name
from aos_ota_plugin.release.proofs import key_lines
from aos_ota_plugin.verify.release_parts import NO_SECOND_SIGNER, Asked, LoadSigner, Parts, SecondSigner, read_parts

if TYPE_CHECKING:
    from aos_ota_plugin.release.make import Release

_ALLOWANCES = ("changed-payload", "new-key", "next-key", "other-base", "development-key")


def signing_options(what: str, document: str = "the manifest as JSON") -> Callable[[Verb], Verb]:
    """Add PAYLOAD and the options of `Asked`, which the verb gets as ``asked``.

    `what` is the help of -o, `document` what --json prints.
    """

    def decorate(verb: Verb) -> Verb:
        return _collected(
            verb,
            "asked",
            Asked,
            click.argument("payload", type=FILE),
            click.option("--version", required=True, help="The version that the payload reports, e.g. app-1.0.1."),
            output_option(what),
            click.option("--elf", type=FILE, help="The linked firmware, to prove that it holds this key and version."),
            click.option(
                "--chip",
                type=ANY_PATH,
                metavar="NAME|FILE",
                help="The chip whose image step made PAYLOAD, or its description (.yaml), which PAYLOAD has to follow.",
            ),
            click.option("--base-release", type=FILE, help="The manifest of the release that devices run now."),
            click.option("--key-ring", type=FILE, help="The key ring: which key signs now, and which is next."),
            click.option(
                "--allow",
                multiple=True,
                type=click.Choice(_ALLOWANCES),
                help="Let pass: changed-payload, PAYLOAD is not the firmware in the ELF; new-key, another key than the "
                "base release's; next-key, a transition release, whose PAYLOAD holds the ring's next key; "
                "other-base, a base release of another chip; "
                "development-key, a development key or a published sample key. May be given several times.",
            ),
            magic_option,
            partition_size_option,
            json_option(document),
        )

    return decorate


def second_signer_options(verb: Verb) -> Verb:
    """Add the options of `SecondSigner`; the verb gets them as its argument ``second``."""
    return _collected(
        verb,
        "second",
        SecondSigner,
        click.option("--second-signer", type=FILE, metavar=KEY_METAVAR, help="The second signer's key, if it is here."),
        click.option("--second-approval", type=FILE, help="What `aos-ota approve` wrote elsewhere."),
        click.option("--second-public-key", type=FILE, help="The public key of the second signer."),
    )


also_option = click.option(
    "--also",
    multiple=True,
    type=click.Choice(["xz", "diff"]),
    help="Write this image, too: xz, compressed (OUTPUT.xz); diff, from the base release (OUTPUT with .diff.bin), "
    "whose payload or image must lie beside its manifest. May be given several times.",
)


def _collected(verb: Verb, name: str, kind: Any, *decorators: Callable[[Any], Any]) -> Verb:
    """Return the verb with options, whose values it gets as one value of `kind`."""

    @functools.wraps(verb)
    def collecting(**values: Any) -> Any:
        return verb(**{name: kind(**{field: values.pop(field) for field in kind._fields})}, **values)

    collector: Any = collecting
    for decorator in reversed(decorators):
        collector = decorator(collector)
    return cast("Verb", collector)


def release_parts(
    asked: Asked, load_signer: LoadSigner, second: SecondSigner = NO_SECOND_SIGNER, *, also: Tuple[str, ...] = ()
) -> Parts:
    """Read what the options name. Raises UsageError, and what reading it raises."""
    _check_usage(asked, second, also)
    return read_parts(asked, load_signer, second, ask, also=also)


def refuse_overwriting_inputs(
    names: Tuple[str, ...], asked: Asked, second: SecondSigner, *others: Optional[str]
) -> None:
    """Raise OutputError when a file to write is one that is read, `others` among them."""
    for name in names:
        refuse_overwriting(
            os.path.join(asked.folder, name),
            asked.payload,
            asked.elf,
            asked.base_release,
            asked.key_ring,
            *second,
            *others,
        )


def sign_and_write(
    asked: Asked,
    load_signer: LoadSigner,
    second: SecondSigner = NO_SECOND_SIGNER,
    *,
    also: Tuple[str, ...] = (),
    inputs: Tuple[Optional[str], ...] = (),
) -> None:
    """Make, write and show the release that the options ask for; `inputs` are further files that are read."""
    manifest_name = os.path.splitext(asked.name)[0] + ".json"
    more = [name for kind, name in (("xz", asked.name + XZ_SUFFIX), ("diff", diff_name(asked.name))) if kind in also]
    refuse_overwriting_inputs((asked.name, manifest_name, *more), asked, second, *inputs)
    parts = release_parts(asked, load_signer, second, also=also)
    release = _with_progress(parts) if "diff" in also else make_release(*parts)
    write_set(asked.folder, {**release.images, manifest_name: release.manifest.to_json()})
    if asked.as_json:
        echo_json_text(release.manifest.to_json().decode("utf-8"))
    else:
        _show(asked, release, advise=bool(also))


def show_outcomes(passed: Mapping[str, str], excused: Mapping[str, str], not_judged: Mapping[str, str]) -> None:
    """Print every rule with its outcome."""
    for mark, outcomes in (("ok", passed), ("!!", excused)):
        for rule, detail in outcomes.items():
            click.echo(f"  {mark}  {rule}: {detail}")
    for rule, detail in not_judged.items():
        click.echo(f"   -  {rule}: not judged: {detail}")


def _show(asked: Asked, release: Release, *, advise: bool) -> None:
    manifest = release.manifest
    for image in manifest.images:
        path = os.path.join(os.path.dirname(asked.output), image.file)
        click.echo(f"{path}  {image.size} bytes  {asked.version}  sha256 {image.sha256}")
    if advise:
        from aos_ota_plugin.release.transfer import advice

        for line in advice(manifest, release.compressed_size):
            click.echo(line)
    if asked.magic.upper() != "ALL":
        click.echo(f"image_magic {asked.magic.upper()}")
    click.echo(f"signed by key {manifest.signer}")
    for line in key_lines(manifest):
        click.echo(line)
    show_outcomes(dict(manifest.proofs), dict(manifest.excused), dict(manifest.not_judged))


def _check_usage(asked: Asked, second: SecondSigner, also: Tuple[str, ...]) -> None:
    if "diff" in also and not asked.base_release:
        raise click.UsageError("--also diff is made from the base release: give its manifest with --base-release")
    if "next-key" in asked.allow and not (asked.key_ring and asked.base_release):
        raise click.UsageError(
            "--allow next-key needs --key-ring, where the next key stands, and --base-release, "
            "whose devices are to take it"
        )
    if second.second_signer and second.second_approval:
        raise click.UsageError("give --second-signer or --second-approval: one approval is enough")
    if second.second_approval and not second.second_public_key:
        raise click.UsageError("--second-approval needs --second-public-key: anyone could have made it")


def _with_progress(parts: Parts) -> Release:
    from aos_ota_plugin.console.progress import WorkProgress

    with WorkProgress(sys.stderr) as progress:
        return make_release(*parts, progress=progress)
