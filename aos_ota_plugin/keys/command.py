"""A program as the signer: a KMS' command, a CI system's signing service. No shell has a part in it.

Protocol. The program gets the image's 32-byte hash as it is on standard input, and signs it as any message: it makes
RSASSA-PKCS1-v1_5 with SHA-256 *of those 32 bytes*. Who has to be given the SHA-256 of the message instead takes the
digest. Both stand in the environment in hexadecimal digits (``AOS_OTA_SIGN_MESSAGE``, ``AOS_OTA_SIGN_DIGEST``), and in
arguments in the places of ``{message_hex}``, ``{message_base64}``, ``{digest_hex}`` and ``{digest_base64}``. Neither is
a secret. The signature is what it writes to standard output: raw, hexadecimal or base64. With OTA_PROVENANCE it is
asked once more, for the statement: a longer message, which is not in the environment.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import shutil
from typing import Dict, Mapping, Tuple

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import HASH_SIZE, PublicKey
from aos_ota_plugin.keys.signature import MAX_SIZE, decode_signature
from aos_ota_plugin.keys.signer import VerifiedSigner
from aos_ota_plugin.programs import Tool, own_environment, run_tool

SCHEME = "command:"
TIMEOUT_VARIABLE = "AOS_OTA_SIGNER_TIMEOUT"
TIMEOUT = 60
"""Seconds that a signing program may take."""

_PLACE = re.compile(r"\{((?:message|digest)[A-Za-z0-9_]*)\}")
_PLACES = ("message_hex", "message_base64", "digest_hex", "digest_base64")


def parse_command(text: str) -> Tuple[str, ...]:
    """Split ``command:PROGRAM ARGUMENT…`` into words, the same on every system.

    Quotes, single or double, hold a word together; a backslash is a character like any other; nothing is expanded.
    Raises SigningKeyError.
    """
    known = ", ".join("{" + one + "}" for one in _PLACES)
    words = _words(text[len(SCHEME) :] if text[: len(SCHEME)].lower() == SCHEME else text)
    for word in words[1:]:
        for name in _PLACE.findall(word):
            if name not in _PLACES:
                raise SigningKeyError(
                    f"{{{name}}} in the signing command stands for nothing", remedy=f"write one of {known}"
                )
    return words


def _words(text: str) -> Tuple[str, ...]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        words = tuple(lexer)
    except ValueError:
        raise SigningKeyError("a quote in this command is never closed", remedy="close it") from None
    if not words or not words[0]:
        raise SigningKeyError(
            "there is no program in this command", remedy="write it like command:tools/sign --key-id ota"
        )
    return words


def find_program(name: str, folder: str) -> str:
    """The program's file: a path starts at ``folder``, a bare name is looked up on PATH. Raises SigningKeyError."""
    if "/" in name or os.sep in name:
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(name)))
        found = shutil.which(path)
    else:
        path, found = name, shutil.which(name)
    if found is None:
        raise SigningKeyError(
            f"the program {path} is not there, or cannot be run",
            remedy="give its path relative to the solution, or put it on PATH; is it executable?",
        )
    if found.lower().endswith((".bat", ".cmd")):
        raise SigningKeyError(
            f"{found} is a batch file, which Windows runs through its shell",
            remedy="start its interpreter or program directly",
        )
    return os.path.abspath(found)


class CommandSigner(VerifiedSigner):
    """Signs by starting a program in ``folder``. Its repr names the program and the public key only."""

    maker = "the signing command"

    def __init__(self, words: Tuple[str, ...], public_key: PublicKey, *, folder: str, timeout: float = TIMEOUT) -> None:
        super().__init__(public_key, place=Place(f"{SCHEME}{words[0]}"))
        self._words = words
        self._program = find_program(words[0], folder)
        self._folder = folder
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"CommandSigner({self._words[0]}, {self._public_key.fingerprint})"

    def _make_signature(self, message: bytes) -> bytes:
        values = _values(message)
        # An environment has no room for a long message; that one stands on standard input, as each does.
        short = {"AOS_OTA_SIGN_MESSAGE": values["message_hex"]} if len(message) == HASH_SIZE else {}
        environment = own_environment(AOS_OTA_SIGN_DIGEST=values["digest_hex"], **short)
        arguments = [_PLACE.sub(lambda match: values[match[1]], word) for word in self._words[1:]]
        output = run_tool(
            Tool(
                (self._program, *arguments),
                folder=self._folder,
                environment=environment,
                timeout=self._timeout,
                limit=MAX_SIZE,
                what=self.maker,
                place=self._place,
                longer=f"give it more seconds with {TIMEOUT_VARIABLE}",
            ),
            message,
        )
        return decode_signature(output, what="what the signing command wrote to standard output", place=self._place)


def _values(message: bytes) -> Dict[str, str]:
    digest = hashlib.sha256(message).digest()
    return {
        "message_hex": message.hex(),
        "message_base64": base64.b64encode(message).decode("ascii"),
        "digest_hex": digest.hex(),
        "digest_base64": base64.b64encode(digest).decode("ascii"),
    }


def timeout_of(environ: Mapping[str, str]) -> int:
    """Seconds that a signing program may take: ``AOS_OTA_SIGNER_TIMEOUT``, else 60. Raises SigningKeyError."""
    text = environ.get(TIMEOUT_VARIABLE, "")
    if not text:
        return TIMEOUT
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise SigningKeyError(
            f"{TIMEOUT_VARIABLE} is no whole number of seconds from 1 to 99999",
            remedy=f"set it like {TIMEOUT_VARIABLE}=120, or unset it for {TIMEOUT}",
        )
    return int(text)
