"""``aos-ota sbom``."""

from __future__ import annotations

from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.options import STDOUT, OutputPath, board_option, output_option, solution_option, split_pairs
from aos_ota_plugin.cli.output import echo_json_text, echo_warning, refuse_overwriting
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.pipeline.build_environment import component_of
from aos_ota_plugin.provenance.component import Product
from aos_ota_plugin.provenance.cyclonedx import bill_of_materials
from aos_ota_plugin.workspace.solution_settings import load_view, resolve_view


@click.command("sbom")
@solution_option
@board_option
@output_option(
    "The file to write.  [default: -, standard output]", required=False, default=STDOUT, type=OutputPath(stream=True)
)
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
def command(directory: str, board: Optional[str], output: str, settings: Tuple[str, ...]) -> None:
    """List the components of a solution as a CycloneDX 1.5 document (JSON).

    The components are those that `aos make NAME=VALUE...` would use, with the versions in their package.yaml. A
    build with OTA_PROVENANCE=y writes the same list, with the firmware's SHA-256.

    \b
    Example:
      aos-ota sbom -C solutions/ota_demo -o ota_demo.cdx.json
    """
    pairs = split_pairs(settings)
    view = load_view(directory, board=board, command_line=pairs, warn=echo_warning)
    resolved = resolve_view(view, pairs, echo_warning)
    product = Product(view.solution.name, resolved.app_version, view.board.name if view.board else None, "")
    document = bill_of_materials(product, [component_of(package, view) for package in view.components])
    if output == STDOUT:
        echo_json_text(document.decode("utf-8"))
        return
    for package in view.components:
        refuse_overwriting(output, package.file)
    write_file(output, document)
    click.echo(f"{output}  {len(view.components)} components of {product.name} {product.version}")
