"""List the files that an image step wrote, with their paths as in a chip's description."""

from __future__ import annotations

import os
from typing import Iterator, List, Tuple

from aos_ota_plugin.pipeline.site import Site

_SHOWN = 20
_CLOCK_NS = 20_000_000
"""How far behind the clock a file system's time stamps may be, in nanoseconds."""
_OTHERS = (".git", "__pycache__")


def written_since(site: Site, started: int) -> str:
    """Return a text that lists the files written after ``started``, with their sizes.

    ``started`` is in nanoseconds since 1970. The linker's files and ours are not listed.
    """
    # The linker may have written its last file within _CLOCK_NS before the step.
    since = max(started - _CLOCK_NS, *(_changed(path) for path in (site.binary, site.elf) if path), 0)
    ours = {site.binary, site.elf, site.manifest, site.image}
    found = {}
    for start, folder in _folders(site):
        for path, size in _written(folder, since, _own(site)):
            if path not in ours and not os.path.basename(path).startswith("."):
                found[f"{start}/{os.path.relpath(path, folder).replace(os.sep, '/')}"] = size
    if not found:
        return "it wrote nothing below the folders of chip, board and solution"
    names = [f"{name} ({size} bytes)" for name, size in sorted(found.items())]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it wrote {', '.join(names[:_SHOWN])}{more}"


def files_since(site: Site, started: int) -> Iterator[str]:
    """Yield the files below the folders of chip, board and solution that were written since a step began."""
    for _, folder in _folders(site):
        for path, _ in _written(folder, started - _CLOCK_NS, ""):
            yield path


def _folders(site: Site) -> List[Tuple[str, str]]:
    """Return the folders that a step may write to, each with what stands for it in a description."""
    folders = (("$CHIP", site.chip_folder), ("$BOARD", site.board_folder), ("$SOLUTION", site.solution_folder))
    return [(start, folder) for start, folder in folders if folder]


def _own(site: Site) -> str:
    return os.path.dirname(site.state) if site.state else ""


def _written(folder: str, since: int, skipped: str) -> Iterator[Tuple[str, int]]:
    """Yield path and size of each file below a folder that was written since then."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _OTHERS and entry.path != skipped:
                        waiting.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if max(status.st_mtime_ns, status.st_ctime_ns) > since:
                yield entry.path, status.st_size


def _changed(path: str) -> int:
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)
