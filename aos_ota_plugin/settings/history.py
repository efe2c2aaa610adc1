"""Looks for secrets in what git remembers: whoever has the history has them, however long ago they were removed.

Seen are lines that were added anywhere in the history: unencrypted private keys in PEM, the secrets that are set now,
and any ``ota.secrets.yaml``. Not seen: keys in DER, what git takes for binary, and what only a merge brought in.
"""

from __future__ import annotations

import os
import re
import threading
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from aos_ota_plugin.files.git import git_command, git_environment, in_repository
from aos_ota_plugin.settings.secretfile import SECRETS_FILE

_COMMIT = b"\0"
_TIMEOUT_SECONDS = 60
_LEAST = 8
"""Characters; a shorter secret would be found in any text."""


class Leak(NamedTuple):
    """What was found, never its text: in which commit, in which file."""

    what: str
    commit: str
    file: str


class History(NamedTuple):
    """The leaks in the order of git's log, newest first; not ``complete`` when time ran out or git failed."""

    leaks: Sequence[Leak]
    complete: bool


def search_history(folder: str, secrets: Mapping[str, bytes]) -> Optional[History]:
    """Search everything that was ever committed below ``folder``; None where no git repository is, or no git.

    ``secrets`` are values by what to call them. They are compared here, and never given to git.
    """
    import subprocess

    if not in_repository(folder):
        return None
    command = git_command(
        "--no-pager",
        "log",
        "--all",
        "--patch",
        "--unified=0",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--format=%x00%H",
        "--",
        ".",
    )
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    timer = threading.Timer(_TIMEOUT_SECONDS, process.kill)
    timer.start()
    with process:
        try:
            assert process.stdout is not None  # for the type checker: it is a pipe
            leaks = list(find_leaks(process.stdout, secrets))
        finally:
            timer.cancel()
            process.kill()
    return History(leaks, process.returncode == 0)


def find_leaks(log: Iterable[bytes], secrets: Mapping[str, bytes]) -> Iterator[Leak]:
    """Find leaks in the lines of ``git log --patch --format=%x00%H``; each kind once a file and commit."""
    needles = {what: value for what, value in secrets.items() if len(value) >= _LEAST}
    commit = file = ""
    key_begins = False
    seen = set()
    for line in log:
        if line.startswith(_COMMIT):
            commit, file, key_begins = _hexadecimal(line[1:].strip()), "", False
            continue
        if line.startswith(b"+++ "):
            file, key_begins = _path(line), False
            for value in needles.values():  # a name can hold one, too
                file = file.replace(value.decode("utf-8", "backslashreplace"), "<secret>")
            found = ["a secrets file"] if os.path.basename(file) == SECRETS_FILE else []
        elif line.startswith(b"+"):
            found = [what for what, value in needles.items() if value in line]
            # An encrypted key of the older kind says so in the line after the first.
            if key_begins and b"ENCRYPTED" not in line:
                found.append("a private key that is not encrypted")
            key_begins = b"-----BEGIN " in line and b"PRIVATE KEY-----" in line and b"ENCRYPTED" not in line
        else:
            continue
        for leak in (Leak(what, commit, file) for what in found):
            if leak not in seen:
                seen.add(leak)
                yield leak


def _hexadecimal(text: bytes) -> str:
    """A commit's name; "" for what is none."""
    return text.decode("ascii") if re.fullmatch(rb"[0-9a-f]{1,64}", text) else ""


def _path(line: bytes) -> str:
    """The file that ``+++ b/path`` names; git puts a path with odd characters between quotes, escaped."""
    name = line[4:].rstrip(b"\r\n").split(b"\t", 1)[0]
    if name.startswith(b'"') and name.endswith(b'"'):
        name = _unescaped(name[1:-1])
    return name[2:].decode("utf-8", "backslashreplace") if name.startswith(b"b/") else ""


def _unescaped(text: bytes) -> bytes:
    result: List[int] = []
    at = 0
    while at < len(text):
        octal = re.compile(rb"\\([0-7]{3})").match(text, at)
        if octal:
            result.append(int(octal[1], 8) & 0xFF)
            at += 4
            continue
        at += text[at : at + 1] == b"\\"
        result += text[at : at + 1]
        at += 1
    return bytes(result)
