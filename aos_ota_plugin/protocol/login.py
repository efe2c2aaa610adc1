"""A device's login at the platform's broker: client id, user name, and password made with its secret.

Client id ``{id}|securemode=2,signmethod=hmacsha256,timestamp={t}|``, user name ``{device name}&{product key}``,
password = hexadecimal HMAC with the device secret over
``clientId{id}deviceName{dn}productKey{pk}timestamp{t}``; without a timestamp in the client id the last part is left
out. Other fields between the bars are ignored.

>>> login = login_of(Identity("a1", "lamp", "secret"), timestamp="1")
>>> login.client_id
'a1.lamp|securemode=2,signmethod=hmacsha256,timestamp=1|'
>>> login.user
'lamp&a1'
"""

from __future__ import annotations

import hmac
from typing import Dict, NamedTuple, Optional

SIGN_METHODS = {"hmacsha1": "sha1", "hmacsha256": "sha256", "hmacmd5": "md5"}
DEFAULT_METHOD = "hmacmd5"
"""The method where the client id names none: the oldest of the three."""


class Identity(NamedTuple):
    """The names and the secret of one device. Its repr has no secret."""

    product_key: str
    device_name: str
    device_secret: str

    def __repr__(self) -> str:
        return f"Identity({self.product_key!r}, {self.device_name!r})"

    @property
    def user(self) -> str:
        """Return the user name of its login."""
        return f"{self.device_name}&{self.product_key}"


class Login(NamedTuple):
    """The client id, user name and password of a CONNECT packet. Its repr has no password."""

    client_id: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.client_id!r}, {self.user!r})"


def login_of(
    identity: Identity, *, client: Optional[str] = None, method: str = "hmacsha256", timestamp: str = "2524608000000"
) -> Login:
    """Return a device's login; `client` is the free part of the client id, by default ``{pk}.{dn}``."""
    client = f"{identity.product_key}.{identity.device_name}" if client is None else client
    fields = {"securemode": "2", "signmethod": method, "timestamp": timestamp}
    password = login_password(identity, client, method, timestamp)
    return Login(f"{client}|{','.join(f'{key}={value}' for key, value in fields.items())}|", identity.user, password)


def login_password(identity: Identity, client: str, method: str, timestamp: Optional[str]) -> str:
    """Return the password of a login: the HMAC in lower-case hex.

    Raises KeyError for a method that is none of SIGN_METHODS.
    """
    content = f"clientId{client}deviceName{identity.device_name}productKey{identity.product_key}"
    if timestamp is not None:
        content += f"timestamp{timestamp}"
    return hmac.new(identity.device_secret.encode(), content.encode(), SIGN_METHODS[method]).hexdigest()


def problem_of(login: Login, identity: Optional[Identity]) -> Optional[str]:
    """Return the problem of a login, without its secrets; None when it is that of `identity`."""
    if identity is None or login.user != identity.user:
        return "no such device is registered"
    client, bar, rest = login.client_id.partition("|")
    if not bar or not rest.endswith("|"):
        return "the client id is not {id}|securemode=2,signmethod=…,timestamp=…|"
    fields = _fields(rest[:-1])
    if fields.get("securemode", "2") != "2":
        return f"securemode is {fields['securemode'][:20]!a}; over TLS it is 2"
    method = fields.get("signmethod", DEFAULT_METHOD).lower()
    if method not in SIGN_METHODS:
        return f"signmethod {method[:20]!a} is none of {', '.join(SIGN_METHODS)}"
    expected = login_password(identity, client, method, fields.get("timestamp"))
    if not hmac.compare_digest(expected.encode(), login.password.lower().encode("utf-8", "replace")):
        return "the password is not the one of this device's secret, client id and timestamp"
    return None


def _fields(text: str) -> Dict[str, str]:
    pairs = (field.partition("=") for field in text.split(","))
    return {name: value for name, _, value in pairs}
