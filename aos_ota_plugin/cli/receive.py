"""``aos-ota receive``."""

from __future__ import annotations

import sys
from typing import List

import click

from aos_ota_plugin.cli.options import FOLDER, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.console.transfer_bar import transfer_bar
from aos_ota_plugin.errors import FormatError, OutputError
from aos_ota_plugin.files.transaction import create_below
from aos_ota_plugin.images.names import check_name, check_together
from aos_ota_plugin.transport.line import receive
from aos_ota_plugin.transport.receiver import Received, Receiver
from aos_ota_plugin.transport.serial_port import BAUD, SerialPort


@click.command("receive")
@click.option("--port", required=True, help="The serial port, e.g. /dev/ttyUSB0 or COM3.")
@click.option("--baud", type=int, default=BAUD, show_default=True, help="Bits a second.")
@click.option("-d", "--directory", default=".", type=FOLDER, help="The folder for the files.  [default: here]")
@json_option()
def command(port: str, baud: int, directory: str, as_json: bool) -> None:
    """Receive the files of one Ymodem session over a serial port.

    The other end is `aos-ota send --plain`, or sb. No file is overwritten, and folders in a sender's names are
    refused.

    \b
    Example:
      aos-ota receive --port /dev/ttyUSB0 -d received/
    """
    receiver = Receiver()
    with (
        SerialPort(port, baud, tell=lambda text: click.echo(text, err=True)) as line,
        transfer_bar(sys.stderr, "receiving", None) as show,
    ):
        receive(line, receiver, show)
    _check(receiver.files)
    create_below(directory, {file.name: file.data for file in receiver.files})
    if as_json:
        echo_json(
            {
                "directory": directory,
                "files": [{"name": file.name, "size": len(file.data), "exact": file.exact} for file in receiver.files],
            }
        )
        return
    for file in receiver.files:
        note = "" if file.exact else "  (no size was sent, so padding may follow the last byte)"
        click.echo(f"{file.name}  {len(file.data)} bytes{note}")


def _check(files: List[Received]) -> None:
    if not files:
        raise FormatError("the sender ended the session without a file", remedy="give it a file to send")
    for file in files:
        check_name(file.name)
        if "/" in file.name:
            raise OutputError(
                f"the sender wants to write to {file.name!a}, in a folder of its choice",
                remedy="send the file under its plain name",
            )
    check_together(file.name for file in files)
