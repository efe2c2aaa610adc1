"""Where the passphrase of an encrypted key and the PIN of a token come from; never from an argument.

The order is: environment or ``ota.secrets.yaml``, the program that ``AOS_OTA_PASSPHRASE_COMMAND`` names (passphrase) or
the file that the URI's ``pin-source`` names (PIN), a question on the terminal. What is there and empty is an error,
and never the next in order.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional
from urllib.parse import unquote

from aos_ota_plugin.errors import Place, SecretError
from aos_ota_plugin.files.read import KEY_MAX, read_with_mode
from aos_ota_plugin.keys.pkcs11_uri import PIN_VARIABLE, Pkcs11Uri
from aos_ota_plugin.keys.signer import PASSPHRASE_VARIABLE

if TYPE_CHECKING:
    from aos_ota_plugin.keys.access import Access

COMMAND_VARIABLE = "AOS_OTA_PASSPHRASE_COMMAND"
COMMAND_TIMEOUT = 300
"""Seconds that a person has to answer what the passphrase command asks."""


def passphrase(access: Access, file: str) -> Optional[bytes]:
    """The passphrase of the encrypted key ``file``, None where nothing says. Raises SecretError, SigningKeyError."""
    if access.passphrase is not None:
        return _filled(access.passphrase.reveal(), PASSPHRASE_VARIABLE)
    _refuse_empty(PASSPHRASE_VARIABLE)
    command = os.environ.get(COMMAND_VARIABLE)
    if command is not None:
        return _filled(_from_command(command, file, access.folder), f"what the program of {COMMAND_VARIABLE} wrote")
    return _asked(access, f"passphrase of {file}")


def pin(access: Access, uri: Pkcs11Uri) -> bytes:
    """The PIN of the token that ``uri`` names. Raises SecretError."""
    found: Optional[bytes]
    if access.pin is not None:
        found = _filled(access.pin.reveal(), PIN_VARIABLE)
    else:
        _refuse_empty(PIN_VARIABLE)
        found = _from_file(uri.pin_source, access.folder) if uri.pin_source else _asked(access, f"PIN of {uri.shown}")
    if found is None:
        raise SecretError(
            "the token wants a PIN, and none was given",
            place=Place(uri.shown),
            remedy=f"set {PIN_VARIABLE}, or name a file of your own with pin-source= in the URI",
        )
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError("the PIN is not UTF-8", place=Place(uri.shown), remedy=f"correct {PIN_VARIABLE}") from None
    return found


def pin_file(source: str, folder: str) -> str:
    """The path of the file that a ``pin-source`` of a solution in ``folder`` names: as a path, or as a file: URI."""
    path = unquote(source[len("file:") :]) if source.lower().startswith("file:") else source
    return os.path.join(folder, "/" + path.lstrip("/") if path.startswith("//") else path)


def _refuse_empty(variable: str) -> None:
    if os.environ.get(variable) == "":
        _filled(b"", variable)


def _filled(value: bytes, what: str) -> bytes:
    if not value:
        raise SecretError(
            f"{what} is empty", remedy="give the secret itself, or unset the variable to give it another way"
        )
    return value


def _asked(access: Access, question: str) -> Optional[bytes]:
    answer = access.ask(question) if access.ask else None
    return None if answer is None else _filled(answer.encode("utf-8", "surrogateescape"), f"the {question}")


def _from_command(command: str, file: str, folder: str) -> bytes:
    """The first line that the program writes; it may ask the user on the terminal."""
    from aos_ota_plugin.keys.command import find_program, parse_command
    from aos_ota_plugin.programs import Tool, own_environment, run_tool

    what, place = "the passphrase command", Place(COMMAND_VARIABLE)
    words = parse_command(command)
    written = run_tool(
        Tool(
            (find_program(words[0], folder), *words[1:]),
            folder=folder,
            timeout=COMMAND_TIMEOUT,
            limit=4096,
            environment=own_environment(AOS_OTA_PASSPHRASE_FOR=file),
            what=what,
            place=place,
            terminal=True,
        ),
        None,
    )
    return written.splitlines()[0] if written.strip() else b""


def _from_file(source: str, folder: str) -> bytes:
    """The first line of the file that ``pin-source`` names."""
    path = pin_file(source, folder)
    place = Place(path)
    try:
        data, mode = read_with_mode(path, KEY_MAX)
    except OSError as error:
        raise SecretError(
            f"the file of pin-source cannot be read: {error.strerror}",
            place=place,
            remedy=f"correct pin-source= in the URI, or set {PIN_VARIABLE} instead",
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise SecretError(
            f"others can read or change the file with the PIN (mode {mode:04o})",
            place=place,
            remedy=f"chmod 600 {path!r}; if others use this machine, set a new PIN too",
        )
    from aos_ota_plugin.files.git import tracked_by_git

    if tracked_by_git(path):
        raise SecretError(
            "git tracks the file with the PIN",
            place=place,
            remedy="`git rm --cached` it, add it to .gitignore, and set a new PIN",
        )
    return _filled((data.splitlines() or [b""])[0].strip(), f"the first line of {path}")
