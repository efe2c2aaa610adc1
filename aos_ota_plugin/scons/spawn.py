"""Let programs that SCons starts hold the build's lock, so that none writes into the next build."""

from __future__ import annotations

import subprocess
from typing import Any, List, Mapping

from aos_ota_plugin.files.lock import BuildLock


def inherit_lock(lock: BuildLock) -> None:
    """Let every program that SCons starts from now on hold `lock` until it ends, where that is possible.

    By default SCons closes all files but the standard streams in the programs that it starts.
    """
    handle = lock.handle
    if handle is None:
        return
    import SCons.Platform.posix

    def run(command: List[str], env: Mapping[str, Any]) -> int:
        return subprocess.Popen(command, env=env, pass_fds=(handle,)).wait()

    SCons.Platform.posix.exec_subprocess = run
