"""Runs one command and prints its wall time (s), CPU time (s) and peak memory (KiB) as JSON.

    python -I -S spawn.py OUTPUT COMMAND...

A process of its own, with hardly a module imported: the kernel counts the memory of the process that starts a child
among the child's own peak, so the starter must be smaller than anything measured.
"""

import os
import sys
import time


def main(output, command):
    keep = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=keep)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    print(
        f'{{"status": {status}, "wall": {wall}, "cpu": {usage.ru_utime + usage.ru_stime}, "peak": {usage.ru_maxrss}}}'
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
