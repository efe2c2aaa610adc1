"""The sources of mbedtls, cJSON and lwIP, from Debian's source packages.

They are fetched once, by apt-get with a separate configuration (no root, no change to the system's), from the mirror
that this system's apt uses. They are kept in the user's cache folder, and used only if they have the SHA-256 below.
The archives are the authors' own, without Debian's patches; lwIP's lacks the files that Debian may not distribute.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.files.transaction import write_file

SUITE = "bookworm"
_SOURCES = f"""\
Types: deb-src
URIs: {{mirror}}
Suites: {SUITE}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


class Library(NamedTuple):
    """A source package: its archive, the archive's SHA-256, and the files that are compiled."""

    name: str
    archive: str
    sha256: str
    files: Tuple[Tuple[str, str], ...]
    """(path below the archive's top folder, path in the component); a folder ends in ``/``."""


_MBEDTLS = (
    "asn1parse",
    "bignum",
    "constant_time",
    "md",
    "md5",
    "oid",
    "platform_util",
    "rsa",
    "rsa_internal",
    "sha256",
)

_TLS = (
    "aes",
    "asn1write",
    "base64",
    "cipher",
    "cipher_wrap",
    "ctr_drbg",
    "ecdh",
    "ecdsa",
    "ecp",
    "ecp_curves",
    "entropy",
    "entropy_poll",
    "gcm",
    "pem",
    "pk",
    "pk_wrap",
    "pkparse",
    "platform",
    "sha512",
    "ssl_ciphersuites",
    "ssl_cli",
    "ssl_msg",
    "ssl_tls",
    "x509",
    "x509_crt",
)
_MBEDTLS_ARCHIVE = ("mbedtls_2.28.3.orig.tar.gz", "3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d")

LIBRARIES = (
    Library(
        "mbedtls",
        *_MBEDTLS_ARCHIVE,
        (
            *((f"library/{name}.c", f"library/{name}.c") for name in _MBEDTLS),
            *(
                (f"library/{name}.h", f"library/{name}.h")
                for name in ("common", "constant_time_internal", "constant_time_invasive")
            ),
            ("include/mbedtls/", "include/mbedtls/"),
            ("LICENSE", "LICENSE"),
        ),
    ),
    Library(
        "cjson",
        "cjson_1.7.15.orig.tar.gz",
        "5308fd4bd90cef7aa060558514de6a1a4a0819974a26e6ed13973c5f624c24b2",
        (("cJSON.c", "cJSON.c"), ("cJSON.h", "include/cJSON.h"), ("LICENSE", "LICENSE")),
    ),
)

NETWORK_LIBRARIES = (
    Library(
        "mbedtls",
        *_MBEDTLS_ARCHIVE,
        (
            *((f"library/{name}.c", f"library/{name}.c") for name in (*_MBEDTLS, *_TLS)),
            *LIBRARIES[0].files[len(_MBEDTLS) :],
            ("library/ecp_invasive.h", "library/ecp_invasive.h"),
            ("library/ssl_tls13_keys.h", "library/ssl_tls13_keys.h"),
        ),
    ),
    LIBRARIES[1],
    Library(
        "lwip",
        "lwip_2.1.3+dfsg1.orig.tar.xz",
        "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24",
        (
            *(
                (f"src/{folder}", f"src/{folder}")
                for folder in (
                    "core/",
                    "core/ipv4/",
                    "include/lwip/",
                    "include/lwip/priv/",
                    "include/lwip/prot/",
                    "include/netif/",
                    "include/netif/ppp/",
                    "netif/ethernet.c",
                )
            ),
            ("COPYING", "COPYING"),
        ),
    ),
)
"""The libraries of a device with its own network."""


