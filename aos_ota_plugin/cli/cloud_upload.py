"""``aos-ota cloud upload``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.options import FILE, cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.push import choose_file
from aos_ota_plugin.verify.release_file import read_artifact, read_described

_REMEDY = "give an image, or the ota_rtos_ota.json of a release"


@click.command("upload")
@click.argument("file", type=FILE)
@cloud_option
@click.option("--product", "product_key", required=True, metavar="PRODUCT_KEY", help="The product that gets it.")
@click.option("--version", help="The version that devices report with it.  [default: the manifest's]")
@click.option("--name", help="The package's name, 1 to 40 characters.  [default: module and version]")
@click.option("--module", metavar="NAME", help="The module that FILE is.  [default: the whole firmware]")
@click.option("--file-name", help="The file's name for downloads; the platform checks its suffix.  [default: its own]")
@click.option(
    "--sign-method",
    type=click.Choice(["SHA256", "Md5"]),
    default="SHA256",
    show_default=True,
    help="The digest in the push.",
)
@click.option("--from-version", help="For a diff: the version that devices have to run now.")
@json_option()
def command(
    file: str,
    directory: str,
    product_key: str,
    version: Optional[str],
    name: Optional[str],
    module: Optional[str],
    file_name: Optional[str],
    sign_method: str,
    from_version: Optional[str],
    as_json: bool,
) -> None:
    """Add FILE as a package of a product to the running cloud; nothing is pushed yet.

    FILE is an image, or the manifest of a release (ota_rtos_ota.json). The platform's rules for names, versions,
    suffixes and sizes apply. An image beside a release's manifest has to be one that the manifest describes.

    \b
    Example:
      aos-ota cloud upload ota_rtos_ota.json --product demo
      aos-ota cloud upload ota_rtos_ota.bin --product demo --version app-1.0.1
    """
    from aos_ota_plugin.cloud.client import Client

    client = Client(Path(directory))
    if file.lower().endswith(".json"):
        path, data, own = _of_release(file, module)
        version = version or own
    else:
        path, data = file, read_described(file, "the package", _REMEDY, others=False)
    if not version:
        raise SettingsError("the package has no version", remedy="give it with --version, or give a release's manifest")
    added = client.upload(
        data,
        {
            "product_key": product_key,
            "version": version,
            "module": module,
            "file": file_name or Path(path).name,
            "name": name or (f"{module}-{version}" if module else version)[:40],
            "sign_method": sign_method,
            "source_version": from_version,
        },
    )
    if as_json:
        echo_json(added)
        return
    signed = "the cloud has signed it" if added["digestsign"] else "not signed by the cloud"
    click.echo(f"package {added['package']}: {version}, {len(data)} bytes, SHA-256 {added['sha256'][:16]}…, {signed}")
    click.echo(f"next: aos-ota cloud push {added['package']} --verify-on DEVICE_NAME")


def _of_release(file: str, module: Optional[str]) -> Tuple[str, bytes, str]:
    """Return the name of the file that a manifest describes, its bytes and its version."""
    document = read_file(file, "the manifest", "give the ota_rtos_ota.json of a release", limit=DOCUMENT_MAX)
    release = parse_manifest(document, file=file)
    artifact = choose_file(release, module=module)
    data = read_artifact(file, artifact, "the release's file")
    version = next((part.version for part in release.modules if part.name == module), release.version)
    return artifact.file, data, version
