"""Prompts for secrets on the terminal, which do not show the answer."""

from __future__ import annotations

import functools
import sys
from typing import Optional


@functools.cache
def ask_secret(question: str) -> Optional[str]:
    """Return the user's answer, or None without a terminal; a process asks each question once.

    Standard input and standard error have to be terminals: a build server must fail, not wait.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return None
    import getpass

    try:
        return getpass.getpass(f"{question}: ", stream=sys.stderr)
    except EOFError:
        return None