def cache_folder() -> Path:
    """Return the folder of fetched archives: ``aos_ota_plugin`` in the user's cache folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aos_ota_plugin"


def library_files(
    say: Callable[[str], None], folder: Path, libraries: Optional[Tuple[Library, ...]] = None
) -> Dict[str, Dict[str, bytes]]:
    """Return {library: {path in the component: content}}; `folder` is the cache.

    Missing archives are fetched; `say` gets a line before. Raises BuildError when that fails, or when an archive has
    another SHA-256.
    """
    libraries = libraries or LIBRARIES
    missing = [library for library in libraries if not (folder / library.archive).is_file()]
    if missing:
        names = " ".join(library.name for library in missing)
        say(f"fetching Debian's source packages: {names} (kept in {folder})")
        _fetch(missing, folder)
    return {library.name: _unpack(library, folder / library.archive) for library in libraries}


def _unpack(library: Library, path: Path) -> Dict[str, bytes]:
    import io
    import tarfile

    data = path.read_bytes()
    actual = hashlib.sha256(data).hexdigest()
    if actual != library.sha256:
        raise BuildError(
            f"{path} is not the archive that was checked: its SHA-256 is {actual}, not {library.sha256}",
            remedy="remove it, and it is fetched again",
        )
    contents: Dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            place = _place(library, member.name.partition("/")[2]) if member.isfile() else None
            content = archive.extractfile(member) if place else None
            if place and content:
                contents[place] = content.read()
    return contents


def _place(library: Library, name: str) -> Optional[str]:
    """Return the path in the component of a file of the archive, None when it is not used."""
    for source, target in library.files:
        if name == source:
            return target
        if source.endswith("/") and name.startswith(source) and "/" not in name[len(source) :]:
            return target + name[len(source) :]
    return None


def _fetch(libraries: list[Library], folder: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="aos_ota_plugin-") as scratch:
        apt = _apt(Path(scratch), _mirror(scratch, folder))
        _run([*apt, "update"], scratch, folder)
        names = [library.name for library in libraries]
        _run([*apt, "source", "--download-only", "--tar-only", *names], scratch, folder)
        for library in libraries:
            path = Path(scratch, library.archive)
            if not path.is_file():
                raise _cannot(f"Debian {SUITE} has another version than {library.archive} now", folder)
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != library.sha256:
                raise _cannot(f"the {library.archive} that arrived is not the one that was checked", folder)
            write_file(folder / library.archive, data)


def _mirror(scratch: str, folder: Path) -> str:
    """Return the address of this system's Debian mirror. Raises BuildError."""
    targets = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"],
        scratch,
        folder,
    )
    mirrors = [line.split()[0] for line in targets.splitlines() if line.split()[1:] == [SUITE, "main"]]
    if not mirrors:
        raise _cannot(f"this system's apt does not know Debian {SUITE}", folder)
    return mirrors[0]


def _apt(scratch: Path, mirror: str) -> list[str]:
    """Return the apt-get command with separate lists, caches and sources."""
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    (scratch / "parts" / "source.sources").write_text(_SOURCES.format(mirror=mirror), encoding="utf-8")
    scratch.chmod(0o755)  # apt's own user reads there
    options = {
        "Dir::Etc::sourcelist": os.devnull,
        "Dir::Etc::sourceparts": str(scratch / "parts"),
        "Dir::State::lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
        "APT::Sandbox::User": "",
    }
    return ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _run(command: list[str], scratch: str, folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, errors="replace", check=False, timeout=600
        )
    except OSError:
        raise _cannot("there is no apt-get here to fetch them with", folder) from None
    except subprocess.TimeoutExpired:
        raise _cannot("apt-get did not end within ten minutes", folder) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise _cannot(f"apt-get failed: {lines[-1]}", folder)
    return done.stdout


def _cannot(why: str, folder: Path) -> BuildError:
    archives = {library.archive: library.sha256 for library in (*LIBRARIES, *NETWORK_LIBRARIES)}
    names = " and ".join(f"{archive} (SHA-256 {sha256})" for archive, sha256 in archives.items())
    return BuildError(
        f"the emulated device's libraries are missing, and {why}",
        remedy=f"put {names}, from Debian's source packages or their authors, into {folder}",
    )
