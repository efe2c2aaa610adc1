"""Shared parts of the verbs that sign: options, the release that they ask for, how it is shown."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Optional, Tuple, cast

import click

from aos_ota_plugin.cli.options import (
    ANY_PATH,
    FILE,
    KEY_METAVAR,
    Verb,
    access,
    ask,
    json_option,
    magic_option,
    output_option,
    partition_size_option,
)
from aos_ota_plugin.cli.output import echo_json_text, refuse_overwriting
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, PAYLOAD_MAX, read_file
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.images.full import Digesting
from aos_ota_plugin.keys.load import (
    key_to_embed,
    load_private_key,
    load_public_key,
    load_ring_key,
    load_second_signer,
    read_ring,
    ring_files,
)
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.pipeline.payload_source import payload_source
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.names import XZ_SUFFIX, diff_name
from aos_ota_plugin.release.proofs import key_lines
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
from aos_ota_plugin.verify.manifests_beside import check_version_beside

if TYPE_CHECKING:
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.make import Release
    from aos_ota_plugin.release.manifest import Manifest

_ALLOWANCES = ("changed-payload", "new-key", "next-key", "other-base", "development-key")
Parts = Tuple[Firmware, KeySet, Base, Options]
"""What decides a release."""
LoadSigner = Callable[["Optional[KeyRing]"], "Signer"]
"""Gets the signer, given the key ring where there is one."""


class Asked(NamedTuple):
    """The options of every verb that signs a payload. Paths are as typed; ``partition_size`` is in bytes."""

    payload: str
    version: str
    output: str
    elf: Optional[str]
    chip: Optional[str]
    base_release: Optional[str]
    key_ring: Optional[str]
    allow: Tuple[str, ...]
    magic: str
    partition_size: int
    as_json: bool

    @property
    def folder(self) -> str:
        """Return the folder to write into, absolute."""
        return os.path.dirname(os.path.abspath(self.output))

    @property
    def name(self) -> str:
        """Return the name of the file to write."""
        return os.path.basename(self.output)


class SecondSigner(NamedTuple):
    """Options on the second signer: the key at hand or an approval's file, and the public key."""

    second_signer: Optional[str] = None
    second_approval: Optional[str] = None
    second_public_key: Optional[str] = None


NO_SECOND_SIGNER = SecondSigner()


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


def release_parts(asked: Asked, load_signer: LoadSigner, second: SecondSigner, *, also: Tuple[str, ...] = ()) -> Parts:
    """Read what the options name. Raises UsageError, and what reading it raises."""
    _check_usage(asked, second, also)
    check_version(asked.version, field="--version")
    base = _base(asked.base_release) if asked.base_release else None
    ring = read_ring(asked.key_ring) if asked.key_ring else None
    second_signer, second_key = _second(second)
    data = read_file(asked.payload, "the payload", "give the ota_rtos.bin of your build", limit=PAYLOAD_MAX)
    check_version_beside(asked.payload, data, asked.version)
    digesting = Digesting(data)  # beside all that follows until the digests are needed
    signer = load_signer(ring)
    return (
        Firmware(
            data,
            asked.version,
            payload_name=os.path.basename(asked.payload),
            elf=read_file(asked.elf, "the ELF", "give the .elf of your build", limit=ELF_MAX) if asked.elf else None,
            elf_name=os.path.basename(asked.elf or ""),
            chip=os.path.splitext(os.path.basename(asked.chip))[0] if asked.chip else None,
            source=payload_source(
                asked.payload, asked.chip, also, compared=bool(asked.elf), allow_any="changed-payload" in asked.allow
            ),
            digesting=digesting,
        ),
        KeySet(
            "local",
            signer,
            next_key=key_to_embed(ring) if ring and "next-key" in asked.allow else None,
            ring=ring,
            second=second_signer,
            second_key=second_key,
        ),
        Base(base, _base_payload(base, str(asked.base_release), asked.output) if base and "diff" in also else None),
        Options(
            asked.partition_size,
            asked.name,
            image_magic=asked.magic.upper(),
            compress_xz="xz" in also,
            allow_new_key="new-key" in asked.allow,
            allow_other_base="other-base" in asked.allow,
            allow_development_key="development-key" in asked.allow,
        ),
    )


def signer_of(key: str, ring: Optional[KeyRing]) -> Signer:
    """Load the signer behind ``--key``; a command's public key is the ring's current one.

    Raises:
        SigningKeyError: it cannot be used, or is a command, and no ring names its public key's file.
    """
    reference = parse_reference(key)
    if not reference.command:
        return load_private_key(reference, access())
    if ring is None or ring.current.public_key is None:
        raise SigningKeyError(
            "a signing command does not say which public key devices need to trust",
            remedy="give --key-ring, a key ring whose current key has a `public_key:`",
        )
    load_ring_key(ring, ring.current)
    return load_private_key(reference, access(), ring_files(ring)[0])


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


def _base(file: str) -> Manifest:
    from aos_ota_plugin.pipeline.kept_releases import refuse_withdrawn

    refuse_withdrawn(file)
    remedy = "give the ota_rtos_ota.json of the release in the field"
    return parse_manifest(read_file(file, "the base release", remedy, limit=DOCUMENT_MAX), file=file)


def _second(options: SecondSigner) -> Tuple[Optional[HashSigner], Optional[PublicKey]]:
    """Return the second signer, and the key that it has to have."""
    public_key = options.second_public_key
    wanted = load_public_key(public_key) if public_key else None
    if options.second_approval and wanted:
        from aos_ota_plugin.keys.load import load_approval

        return load_approval(options.second_approval, wanted), wanted
    reference = options.second_signer
    return (load_second_signer(parse_reference(reference), ask, "", wanted) if reference else None), wanted


def _base_payload(base: Manifest, file: str, output: str) -> bytes:
    from aos_ota_plugin.pipeline.payloads import payload_of_release

    return payload_of_release(base, file, overwritten=(output,))


def _with_progress(parts: Parts) -> Release:
    from aos_ota_plugin.console.progress import WorkProgress

    with WorkProgress(sys.stderr) as progress:
        return make_release(*parts, progress=progress)
