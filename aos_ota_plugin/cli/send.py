"""``aos-ota send``."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Optional

import click

from aos_ota_plugin.cli.options import FILE, Size, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.console.transfer_bar import transfer_bar
from aos_ota_plugin.transport import boot_menu
from aos_ota_plugin.transport import line as ymodem
from aos_ota_plugin.transport.line import Line
from aos_ota_plugin.transport.sender import Sender
from aos_ota_plugin.transport.serial_port import BAUD, SerialPort
from aos_ota_plugin.verify.release_file import read_for_board


@click.command("send")
@click.argument("file", type=FILE)
@click.option("--port", required=True, help="The serial port, e.g. /dev/ttyUSB0 or COM3.")
@click.option("--baud", type=int, default=BAUD, show_default=True, help="Bits a second.")
@click.option("--address", type=Size(), help="Where in the flash to write.  [default: the bank that does not run]")
@click.option("--plain", is_flag=True, help="No boot menu: another Ymodem receiver waits (aos-ota receive, rb).")
@click.option(
    "--any-file",
    is_flag=True,
    help="Also write a file that no board can run as it is, or that is not the one in the manifest beside it.",
)
@click.option("--switch", is_flag=True, help="Make the other bank boot afterwards.")
@click.option("--reboot", is_flag=True, help="Reboot the board afterwards.")
@click.option(
    "--wait",
    type=float,
    default=boot_menu.ENTER_SECONDS,
    show_default=True,
    help="Seconds to wait for the board's boot menu.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 100),
    default=boot_menu.ATTEMPTS,
    show_default=True,
    help="How often to send a file when bytes get lost.",
)
@json_option()
def command(
    file: str,
    port: str,
    baud: int,
    address: Optional[int],
    plain: bool,
    any_file: bool,
    switch: bool,
    reboot: bool,
    wait: float,
    attempts: int,
    as_json: bool,
) -> None:
    """Write FILE (ota_rtos.bin) to a board's flash through its boot stage's serial menu.

    Reset the board when you are asked to. The boot stage checks the CRC of each block and nothing else: no
    signature, and not whether a block came twice. So when bytes get lost, the file is sent again from its start.

    \b
    Example:
      aos-ota send --port /dev/ttyUSB0 --switch --reboot ota_rtos.bin
    """
    if plain and (address is not None or switch or reboot):
        raise click.UsageError("--address, --switch and --reboot belong to the boot menu, which --plain goes without")
    data, name = read_for_board(file, plain=plain, any_file=any_file), os.path.basename(file)
    with SerialPort(port, baud, tell=_tell) as line:
        if plain:
            with transfer_bar(sys.stderr, name, len(data)) as show:
                ymodem.send(line, Sender(name, data), show)
            result: Dict[str, Any] = {"file": file, "size": len(data)}
        else:
            upload = boot_menu.Upload(name, data, address, attempts)
            result = {"file": file, "size": len(data), **_write(line, upload, wait=wait, switch=switch, reboot=reboot)}
    if as_json:
        echo_json(result)
    else:
        _show(result)


def _write(line: Line, upload: boot_menu.Upload, *, wait: float, switch: bool, reboot: bool) -> Dict[str, Any]:
    """Write a file through the boot menu; what is shown of it."""
    _tell(f"waiting up to {wait:.0f} s for the boot menu: reset the board now")
    boot_menu.enter(line, seconds=wait)
    _tell("the board erases the partition, which can take a minute")
    with transfer_bar(sys.stderr, upload.name, len(upload.data)) as show:
        written = boot_menu.write_file(line, upload, show, _tell)
    result: Dict[str, Any] = {
        "address": f"0x{written.address:x}",
        "attempts": written.attempts,
        "confirmed": written.confirmed,
    }
    if switch:
        result["boots"] = boot_menu.switch(line)
    if reboot:
        boot_menu.reboot(line)
    return result


def _show(result: Dict[str, Any]) -> None:
    done = f"written at {result['address']}" if "address" in result else "sent"
    click.echo(f"{result['file']}: {result['size']} bytes {done}")
    if result.get("confirmed") is False:
        click.echo("the board did not confirm address and length in words that are known here")
    if "boots" in result:
        click.echo(f"bank {result['boots']} boots next")


def _tell(text: str) -> None:
    click.echo(text, err=True)
