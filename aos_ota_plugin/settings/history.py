"""Searching git's history for secrets: a clone contains them even after they were removed.

The search covers lines that were added anywhere in the history: unencrypted private keys in PEM, the secrets that are
set now, and any ``ota.secrets.yaml``. It misses keys in DER, binary files, and lines that only a merge added.
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
_MIN_SIZE = 8
"""Characters; shorter secrets are not searched: they occur in any text."""


class Leak(NamedTuple):
    """A secret in the history: its kind, never its text, with the commit and the file."""

    kind: str
    commit: str
    file: str


class History(NamedTuple):
    """The leaks in the order of git's log, newest first; not ``complete`` when time ran out or git failed."""

    leaks: Sequence[Leak]
    complete: bool


def search_history(folder: str, secrets: Mapping[str, bytes]) -> Optional[History]:
    """Return the leaks in all commits below ``folder``; None without a git repository.

    ``secrets`` are values by the kind to report. They are compared here and never given to git.
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
        return History((), complete=False)
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
    needles = {kind: value for kind, value in secrets.items() if len(value) >= _MIN_SIZE}
    commit = file = ""
    key_begins = False
    seen = set()
    for line in log:
        if line.startswith(_COMMIT):
            commit, file, key_begins = _hexadecimal(line[1:].strip()), "", False
            continue
        if line.startswith(b"+++ "):
            file, key_begins = _path(line), False
            for value in needles.values():  # a name can contain a secret, too
                file = file.replace(value.decode("utf-8", "backslashreplace"), "<secret>")
            kinds = ["a secrets file"] if os.path.basename(file) == SECRETS_FILE else []
        elif line.startswith(b"+"):
            kinds = [kind for kind, value in needles.items() if value in line]
            # The second line of an encrypted key in the older format says that it is encrypted.
            if key_begins and b"ENCRYPTED" not in line:
                kinds.append("a private key that is not encrypted")
            key_begins = b"-----BEGIN " in line and b"PRIVATE KEY-----" in line and b"ENCRYPTED" not in line
        else:
            continue
        for leak in (Leak(kind, commit, file) for kind in kinds):
            if leak not in seen:
                seen.add(leak)
                yield leak


def _hexadecimal(text: bytes) -> str:
    """Return a commit's name; "" for any other text."""
    return text.decode("ascii") if re.fullmatch(rb"[0-9a-f]{1,64}", text) else ""


def _path(line: bytes) -> str:
    """Return the file that ``+++ b/path`` names; git quotes and escapes a path with special characters."""
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
