"""The generated header with the firmware's version, for a solution without a place for it.

>>> print(app_header("app-1.0.1").decode().splitlines()[5])
#define MY_APP_VER "app-1.0.1"
"""

from __future__ import annotations

from .c_text import c_string
from .names import VERSION_MACRO

_TEXT = """\
/* Made by aos_ota_plugin; edits here are lost. */
#ifndef OTA_APP_H
#define OTA_APP_H

/* The version of this firmware: report it to the platform. */
#define {macro} {version}

#endif
"""


def app_header(version: str) -> bytes:
    """Return ``ota_app.h``, ASCII. Raises SourceError for a version that C cannot hold."""
    return _TEXT.format(macro=VERSION_MACRO, version=c_string(version, "the version")).encode("ascii")
