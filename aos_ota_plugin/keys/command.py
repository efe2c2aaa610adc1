"""A program that signs: a KMS' command, a CI system's signing service. It is started without a shell.

Protocol. The program reads the image's 32-byte hash from standard input and signs it as a message: RSASSA-PKCS1-v1_5
with SHA-256 *of those 32 bytes*. A service that signs digests takes the SHA-256 of the message instead. Message and
digest are in the environment as hexadecimal digits (``AOS_OTA_SIGN_MESSAGE``, ``AOS_OTA_SIGN_DIGEST``), and replace
``{message_hex}``, ``{message_base64}``, ``{digest_hex}`` and ``{digest_base64}`` in arguments. Neither is a secret.
The program writes the signature to standard output: raw, hexadecimal or base64. With OTA_PROVENANCE it is started once
more, for the statement: a longer message, which is not in the environment.
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

_PLACEHOLDER = re.compile(r"\{((?:message|digest)[A-Za-z0-9_]*)\}")
_PLACEHOLDERS = ("message_hex", "message_base64", "digest_hex", "digest_base64")


def parse_command(text: str) -> Tuple[str, ...]:
    """Split ``command:PROGRAM ARGUMENT…`` into words, the same on every system.

    White space in single or double quotes does not end a word; a backslash is a character like any other; nothing is
    expanded. Raises SigningKeyError.
    """
    placeholders = ", ".join("{" + name + "}" for name in _PLACEHOLDERS)
    words = _words(text[len(SCHEME) :] if text[: len(SCHEME)].lower() == SCHEME else text)
    for word in words[1:]:
        for name in _PLACEHOLDER.findall(word):
            if name not in _PLACEHOLDERS:
                raise SigningKeyError(
                    f"{{{name[:80]}}} in the signing command is not a placeholder",
                    remedy=f"write one of {placeholders}",
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
    """Return the program's absolute path.

    A relative path starts at ``folder``, a bare name is looked up on PATH. Raises SigningKeyError.
    """
    if "/" in name or os.sep in name:
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(name)))
        file = shutil.which(path)
    else:
        path, file = name, shutil.which(name)
    if file is None:
        raise SigningKeyError(
            f"the program {path} is not there, or cannot be run",
            remedy="give its path relative to the solution, or put it on PATH; is it executable?",
        )
    if file.lower().endswith((".bat", ".cmd")):
        raise SigningKeyError(
            f"{file} is a batch file, which Windows runs through its shell",
            remedy="start its interpreter or program directly",
        )
    return os.path.abspath(file)


class CommandSigner(VerifiedSigner):
    """A signer that starts a program in ``folder``; its repr shows the program and the public key only.

    ``timeout`` is in seconds.
    """

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
        # A long message does not fit the environment; the program reads it, as any other, from standard input.
        short = {"AOS_OTA_SIGN_MESSAGE": values["message_hex"]} if len(message) == HASH_SIZE else {}
        environment = own_environment(AOS_OTA_SIGN_DIGEST=values["digest_hex"], **short)
        arguments = [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in self._words[1:]]
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


def read_timeout(environ: Mapping[str, str]) -> int:
    """Return the seconds of ``AOS_OTA_SIGNER_TIMEOUT``, else 60. Raises SigningKeyError."""
    text = environ.get(TIMEOUT_VARIABLE, "")
    if not text:
        return TIMEOUT
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise SigningKeyError(
            f"{TIMEOUT_VARIABLE} is not a whole number of seconds from 1 to 99999",
            remedy=f"set it like {TIMEOUT_VARIABLE}=120, or unset it for {TIMEOUT}",
        )
    return int(text)
