"""Which products a key has signed for, as far as this user built them: one small file a key, nothing secret in it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import List, Optional, Tuple

from aos_ota_plugin.errors import OutputError

_PRODUCTS_MAX = 100
_FILE_MAX = 64 << 10


def state_folder() -> Path:
    """Where it is remembered: ``aos_ota_plugin/keys`` in the user's state folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "aos_ota_plugin" / "keys"


def record_use(fingerprint: str, product: str, folder: Optional[Path] = None) -> Tuple[str, ...]:
    """Remember in `folder`, or the user's own, that a key signed for `product`; return the others that it signed for.

    What cannot be read counts as nothing, and what cannot be written is not remembered: no build fails for it.
    """
    from aos_ota_plugin.files.transaction import write_file

    try:
        path = (folder or state_folder()) / f"{fingerprint}.json"
    except RuntimeError:  # no home folder
        return ()
    known = _read(path)
    if product not in known:
        known = [*known, product][-_PRODUCTS_MAX:]
        with contextlib.suppress(OutputError, OSError):
            write_file(path, (json.dumps({"products": known}, ensure_ascii=False) + "\n").encode("utf-8"))
    return tuple(name for name in known if name != product)


def _read(path: Path) -> List[str]:
    try:
        with path.open("rb") as stream:
            products = json.loads(stream.read(_FILE_MAX).decode("utf-8"))["products"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    named = (
        [name for name in products if isinstance(name, str) and name.isprintable()]
        if isinstance(products, list)
        else []
    )
    return named[-_PRODUCTS_MAX:]
