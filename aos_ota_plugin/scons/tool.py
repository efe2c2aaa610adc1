"""``env.Tool("aos_ota")`` for SCons projects of any kind (SCons 3.1 and 4)."""

from __future__ import annotations

from typing import Any


def generate(env: Any) -> None:
    """Add ``OtaSource``, ``OtaIdentity`` and ``OtaImage`` to ``env``."""
    from aos_ota_plugin.console.streams import escape_unencodable
    from aos_ota_plugin.scons.builders import register

    escape_unencodable()
    register(env)


def exists(env: Any) -> bool:
    """Return True: the tool needs no other program."""
    return True
