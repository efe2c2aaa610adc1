"""The data folder of a cloud: keys, certificates, ports and token, readable by the owner only.

====================  =====================================================================================
``cloud.json``        ports, the API's token, the key of image addresses; a client finds the cloud by it
``ca.pem``            the root certificate that firmware needs to trust this cloud
``ota_key.pub.pem``   the public half of the key that this cloud signs with, for products with secure upgrade
``cloud.sqlite``      products, devices, packages, jobs and tasks; ``images/`` the files
====================  =====================================================================================
"""

from __future__ import annotations

import datetime
import os
import secrets
import ssl
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence

from aos_ota_plugin.cloud import certificates
from aos_ota_plugin.cloud.certificates import Issued
from aos_ota_plugin.errors import FormatError, OutputError, Place, SecretError, WorkspaceError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.files.documents import DocumentKind, Fields, read_document, write_document
from aos_ota_plugin.files.folders import make_folder
from aos_ota_plugin.files.private_files import take_from_others
from aos_ota_plugin.files.read import read_bytes
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.signer import PemSigner, load_signer

CONFIG = "cloud.json"
CA = "ca.pem"
_CA_KEY, _SERVER, _SERVER_KEY, _SIGNING_KEY = "ca.key", "server.pem", "server.key", "ota_key.pem"
PUBLIC_KEY = "ota_key.pub.pem"
IMAGES = "images"
IDENTITIES = "devices"
LOCK = "cloud.lock"
DATABASE = "cloud.sqlite"
_DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
AUTHORITY_DAYS = 90
"""Days before its end from which on the authority's end is said."""
_RESTORE = (
    f"restore it; moving both {CA} and {_CA_KEY} away makes a new root certificate at the next start, which no "
    "firmware trusts yet"
)
_OWNER_ONLY = 0o600
_MODES = {CONFIG: _OWNER_ONLY, _CA_KEY: _OWNER_ONLY, _SERVER_KEY: _OWNER_ONLY, _SIGNING_KEY: _OWNER_ONLY}
_KIND = DocumentKind(
    "configuration of a cloud",
    {"schema": "aos-ota-cloud/1"},
    "restore it, or move it away; a new one gets other ports and another token",
    or_none=True,
)


@dataclass(frozen=True)
class CloudConfig:
    """The configuration of a cloud; its repr shows no secret.

    Ports are on 127.0.0.1 (0: any free port), `host` is the name under which devices reach this machine.
    """

    mqtt_port: int
    image_port: int
    api_port: int
    host: str
    token: str
    url_key: str

    def __repr__(self) -> str:
        return f"CloudConfig({self.mqtt_port}, {self.image_port}, {self.api_port}, {self.host!r})"

    @property
    def hosts(self) -> List[str]:
        """Return the names that the server's certificate must have."""
        return list(dict.fromkeys([self.host, "127.0.0.1", "localhost"]))


def read_config(folder: Path) -> CloudConfig:
    """Read a cloud's configuration.

    Raises WorkspaceError when `folder` has no cloud, FormatError when the file is damaged.
    """
    path = folder / CONFIG
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        raise WorkspaceError(
            f"there is no cloud in {folder}", remedy=f"start one: aos-ota cloud run {folder}"
        ) from None
    except OSError as error:
        raise _KIND.bad(error.strerror or str(error), Place(str(path))) from None
    fields = read_document(data, _KIND, file=str(path))
    mqtt, image, api = (_port(fields, name) for name in ("mqtt_port", "image_port", "api_port"))
    host, token, url_key = (fields.text(name) for name in ("host", "token", "url_key"))
    return CloudConfig(mqtt, image, api, host, token, url_key)


def _port(fields: Fields, name: str) -> int:
    port = fields.size(name)
    if port >= 65536:
        raise fields.bad(f'"{name}" is no port')
    return port


def new_config(host: str) -> CloudConfig:
    """Return a configuration for a new cloud."""
    return CloudConfig(0, 0, 0, host, secrets.token_hex(16), secrets.token_hex(16))


def write_config(folder: Path, config: CloudConfig) -> None:
    """Write the configuration, readable by the owner only."""
    write_file(folder / CONFIG, write_document(_KIND, asdict(config)), mode=_OWNER_ONLY)


