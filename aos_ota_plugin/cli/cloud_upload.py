"""``aos-ota cloud upload``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json, echo_warning
from aos_ota_plugin.verify.upload import read_upload


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
@click.option(
    "--from-version", help="For a diff: the version that devices have to run now.  [default: its manifest's base]"
)
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
    upload = read_upload(file, module=module, version=version, source_version=from_version)
    version = upload.version
    added = client.upload(
        upload.data,
        {
            "product_key": product_key,
            "version": version,
            "module": module,
            "file": file_name or upload.name,
            "name": name or (f"{module}-{version}" if module else version)[:40],
            "sign_method": sign_method,
            "source_version": upload.source_version,
        },
    )
    if upload.not_judged:
        echo_warning(f"not judged: {upload.not_judged}")
    if as_json:
        echo_json(added)
        return
    signed = "the cloud has signed it" if added["digestsign"] else "not signed by the cloud"
    click.echo(
        f"package {added['package']}: {version}, {len(upload.data)} bytes, SHA-256 {added['sha256'][:16]}…, {signed}"
    )
    click.echo(f"next: aos-ota cloud push {added['package']} --verify-on DEVICE_NAME")
