"""Find the compiler as aos-tools 1.1.43 does."""

from __future__ import annotations

import os
import shutil
from typing import Optional

_NOT_ON_PATH = (
    "arm-none-eabi",
    "arm-ali-aoseabi",
    "riscv64-ali-aos",
    "xtensa-esp32-elf",
    "riscv32-esp-elf",
    "mips-ali-aos",
)
"""The prefixes with which aos-tools does not look in PATH: it installs its own builds of these compilers."""


def find_compiler(folder: str, prefix: str) -> Optional[str]:
    """Return the path of ``PREFIX-gcc`` in a folder of tools; None where there is none."""
    places = (("bin",), ("main", "bin"), (prefix, "bin"), (prefix, "main", "bin"))
    return shutil.which(f"{prefix}-gcc", path=os.pathsep.join(os.path.join(folder, *place) for place in places))


def find_aos_compiler(folder: str, prefix: str) -> Optional[str]:
    """Return the compiler that aos-tools takes without a ``toolchain_path``.

    ``folder`` is aos-tools' folder of tools for this prefix.
    """
    on_path = None if prefix.startswith(_NOT_ON_PATH) else shutil.which(f"{prefix}-gcc")
    return on_path or find_compiler(folder, prefix)