def prepare(folder: Path) -> List[str]:
    """Create the folder and an empty database, for the owner only; return what others could read.

    Raises OutputError, also for a folder of other things that others may read: it is not ours to close. Raises
    FormatError for the empty database of a cloud that has run.
    """
    make_folder(folder, mode=0o700)
    _refuse_shared(folder)
    lines = []
    if take_from_others(folder):
        lines.append(f"{folder} could be read by others; it is closed to them now")
    make_folder(folder / IMAGES, mode=0o700)
    take_from_others(folder / IMAGES)
    if not (folder / DATABASE).exists():
        write_file(folder / DATABASE, b"", mode=_OWNER_ONLY)
    elif (folder / CONFIG).exists() and not (folder / DATABASE).stat().st_size:  # a first start writes CONFIG last
        raise FormatError(f"{folder / DATABASE} is empty", remedy="restore a copy of it, or use another folder")
    for name in _DATABASE_FILES:
        if (folder / name).exists() and take_from_others(folder / name) and lines:
            lines.append(f"{name} could be read by others, too, with the secrets of its devices: they may be known")
    return lines


def _refuse_shared(folder: Path) -> None:
    try:
        names = set(os.listdir(folder))
    except OSError as error:
        raise OutputError(
            f"cannot read {folder}: {error.strerror or error}", remedy="give the cloud a folder of your own"
        ) from None
    if os.name != "posix" or not names or names & {CONFIG, DATABASE, CA, LOCK}:
        return
    if folder.stat().st_mode & 0o077:
        raise OutputError(
            f"others can read {folder}, and other things than a cloud are in it",
            remedy=f"give the cloud a folder of its own, or close this one: chmod 700 {folder}",
        )


def check_secrets(folder: Path) -> None:
    """Raise SecretError when others can read or change a key, the token, or a device's identity."""
    devices = folder / IDENTITIES
    for path in (*(folder / name for name in _MODES), *sorted(devices.glob("*/*.json"))):
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
            remedy = f"chmod 600 {str(path)!r}; if others may have read it, move it away: a new one is made"
            if devices in path.parents:
                remedy = f"chmod -R go= {str(devices)!r}; if others may have read it, register it under another name"
            raise SecretError(
                "others can read or change this file with a secret of the cloud "
                f"(mode {stat.S_IMODE(path.stat().st_mode):04o})",
                place=Place(str(path)),
                remedy=remedy,
            )


def recover(folder: Path) -> None:
    """Complete or remove files that a killed cloud left half written.

    The caller holds the cloud's lock.
    """
    transaction.recover(folder, {*_MODES, CA, _SERVER, PUBLIC_KEY}.__contains__)
    transaction.recover(folder / IMAGES, lambda name: True)


def signing_key(folder: Path) -> PemSigner:
    """Return the signing key of this cloud; where there is none, one is created with its public key.

    Raises FormatError for a public key that is not its own: firmware trusts that one.
    """
    path, public = folder / _SIGNING_KEY, folder / PUBLIC_KEY
    if public.exists() and not path.exists():
        raise _not_the_public_half(f"{_SIGNING_KEY} is missing", public)
    pem = path.read_bytes() if path.exists() else generate_private_pem(None)
    signer = load_signer(pem, file=str(path), passphrase=None)
    public_pem = signer.public_key.to_pem().encode("ascii")
    if public.exists() and public.read_bytes() != public_pem:
        raise _not_the_public_half(f"this is not the public half of {_SIGNING_KEY}", public)
    _write(folder, {_SIGNING_KEY: pem, PUBLIC_KEY: public_pem})
    return signer


def _not_the_public_half(problem: str, public: Path) -> FormatError:
    return FormatError(
        f"{problem}, and firmware may trust this public key",
        place=Place(str(public)),
        remedy=f"restore the {_SIGNING_KEY} that it belongs to; moving {PUBLIC_KEY} away makes a new one at the start",
    )


def tls_context(
    folder: Path, hosts: Sequence[str], now: datetime.datetime, tell: Callable[[str], None] = lambda _: None
) -> ssl.SSLContext:
    """Return the TLS context of the servers; `tell` gets a line about a certificate that is replaced.

    A missing authority is created. A certificate that is missing, not the authority's, for other hosts, or expires
    within a week is created. Raises FormatError.
    """
    ca = _authority(folder, now)
    problem = _renewal_reason(folder, hosts, now)
    if problem:
        if (folder / _SERVER).exists():
            tell(f"{_SERVER} is made anew under the same root certificate: {problem}")
        _issue(folder, ca, hosts, now)
    return load_context(folder)


