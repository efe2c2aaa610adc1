"""``aos-ota pack-files``."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import List

import click

from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import FormatError, Place, placed
from aos_ota_plugin.images.pack import PackFile, build
from aos_ota_plugin.release.store import write_atomic

_KINDS = (
    (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@click.command("pack-files", short_help="pack a folder's files for a module, a sub-device or scripts")
@click.argument("folder", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="The pack to write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(folder: str, output: str, as_json: bool) -> None:
    """Put all files of FOLDER into one data-file pack, in an order that depends on their names alone.

    Names that mean different files on different systems, links, pipes and devices are refused.

    \b
    Example:
      aos-ota pack-files scripts/ -o scripts.pack
    """
    root = Path(folder)
    target = Path(os.path.realpath(output))
    if Path(os.path.realpath(folder)) in target.parents:
        raise FormatError(f"the output {output} would lie inside {folder}, and be packed the next time",
                          remedy="choose a place outside with -o")
    files = _collect(root, "")
    with placed(folder):
        pack = build(files)
    write_atomic(output, pack)
    if as_json:
        echo_json({"file": output, "size": len(pack),
                   "files": [{"name": file.name, "size": len(file.data)} for file in files]})
        return
    click.echo(f"{output}  {len(pack)} bytes  {len(files)} files")
    needed = sorted({file.name.rpartition("/")[0] for file in files} - {""})
    if needed:
        click.echo(f"devices make no folders; these have to be there: {', '.join(needed)}")


def _collect(folder: Path, prefix: str) -> List[PackFile]:
    """Read the files below a folder without following links."""
    files: List[PackFile] = []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            path = folder / entry.name
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode):
                files += _collect(path, f"{prefix}{entry.name}/")
            elif stat.S_ISREG(mode):
                files.append(PackFile(prefix + entry.name, _read(path)))
            else:
                kind = next((name for test, name in _KINDS if test(mode)), "no file")
                raise FormatError(f"this is {kind}, and a pack holds only files", place=Place(str(path)),
                                  remedy="remove it from the folder, or put a copy of the file in its place")
    except OSError as problem:
        raise FormatError(f"cannot be read: {problem.strerror or problem}",
                          place=Place(str(problem.filename or folder)),
                          remedy="give a folder with files that you may read") from None
    return sorted(files, key=lambda file: file.name.encode("utf-8", "surrogateescape"))


def _read(path: Path) -> bytes:
    """Read a file that is still no link at the moment it is opened, where the system can tell."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
                     | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        return stream.read()
