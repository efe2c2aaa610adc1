"""Check whether git's history of a solution holds a secret."""

from __future__ import annotations

import shutil
from typing import Dict, Iterator, Optional

from aos_ota_plugin.settings.history import search_history
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.verify.check import Check

_SHOWN = 5


def check_history(solution: str, settings: Optional[OtaSettings], name: str) -> Iterator[Check]:
    """Yield a check, called ``name``, for what git's history of a solution's folder holds of its secrets."""
    if shutil.which("git") is None:
        yield Check(name, None, "not searched: there is no `git` on PATH")
        return
    history = search_history(solution, _named_secrets(settings))
    if history is None:
        yield Check(name, True, "the solution is in no git repository")
        return
    for leak in history.leaks[:_SHOWN]:
        yield Check(
            name,
            False,
            f"commit {leak.commit[:12]} holds {leak.kind}, in {leak.file or 'a file'}",
            "anyone with the history has it: make a new one; removing it from the history does not take it back",
        )
    if len(history.leaks) > _SHOWN:
        yield Check(name, False, f"and {len(history.leaks) - _SHOWN} more like it")
    if not history.complete:
        yield Check(name, None, "not searched to its end: git was too slow, or failed")
    elif not history.leaks:
        yield Check(name, True, "no unencrypted private key and none of the secrets that are set")


def _named_secrets(settings: Optional[OtaSettings]) -> Dict[str, bytes]:
    if settings is None:
        return {}
    secrets = settings.secrets
    named = {
        "the device secret": secrets.device_secret,
        "the product secret": secrets.product_secret,
        "the key's passphrase": secrets.key_passphrase,
    }
    return {what: secret.reveal() for what, secret in named.items() if secret}
