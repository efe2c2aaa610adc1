"""What the benchmarks work on: a payload of a HaaS100's size, a key, workspaces with many sources."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.workspace.component_files import component_files, package_folder
from tests.bench.measure import BIN, ENVIRONMENT, Sample, command

PAYLOAD_SIZE = 5 * 1024 * 1024 + 512 * 1024  # 5.5 MiB: the vendor's demo firmware nearly fills its partition
PARTITION_SIZE = 0x600000
_SOURCES = 200


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    quick: bool
    payload: Optional[Path]


def payload(file: Optional[Path] = None) -> bytes:
    """5.5 MiB of seeded random bytes, the same on every run; or a firmware of the user's own."""
    return file.read_bytes() if file else random.Random(20211).randbytes(PAYLOAD_SIZE)


def describe(data: bytes) -> str:
    """One sentence on what was packed."""
    return f"Payload: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}."


def write_key(path: Path) -> Path:
    """An unencrypted RSA-2048 key that only we can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        path.write_bytes(generate_private_pem(None))
        path.chmod(0o600)
    return path


class Workspace:
    """The demo workspace and a component of 200 sources, with the plugin or without a trace of it in use."""

    def __init__(self, root: Path, *, plugin: bool) -> None:
        self.solution = root / "solutions" / "ota_demo"
        self.package = self.solution / "package.yaml"
        self._environment = {**ENVIRONMENT, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        if root.exists():
            shutil.rmtree(root)
        shutil.copytree(package_folder() / "demo" / "workspace", root, ignore=shutil.ignore_patterns("__pycache__"))
        for name, data in component_files().items():
            _write(root / "components" / "aos_ota_plugin" / name, data.decode("utf-8"))
        write_key(self.solution / "keys" / "ota_dev_key.pem")
        _add_sources(root / "components" / "many_sources")
        text = self.package.read_text(encoding="utf-8").replace("depends:\n", "depends:\n  - many_sources: master\n")
        if not plugin:
            lines = [line for line in text.splitlines() if "aos_ota_plugin" not in line]
            text = "\n".join(lines).partition("\ndef_config:")[0] + "\n"
        self.package.write_text(text, encoding="utf-8")

    def make(self, *arguments: str) -> Sample:
        """The real ``aos make``, measured."""
        return command([str(BIN / "aos"), "make", *arguments], self.solution, self._environment)

    def output(self) -> str:
        """What the last build printed."""
        return (self.solution / ".bench-output").read_text(encoding="utf-8", errors="replace")


def require_aos() -> None:
    """Stop with a word where a build cannot run."""
    missing = [
        name
        for name, path in (("aos", BIN / "aos"), ("arm-none-eabi-gcc", Path("/usr/bin/arm-none-eabi-gcc")))
        if not path.exists()
    ]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; `make bench` sets it up")


def _add_sources(folder: Path) -> None:
    names = [f"src/part_{number:03}.c" for number in range(_SOURCES)]
    listed = "".join(f"  - {name}\n" for name in names)
    _write(
        folder / "package.yaml",
        f"name: many_sources\nversion: master\ntype: common\ndescription: many sources\nsource_file:\n{listed}",
    )
    for number, name in enumerate(names):
        _write(folder / name, f"int many_part_{number}(int x)\n{{\n    return x * {number} + 1;\n}}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
