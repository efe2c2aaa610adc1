"""``aos-ota``: finds the verb's module when it is asked for, so that no command pays for another's imports."""

from __future__ import annotations

import importlib
import sys
from typing import List, Optional

import click

from aos_ota_plugin import __version__
from aos_ota_plugin.console.streams import escape_unencodable
from aos_ota_plugin.errors import OtaError

VERBS = {
    "keygen": "make a signing key",
    "init": "set a solution up for signed OTA images",
    "config": "show every setting, and where its value comes from",
    "menuconfig": "change the solution's settings in a menu",
    "make": "run `aos make`, with every setting arriving, and its true exit status",
    "sign": "sign a payload outside a build, as the build does",
    "approve": "agree to a payload, as the second of four eyes",
    "keys": "show which releases trust and were signed by which key, and what comes next",
    "diff": "make a diff image from one payload or release to another",
    "apply": "make the new payload of an old one and a diff image",
    "verify": "answer as a device would: accepted, or its own error",
    "verify-release": "check a kept release, its statement and components, or rebuild it and compare",
    "sbom": "list the solution's components in CycloneDX",
    "info": "tell what any file of ours is, all the way in",
    "pack": "combine images for one device: APP, KERNEL, ALL, FS, MCU",
    "pack-files": "pack a folder's files for a module, a sub-device or scripts",
    "unpack-files": "unpack a data-file pack into a folder",
    "send": "write a file to a board's flash over its serial port",
    "receive": "receive files over a serial port",
    "report": "which file to send over which channel, and how long it takes",
    "push-message": "print the message that offers a file of a release to a device",
    "doctor": "check the set-up, and say how to mend it",
    "flash": "write a build's files to the flash of an emulated board, and show its partitions",
    "simulate": "take an emulated device through upgrades that must succeed or be refused",
    "device": "run an emulated device that speaks MQTT and HTTP for itself",
    "cloud": "run a cloud on this machine: broker, image server, rollouts, a page to watch",
    "register": "register devices with the cloud on this machine",
    "upload": "add a package to the cloud on this machine",
    "push": "push a package to devices of that cloud: to one first, then to the others",
    "status": "show devices, packages and rollouts of that cloud",
    "fleet": "take hundreds of device models through a rollout, with faults",
    "story": "a cloud and three emulated devices, from the first connection to the new version",
    "demo": "build two signed releases of the demo workspace with the real aos make",
}

ALIASES = {"inspect": "info"}


class LazyGroup(click.Group):
    """Lists the verbs from the table above and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """The verbs in the order a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """The verb's own command, or None for an unknown one."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"aos_ota_plugin.cli.{cmd_name.replace('-', '_')}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a verb, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aos-ota")
def group() -> None:
    """Signed, proven OTA images for AliOS Things.

    Exit status: 0 done or accepted, 1 refused or failed, 2 wrong usage.

    \b
    Example:
      aos-ota keygen -o keys/ota_key.pem
      aos-ota verify ota_rtos_ota.bin --elf out/ota_demo@haas100.elf
    """


def main(arguments: Optional[List[str]] = None) -> None:
    """Run the command; an error of ours is shown without a traceback and ends with status 1."""
    escape_unencodable()  # a console that cannot show a character of a path must not end the command
    try:
        group.main(args=arguments, prog_name="aos-ota")
    except OtaError as error:
        click.echo(f"aos-ota: error: {error}", err=True)
        sys.exit(1)
    except Exception as error:  # a traceback's message may hold a secret
        from aos_ota_plugin.process import describe

        click.echo(f"aos-ota: {describe(error)}", err=True)
        sys.exit(1)
