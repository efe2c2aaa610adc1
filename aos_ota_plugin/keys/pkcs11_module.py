"""Finding the PKCS#11 module (the shared library of a token's driver), and importing python-pkcs11."""

from __future__ import annotations

import glob
import os
import sys
from typing import Any, Mapping, Tuple

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.pkcs11_uri import Pkcs11Uri

MODULE_VARIABLE = "AOS_OTA_PKCS11_MODULE"
EXTRA = 'python -m pip install "aos_ota_plugin[pkcs11]"'

_FOLDERS = (
    "/usr/lib/*/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/local/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib/*/softhsm",
    "/usr/lib/*",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/opt/homebrew/lib",
)


def find_module(uri: Pkcs11Uri, *, folder: str, environ: Mapping[str, str]) -> str:
    """Return the module's file: from the URI, else from ``AOS_OTA_PKCS11_MODULE``.

    A relative ``module-path`` starts at ``folder``. A ``module-name`` is searched in ``module-path`` if that is a
    folder, else in the usual folders of systems. Raises SigningKeyError.
    """
    path = uri.module_path
    if path is not None:
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(path)))
    if uri.module_name is not None:
        return _named_module(uri.module_name, (path,) if path else _FOLDERS)
    path = path or os.path.expanduser(environ.get(MODULE_VARIABLE, "")) or None
    if path is None:
        raise SigningKeyError(
            "no PKCS#11 module is set for this token",
            place=Place(uri.without_query),
            remedy=f"add ?module-path=/usr/lib/… of your token's driver to the URI, or set {MODULE_VARIABLE}",
        )
    if not os.path.isfile(path):
        raise SigningKeyError(
            f"there is no PKCS#11 module {path}",
            place=Place(uri.without_query),
            remedy=f"install the token's driver; correct module-path, or {MODULE_VARIABLE}",
        )
    return path


def _named_module(name: str, folders: Tuple[str, ...]) -> str:
    ending = ".dll" if os.name == "nt" else ".dylib" if sys.platform == "darwin" else ".so"
    for pattern in folders:
        for place in sorted(glob.glob(pattern)) if "*" in pattern else [pattern]:
            for file in (f"{name}{ending}", f"lib{name}{ending}", f"{name}.so", f"lib{name}.so"):
                if os.path.isfile(os.path.join(place, file)):
                    return os.path.join(place, file)
    raise SigningKeyError(
        f"there is no PKCS#11 module {name} in the usual folders",
        remedy="give its whole path as module-path=, or install the token's driver",
    )


def import_library() -> Any:
    """Return the package ``pkcs11``. Raises SigningKeyError."""
    try:
        import pkcs11
    except ImportError as error:
        raise SigningKeyError(f"PKCS#11 keys need the package python-pkcs11: {error}", remedy=EXTRA) from None
    return pkcs11
