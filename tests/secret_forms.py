"""A secret's bytes in every form in which a careless program writes them down, and looking for them."""

from __future__ import annotations

import base64
import hashlib


def forms(secret):
    """The secret as it is, and the ways in which a careless program writes it down."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "backwards": raw[::-1],
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "utf-16-le": secret.encode("utf-16-le"),
        "utf-16-be": secret.encode("utf-16-be"),
        "C bytes": ", ".join(f"0x{byte:02x}" for byte in raw).encode(),
        "URL": secret.replace(" ", "%20").replace("&", "%26").encode(),
        # A digest without salt is as good as the secret to who can guess.
        "md5": hashlib.md5(raw).hexdigest().encode(),
        "sha1": hashlib.sha1(raw).hexdigest().encode(),
        "sha256": hashlib.sha256(raw).hexdigest().encode(),
    }
    for shift in range(3):
        # Inside a longer text base64 depends on what stands before, in one of three ways.
        inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 :]
        found[f"base64 +{shift}"] = inner[: len(inner) // 4 * 4 - 4]
        found[f"base64url +{shift}"] = found[f"base64 +{shift}"].replace(b"+", b"-").replace(b"/", b"_")
    return found


def holding(data, secret):
    return [form for form, needle in forms(secret).items() if needle in data]


def tree_holding(root, secret):
    """{path below root: forms found} of every file, whatever its name or kind."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            forms_found = holding(path.read_bytes(), secret)
            if forms_found:
                found[path.relative_to(root).as_posix()] = forms_found
    return found
