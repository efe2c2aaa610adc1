"""``aos-ota sbom``."""

from __future__ import annotations

from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.output import echo_json_text, echo_warning, refuse_overwriting
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.pipeline.workplace import component_of
from aos_ota_plugin.provenance.component import Product
from aos_ota_plugin.provenance.cyclonedx import bill_of_materials
from aos_ota_plugin.workspace.solution_settings import load_view, resolve_view


@click.command("sbom", short_help="list the solution's components in CycloneDX")
@click.option(
    "-C", "--directory", default=".", type=click.Path(file_okay=False), help="The solution, or the workspace."
)
@click.option("-b", "--board", help="As `aos make -b`.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="The file to write.  [default: standard output]")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
def command(directory: str, board: Optional[str], output: Optional[str], settings: Tuple[str, ...]) -> None:
    """List the components that `aos make NAME=VALUE...` would use, with the versions in their package.yaml, as
    CycloneDX 1.5 JSON. A build with OTA_PROVENANCE=y writes the same list, with the firmware's SHA-256 in it.

    \b
    Example:
      aos-ota sbom -C solutions/ota_demo -o ota_demo.cdx.json
    """
    pairs = []
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"{one!r} is not NAME=VALUE")
        pairs.append((name, value))
    view = load_view(directory, board=board, command_line=pairs, warn=echo_warning)
    resolved = resolve_view(view, pairs, echo_warning)
    product = Product(view.solution.name, resolved.app_version, view.board.name if view.board else None, "")
    document = bill_of_materials(product, [component_of(package, view) for package in view.components])
    if output is None:
        echo_json_text(document.decode("utf-8"))
        return
    for package in view.components:
        refuse_overwriting(output, package.file)
    write_file(output, document)
    click.echo(f"{output}  {len(view.components)} components of {product.name} {product.version}")