def renew_certificate(folder: Path, hosts: Sequence[str], now: datetime.datetime, context: ssl.SSLContext) -> bool:
    """Renew the server's certificate under its authority when it is time, and return whether.

    New connections of `context` get it. Raises FormatError, OutputError.
    """
    if not _renewal_reason(folder, hosts, now):
        return False
    _issue(folder, _authority(folder, now, create=False), hosts, now)
    _load_chain(folder, context)
    return True


def authority_warnings(folder: Path, now: datetime.datetime) -> List[str]:
    """Return lines about an authority that is not valid or ends soon; it is never replaced by itself."""
    begins, ends = certificates.validity((folder / CA).read_bytes())
    firmware = f"firmware trusts it and would have to be built with another: move {CA} and {_CA_KEY} away for a new one"
    if now < begins:
        return [
            f"WARNING: {CA} is not valid before {begins:%Y-%m-%d}, so devices refuse this cloud: is the clock right?"
        ]
    if now > ends:
        return [f"WARNING: {CA} ended on {ends:%Y-%m-%d}, so devices refuse this cloud; {firmware}"]
    if ends - now < datetime.timedelta(days=AUTHORITY_DAYS):
        return [f"WARNING: {CA} ends on {ends:%Y-%m-%d}; {firmware}"]
    return []


def _renewal_reason(folder: Path, hosts: Sequence[str], now: datetime.datetime) -> Optional[str]:
    missing = next((name for name in (_SERVER, CA) if not (folder / name).exists()), None)
    if missing:
        return f"{missing} is missing"
    return certificates.server_problem((folder / _SERVER).read_bytes(), (folder / CA).read_bytes(), hosts, now)


def _issue(folder: Path, ca: Issued, hosts: Sequence[str], now: datetime.datetime) -> None:
    try:
        issued = certificates.issue(
            ca, hosts, now - datetime.timedelta(days=1), now + datetime.timedelta(days=certificates.SERVER_DAYS)
        )
    except ValueError:
        raise FormatError(
            f"no certificate can be made for {hosts[0][:80]!a} under this root certificate",
            place=Place(str(folder / CA)),
            remedy=f"give another --host, or restore the {CA} and {_CA_KEY} that this program made",
        ) from None
    install(folder, issued)


def install(folder: Path, issued: Issued) -> None:
    """Write another server certificate; it is used when it is loaded."""
    _write(folder, {_SERVER_KEY: issued.key, _SERVER: issued.certificate})


def load_context(folder: Path) -> ssl.SSLContext:
    """Return the TLS context with the present certificate, unchecked. Raises FormatError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_chain(folder, context)
    return context


def _load_chain(folder: Path, context: ssl.SSLContext) -> None:
    try:
        context.load_cert_chain(folder / _SERVER, folder / _SERVER_KEY)
    except (OSError, ssl.SSLError):
        raise FormatError(
            "the server's certificate and key cannot be read",
            place=Place(str(folder / _SERVER)),
            remedy=f"delete {_SERVER} and {_SERVER_KEY}; new ones are made",
        ) from None


def adopt_authority(source: Path, folder: Path, now: datetime.datetime) -> None:
    """Copy the authority in `source`, created when missing, to a new cloud: firmware trusts both."""
    prepare(folder)
    authority = _authority(source, now)
    _write(folder, {_CA_KEY: authority.key, CA: authority.certificate})


def _authority(folder: Path, now: datetime.datetime, *, create: bool = True) -> Issued:
    """Return the authority; with ``create`` a new one where there is none at all. Raises FormatError."""
    certificate, key = folder / CA, folder / _CA_KEY
    missing = [path for path in (certificate, key) if not path.exists()]
    if len(missing) == 1 or (missing and not create):
        raise FormatError(
            f"{missing[0].name} is missing, and firmware trusts the authority that it belongs to",
            place=Place(str(missing[0])),
            remedy=_RESTORE,
        )
    if missing:
        issued = certificates.make_ca(now)
        _write(folder, {_CA_KEY: issued.key, CA: issued.certificate})
    found = Issued(certificate.read_bytes(), key.read_bytes())
    problem = certificates.authority_problem(found.certificate)
    wrong = certificate if problem else key
    problem = problem or certificates.authority_key_problem(found)
    if problem:
        raise FormatError(problem, place=Place(str(wrong)), remedy=_RESTORE)
    return found


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a key and its certificate in one transaction."""
    transaction.write_set(folder, files, modes=_MODES)
