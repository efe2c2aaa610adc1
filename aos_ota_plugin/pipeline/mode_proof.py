"""Prove the security mode that the agent on the device was compiled for.

In local mode ``OTA_CONFIG_LOCAL_RSA`` is defined, and compiles the check of an image's own signature into the component
``ota``. An ``#undef`` in a header, or a component's own definition, would make firmware of another mode than the
settings say. So each source that names the macro is preprocessed with its own command line.

The result is saved beside the solution's state, and used until an object file changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import BuildError, OutputError, Place, ProofError
from aos_ota_plugin.files.read import SOURCE_MAX, TEXT_MAX, read_bytes, read_file
from aos_ota_plugin.files.transaction import write_file

MACRO = "OTA_CONFIG_LOCAL_RSA"
_SCHEMA = "aos-ota-mode/1"
_WITHOUT_VALUE = ("-c", "-M", "-MM", "-MD", "-MMD", "-MP", "-MG")
_WITH_VALUE = ("-o", "-MF", "-MT", "-MQ")
_SECONDS = 120
"""Time limit in seconds for preprocessing one source."""


class ModeEvidence(NamedTuple):
    """The evidence of the mode in the sources: a text for the proof, or why there is none."""

    passed: str = ""
    not_judged: str = ""


COMPILED_ELSEWHERE = ModeEvidence(not_judged="this build does not compile the component ota")


class Command(NamedTuple):
    """A compiler's command line, empty for a source that is neither C nor C++, and its environment."""

    words: Tuple[str, ...]
    environment: Mapping[str, str]


class CompiledSource(NamedTuple):
    """A source of the component, its object file, and a function that returns the compile command."""

    source: str
    object: str
    command: Callable[[], Command]


def judge_mode(
    sources: Optional[Sequence[CompiledSource]], security: str, *, folder: str, state: Optional[str]
) -> ModeEvidence:
    """Check that the sources of ``ota`` are compiled for ``security`` ("local", "cloud" or "none").

    ``sources`` is None where they are not compiled in this build. ``folder`` is the folder where their commands run,
    ``state`` the file with the last result.

    Raises:
        ProofError: a source is compiled for another mode.
        BuildError: a source cannot be read, or the compiler cannot preprocess it.
    """
    if not sources:
        return COMPILED_ELSEWHERE
    inputs: Dict[str, Any] = {
        "schema": _SCHEMA,
        "security": security,
        "objects": [_stamp(one.object) for one in sources],
    }
    last = _read(state)
    if last is not None and all(last.get(name) == value for name, value in inputs.items()):
        return ModeEvidence(str(last.get("passed", "")), str(last.get("not_judged", "")))
    naming = [one for one in sources if MACRO.encode() in _source_bytes(one.source)]
    for one in naming:
        check_source(_preprocess(one, folder), security, one.source)
    evidence = _evidence(naming, security)
    if state:
        with contextlib.suppress(OutputError):  # then the next build looks again
            write_file(state, (json.dumps({**inputs, **evidence._asdict()}, indent=1) + "\n").encode("ascii"))
    return evidence


def check_source(preprocessed: str, security: str, source: str) -> None:
    """Check one preprocessed source: local mode needs one definition as 1, other modes none.

    Raises ProofError, with the place of the wrong line.
    """
    from aos_ota_plugin.sources.macro_uses import find_uses

    uses = find_uses(preprocessed, MACRO)
    defined = [use for use in uses if use.kind == "define"]
    undefined = [use for use in uses if use.kind == "undef"]
    name = os.path.basename(source)
    if security != "local":
        if defined:
            raise ProofError(
                f"{name} is compiled with {MACRO}, which is for local mode, and the settings say {security} mode: "
                "these devices would look for a signature inside the image",
                place=_shown(defined[0].place, source),
                remedy=f"remove this line; the settings decide who signs (`{MACRO}: y` under def_config)",
            )
        return
    if undefined:
        raise ProofError(
            f"{name} is compiled without {MACRO}: this line undefines it, so these devices would take images that "
            "are not signed",
            place=_shown(undefined[0].place, source),
            remedy="remove this line; the settings decide who signs",
        )
    if len(defined) != 1 or defined[0].value != "1":
        raise ProofError(
            f"{name} is not compiled with {MACRO} as 1, once: "
            + (f"it is defined as {defined[-1].value[:80]!r}" if defined else "it is not defined"),
            place=_shown(defined[-1].place, source) if defined else Place(source),
            remedy="remove every definition of it but the build's own; the settings decide who signs",
        )


def preprocessing(command: Sequence[str]) -> List[str]:
    """Return the command that preprocesses the source of ``command``, with definitions and line markers."""
    words: List[str] = []
    skip = False
    for word in command:
        if skip or word in _WITHOUT_VALUE:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        else:
            words.append(word)
    return [*words[:1], "-E", "-dD", *words[1:]]


def _evidence(naming: Sequence[CompiledSource], security: str) -> ModeEvidence:
    if not naming:
        return ModeEvidence(not_judged=f"no source of the component ota names {MACRO}")
    names = ", ".join(sorted({os.path.basename(one.source) for one in naming}))
    return ModeEvidence(f"{MACRO} is {'1' if security == 'local' else 'not defined'} in {names}")


def _preprocess(one: CompiledSource, folder: str) -> str:
    compiling = one.command()
    if not compiling.words:
        raise BuildError(
            f"the security mode cannot be proven: {one.source} names {MACRO}, and is neither C nor C++",
            remedy=f"use {MACRO} in C sources alone",
        )
    command = preprocessing(compiling.words)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(compiling.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            close_fds=False,  # it holds the build's lock, see spawn.py
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(
            f"the security mode cannot be proven: {command[0]} cannot preprocess {one.source}: {error}",
            remedy="check the chip's toolchain_prefix and toolchain_path",
        ) from None
    if done.returncode:
        problem = done.stderr.decode("utf-8", "replace").strip()
        raise BuildError(
            f"the security mode cannot be proven: {command[0]} does not preprocess {one.source} "
            f"(status {done.returncode}):\n{problem}",
            remedy="use a compiler that has GCC's options -E and -dD",
        )
    return done.stdout.decode("utf-8", "replace")


def _shown(place: Place, source: str) -> Place:
    return place if place.file and not place.file.startswith("<") else Place(source)


def _source_bytes(path: str) -> bytes:
    return read_file(path, "the source", "restore it", limit=SOURCE_MAX, error=BuildError)


def _stamp(path: str) -> List[Any]:
    try:
        status = os.stat(path)
    except OSError:
        return [path, None, None]
    return [path, status.st_size, status.st_mtime_ns]


def _read(state: Optional[str]) -> Optional[Dict[str, Any]]:
    if not state:
        return None
    try:
        value = json.loads(read_bytes(state, TEXT_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
