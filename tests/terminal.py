"""A terminal for a program that asks."""

from __future__ import annotations

import os


def typed(command, text, cwd, **environment):
    """Run a command on a terminal of its own and type ``text`` when it asks; the status and what was shown."""
    import pty  # POSIX only
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update(environment)
        os.execv(command[0], command)
    shown = b""
    answered = False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
        # A line of output may be read up to a colon, and what is typed then is dropped when the question comes: only a
        # program that asks for a secret has switched the echo off.
        if not answered and shown.endswith(b": ") and not termios.tcgetattr(terminal)[3] & termios.ECHO:
            os.write(terminal, text.encode() + b"\n")
            answered = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode("utf-8", "replace")
