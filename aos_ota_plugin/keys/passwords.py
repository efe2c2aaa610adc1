"""Reading the passphrase of an encrypted key and the PIN of a token; never from an argument.

The order is: environment or ``ota.secrets.yaml``, the program that ``AOS_OTA_PASSPHRASE_COMMAND`` names (passphrase) or
the file that the URI's ``pin-source`` names (PIN), a question on the terminal. An empty value is an error where the
secret is needed; the next source is not tried then. Commands that need none do not look at it.
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
"""Seconds for the passphrase command, which may ask the user."""


def passphrase(access: Access, file: str) -> Optional[bytes]:
    """Read the passphrase of the encrypted key ``file``; None where no source has it.

    Raises SecretError for an empty one, SigningKeyError for a command that fails.
    """
    if access.passphrase is not None:
        return _require_filled(access.passphrase.reveal(), PASSPHRASE_VARIABLE)
    _refuse_empty(PASSPHRASE_VARIABLE)
    _refuse_empty(COMMAND_VARIABLE)
    command = os.environ.get(COMMAND_VARIABLE)
    if command is not None:
        return _require_filled(
            _from_command(command, file, access.folder), f"what the program of {COMMAND_VARIABLE} wrote"
        )
    return _ask_user(access, f"passphrase of {file}")


def pin(access: Access, uri: Pkcs11Uri) -> bytes:
    """Read the PIN of the token that ``uri`` names, in UTF-8. Raises SecretError."""
    value: Optional[bytes]
    if access.pin is not None:
        value = _require_filled(access.pin.reveal(), PIN_VARIABLE)
    else:
        _refuse_empty(PIN_VARIABLE)
        value = (
            _from_file(uri.pin_source, access.folder)
            if uri.pin_source
            else _ask_user(access, f"PIN of {uri.without_query}")
        )
    if value is None:
        raise SecretError(
            "the token wants a PIN, and none was given",
            place=Place(uri.without_query),
            remedy=f"set {PIN_VARIABLE}, or name a file of your own with pin-source= in the URI",
        )
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(
            "the PIN is not UTF-8", place=Place(uri.without_query), remedy=f"correct {PIN_VARIABLE}"
        ) from None
    return value


def pin_file(source: str, folder: str) -> str:
    """Return the path of the file in a ``pin-source``, a path or a ``file:`` URI, relative to ``folder``."""
    path = unquote(source[len("file:") :]) if source.lower().startswith("file:") else source
    return os.path.join(folder, "/" + path.lstrip("/") if path.startswith("//") else os.path.expanduser(path))


def _refuse_empty(variable: str) -> None:
    if os.environ.get(variable) == "":
        _require_filled(b"", variable)


def _require_filled(value: bytes, what: str) -> bytes:
    if not value:
        raise SecretError(
            f"{what} is empty", remedy="give the secret itself, or unset the variable to give it another way"
        )
    return value


def _ask_user(access: Access, question: str) -> Optional[bytes]:
    answer = access.ask(question) if access.ask else None
    return None if answer is None else _require_filled(answer.encode("utf-8", "surrogateescape"), f"the {question}")


def _from_command(command: str, file: str, folder: str) -> bytes:
    """Return the first line that the program writes; it may ask the user on the terminal."""
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
    """Return the first line of the file that ``pin-source`` names."""
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
            remedy=f"chmod 600 '{path}'; if others use this machine, set a new PIN too",
        )
    from aos_ota_plugin.files.git import tracked_by_git

    if tracked_by_git(path):
        raise SecretError(
            "git tracks the file with the PIN",
            place=place,
            remedy="`git rm --cached` it, add it to .gitignore, and set a new PIN",
        )
    return _require_filled((data.splitlines() or [b""])[0].strip(), f"the first line of {path}")
