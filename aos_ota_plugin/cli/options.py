"""Options that several verbs share, and how their values are read."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, TypeVar

import click

from aos_ota_plugin.console.streams import require_stdout
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.files.links import follow_link
from aos_ota_plugin.files.read import PAYLOAD_MAX
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.reference import has_scheme

if TYPE_CHECKING:
    from aos_ota_plugin.keys.secret import Secret

Verb = TypeVar("Verb", bound=Callable[..., Any])

CLOUD_FOLDER = "build/cloud"
KEY_METAVAR = "FILE|pkcs11:…|command:…"
STDOUT = "-"


class UserPath(click.Path):
    """A path in which ``~`` is the home folder, also where no shell sees it: in ``--key=~/k.pem``.

    ``-`` is a usage error unless ``allow_dash`` is set: other programs take it for standard input or output.
    """

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        """Return the path; a usage error where it has to be a file or a folder, or cannot be a path."""
        if value == STDOUT and not self.allow_dash:
            self.fail("- is no standard input or output here; for a file or folder of that name write ./-", param, ctx)
        path = os.fsdecode(super().convert(os.path.expanduser(value), param, ctx))
        try:
            os.stat(path)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP) and not has_scheme(path):
                self.fail(f"{path}: {error.strerror}", param, ctx)
        return path


FILE = UserPath(dir_okay=False)
FOLDER = UserPath(file_okay=False)
ANY_PATH = UserPath()


class OutputPath(UserPath):
    """A file to write: of a link the file that it leads to. With ``stream``, ``-`` is standard output."""

    def __init__(self, *, stream: bool = False) -> None:
        super().__init__(dir_okay=False, allow_dash=stream)

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        """Return the path of the file itself. Raises OutputError for standard output where it is closed."""
        path = super().convert(value, param, ctx)
        if path != STDOUT:
            return follow_link(path)
        require_stdout()
        return path


class Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """A number of bytes, decimal or 0x hexadecimal."""

    name = "bytes"

    def convert(self, value: object, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> int:
        """Return the number; a usage error for anything else."""
        if isinstance(value, int):
            return value
        try:
            size = int(str(value), 0)
        except ValueError:
            size = 0
        if not 0 < size <= PAYLOAD_MAX:
            self.fail(f"{value!r} is not a number of bytes such as 5734400 or 0x578000", param, ctx)
        return size


def json_option(what: str = "one JSON object") -> Callable[[Verb], Verb]:
    """Add ``--json`` (``as_json``), which prints `what`."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what}.", callback=_checked)


def _checked(_context: click.Context, _option: click.Parameter, as_json: bool) -> bool:
    """Raise OutputError for ``--json`` with standard output closed, before the command does anything."""
    if as_json:
        require_stdout()
    return as_json


def output_option(what: str, **attributes: Any) -> Callable[[Verb], Verb]:
    """Add ``-o`` (``output``), the file to write; it must be given unless `attributes` say otherwise."""
    return click.option("-o", "--output", **{"required": True, "type": OutputPath(), "help": what, **attributes})


def private_key_option(what: str, **attributes: Any) -> Callable[[Verb], Verb]:
    """Add ``--key``: a private key's file, a token's URI or a program."""
    return click.option("--key", metavar=KEY_METAVAR, type=FILE, help=what, **attributes)


def public_key_of_command_option(verb: Verb) -> Verb:
    """Add ``--public-key`` (``public_key_file``) beside a ``--key`` that may be a program."""
    option = click.option(
        "--public-key", "public_key_file", type=FILE, help="The public key; needed when --key is a command."
    )
    return option(verb)


magic_option = click.option(
    "--magic",
    default="all",
    show_default=True,
    type=click.Choice([name.lower() for name in ImageMagic.__members__], case_sensitive=False),
    help="What the image replaces: its image_magic.",
)
partition_size_option = click.option(
    "--partition-size",
    type=Size(),
    default=HAAS100_RTOS_SIZE,
    help="Bytes that the OTA partition holds.  [default: the HaaS100's 0x578000]",
)
solution_option = click.option(
    "-C", "--directory", default=".", type=FOLDER, help="The solution, or the workspace.  [default: here]"
)
board_option = click.option("-b", "--board", help="As `aos make -b`: the board whose package.yaml counts.")
cloud_option = click.option(
    "--cloud",
    "directory",
    default=CLOUD_FOLDER,
    show_default=True,
    type=FOLDER,
    help="The folder that the cloud runs in.",
)


def access() -> Access:
    """Return the access to private keys: secrets from the environment, else asked for on the terminal."""
    return Access(_from_environment("AOS_OTA_KEY_PASSPHRASE"), _from_environment("AOS_OTA_PKCS11_PIN"), ask)


def ask(question: str) -> Optional[str]:
    """Ask on the terminal without echo; return None where there is no terminal."""
    from aos_ota_plugin.console.prompt import ask_secret

    return ask_secret(question)


def _from_environment(variable: str) -> Optional[Secret]:
    value = os.environ.get(variable)
    if not value:  # an empty one is judged when it is needed
        return None
    from aos_ota_plugin.keys.secret import Secret

    return Secret(value)


def split_pairs(arguments: Tuple[str, ...]) -> Tuple[Tuple[str, str], ...]:
    """Split ``KEY=value`` arguments as ``aos make`` takes them. Raises UsageError for anything else."""
    pairs: List[Tuple[str, str]] = []
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise click.UsageError(f"{argument!r} is not KEY=value")
        if name in dict(pairs):
            raise click.UsageError(f"{name} is given twice")
        pairs.append((name, value))
    return tuple(pairs)
