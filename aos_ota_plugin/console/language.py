"""Find the language in which to show texts that are there in English and Chinese.

>>> language_of({"LANG": "zh_CN.UTF-8"}, "utf-8")
'zh'
>>> language_of({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "utf-8")
'en'
"""

from __future__ import annotations

import os
import sys
from typing import Mapping, Optional

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_LANG_CHINESE = 0x04  # the primary language identifier of winnt.h
_PRIMARY_MASK = 0x3FF


def language() -> str:
    """Return "zh" where the user reads Chinese and standard output can show it, else "en"."""
    return language_of(os.environ, sys.stdout.encoding, _windows_language())


def language_of(environ: Mapping[str, str], encoding: Optional[str], windows: Optional[int] = None) -> str:
    """Return the language for an environment; `windows` is the identifier of Windows' UI language.

    The first variable that is set decides; without any, Windows does. An `encoding` without Chinese means English.
    """
    name = next((environ[variable] for variable in _VARIABLES if environ.get(variable)), None)
    if name is None:
        chinese = windows is not None and windows & _PRIMARY_MASK == _LANG_CHINESE
    else:
        chinese = name.lower().startswith("zh")
    return "zh" if chinese and _can_show_chinese(encoding) else "en"


def _can_show_chinese(encoding: Optional[str]) -> bool:
    try:
        return bool("固件签名".encode(encoding or "utf-8"))
    except (UnicodeEncodeError, LookupError):
        return False


def _windows_language() -> Optional[int]:
    if sys.platform != "win32":
        return None
    import ctypes

    return int(ctypes.windll.kernel32.GetUserDefaultUILanguage())
