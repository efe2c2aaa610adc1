"""The cloud's JSON API and its page, on 127.0.0.1. Reading is free; changes need the token.

Requests under another host name are refused, so that no other web page can read through a browser (DNS rebinding).
"""

from __future__ import annotations

import hmac
import json
import sqlite3
from importlib.resources import files
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qsl, urlsplit

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.cloud.http_service import Handler, Service
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Job
from aos_ota_plugin.cloud.rules import Upload
from aos_ota_plugin.errors import BusyError, FormatError, OtaError, SettingsError
from aos_ota_plugin.protocol.limits import HTTPS_MAX
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.strict_json import read_object

TOKEN_HEADER = "X-Aos-Ota-Token"  # noqa: S105 - a header's name
_BODY_MAX = 4 * 1024 * 1024
_DEVICES_AT_ONCE = 10_000
_LOCAL = ("127.0.0.1", "localhost")


class Answer(NamedTuple):
    """An HTTP answer: status, media type and body."""

    status: int
    kind: str
    body: bytes


class Controls(NamedTuple):
    """The callbacks of the API besides the platform, the public key and the root certificate (both PEM)."""

    online: Callable[[], List[str]]
    broker: Callable[[], Optional[int]]
    log: Callable[[], List[str]]
    set_faults: Callable[[Dict[str, Any]], Dict[str, Any]]
    devices_changed: Callable[[], None]
    public_key: str
    ca: str
    database_error: Callable[[sqlite3.Error], OtaError]


class Api(Service):
    """The HTTP server of the API."""

    def __init__(self, port: int, platform: Platform, token: str, controls: Controls) -> None:
        self.platform = platform
        self.token = token
        self.controls = controls
        super().__init__(port, _ApiHandler)


class _ApiHandler(Handler):
    server: Api

    def do_GET(self) -> None:
        self._answer(self._checked(changes=False) or self._guarded(self._get))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._answer(self._checked(changes=True) or self._guarded(self._post))

    def _answer(self, answer: Answer) -> None:
        self.answer(*answer)

    def refuse(self, status: int, problem: str) -> None:
        self._answer(_error(status, problem))

    def _checked(self, *, changes: bool) -> Optional[Answer]:
        if (self.headers.get("Host") or "").rsplit(":", 1)[0] not in _LOCAL:
            self.close_connection = True
            return _error(403, "the host is not this machine")
        if changes and not hmac.compare_digest(self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()):
            self.close_connection = True
            return _error(401, "the token is missing or wrong", f"send {TOKEN_HEADER}, from the cloud's cloud.json")
        return None

    def _guarded(self, work: Callable[[str, Dict[str, str]], Answer]) -> Answer:
        try:
            path, query = _target(self.path)
            return work(path, query)
        except OtaError as error:
            self.close_connection = True  # the body may not have been read
            return _error(400, error.problem, error.remedy)
        except sqlite3.Error as error:
            self.close_connection = True
            problem = self.server.controls.database_error(error)
            return _error(503 if isinstance(problem, BusyError) else 500, problem.problem, problem.remedy)
        except Exception as error:
            self.close_connection = True
            self.server.on_fault(error)
            return _error(
                500, "internal error of the cloud; its log names the place", "tell the maintainers of aos_ota_plugin"
            )

    def _get(self, path: str, query: Dict[str, str]) -> Answer:
        platform, controls = self.server.platform, self.server.controls
        if path == "/":
            return Answer(200, "text/html; charset=utf-8", files(__package__).joinpath("page.html").read_bytes())
        if path == "/api/status":
            return _json(
                {**platform.status(), "online": controls.online(), "broker": controls.broker(), "log": controls.log()}
            )
        if path.startswith("/api/jobs/"):
            return _json({"counts": platform.counts(_number(path.split("/")[3]))})
        if path == "/api/public-key":
            return Answer(200, "text/plain", controls.public_key.encode())
        if path == "/api/ca":
            return Answer(200, "text/plain", controls.ca.encode())
        return _error(404, f"there is no {path[:80]}")

    def _post(self, path: str, query: Dict[str, str]) -> Answer:
        if path == "/api/packages":
            return self._add_package(query)
        handlers = {"/api/products": self._add_product, "/api/devices": self._add_devices, "/api/jobs": self._start_job}
        if path in handlers:
            return _json(handlers[path](_object(self._body(_BODY_MAX))))
        if path == "/api/faults":
            return _json(self.server.controls.set_faults(_object(self._body(_BODY_MAX))))
        parts = path.split("/")
        if parts[:3] == ["", "api", "jobs"] and parts[4:] == ["cancel"]:
            return _json({"canceled": self.server.platform.cancel(_number(parts[3]))})
        self.close_connection = True
        return _error(404, f"there is no {path[:80]}")

    def _add_product(self, value: Dict[str, Any]) -> Dict[str, Any]:
        key, name, secure = _take(value, product_key=str, name=(str, ""), secure=(bool, False))
        return self.server.platform.add_product(key, name, secure=secure).__dict__

    def _add_devices(self, value: Dict[str, Any]) -> Dict[str, Any]:
        key, names, gateway, again = _take(
            value, product_key=str, device_names=list, gateway=(str, ""), again=(bool, False)
        )
        identities = self.server.platform.add_devices(key, _names(names), gateway or None, again)
        self.server.controls.devices_changed()
        return {"devices": [identity._asdict() for identity in identities]}

    def _start_job(self, value: Dict[str, Any]) -> Dict[str, Any]:
        package, kind, names, rate, retries, retry_after, timeout = _take(
            value,
            package=int,
            kind=str,
            device_names=list,
            rate=(int, 0),
            retries=(int, 0),
            retry_after=(float, 60.0),
            timeout=(float, 3600.0),
        )
        wanted = Job(0, package, kind, rate, retries, retry_after, timeout)
        job, skipped, current = self.server.platform.start_job(wanted, _names(names, rules.BATCH_DEVICES_MAX))
        return {"job": job.number, "skipped": skipped, "current": current}

    def _add_package(self, query: Dict[str, str]) -> Answer:
        optional = dict.fromkeys(("name", "module", "sign_method", "source_version"), (str, ""))
        key, version, file, name, module, method, source = _take(
            dict(query), product_key=str, version=str, file=str, **optional
        )
        data = self._body(HTTPS_MAX)
        name = name or version[: rules.PACKAGE_NAME_MAX]
        package = self.server.platform.add_package(
            data, Upload(key, name, file, version, module or DEFAULT, method or "SHA256", source or None)
        )
        return _json({"package": package.number, "sha256": package.sha256, "digestsign": package.digestsign})

    def _body(self, most: int) -> bytes:
        length = _number(self.headers.get("Content-Length", "no length"))
        if length > most:
            raise SettingsError(f"{length} bytes were sent; {most} are the most that is taken")
        data = self.rfile.read(length)
        if len(data) != length:
            raise SettingsError(f"{len(data)} of {length} bytes came")
        return data


def _json(value: Dict[str, Any]) -> Answer:
    return Answer(200, "application/json", json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _error(status: int, problem: str, remedy: str = "") -> Answer:
    body = json.dumps({"error": problem, "remedy": remedy}, ensure_ascii=False).encode("utf-8", "replace")
    return Answer(status, "application/json", body)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise SettingsError(f"{text[:40]!a} is no number")
    return int(text)


def _target(text: str) -> Tuple[str, Dict[str, str]]:
    """Return path and query of a request's target. Raises SettingsError."""
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, errors="strict")
    except ValueError:
        raise SettingsError(f"{text[:80]!a} is no address, or not UTF-8") from None
    if len(dict(pairs)) != len(pairs):
        raise SettingsError("a name stands in the address twice")
    return parts.path, dict(pairs)


def _object(data: bytes) -> Dict[str, Any]:
    try:
        return read_object(data)
    except FormatError as error:
        raise SettingsError(f"what was sent cannot be taken: {error.problem}") from None


def _take(value: Dict[str, Any], **wanted: Any) -> Tuple[Any, ...]:
    """Return the named fields, checked for their types; (type, default) for optional ones.

    Raises SettingsError.
    """
    unknown = next((name for name in value if name not in wanted), None)
    if unknown is not None:
        raise SettingsError(f"{unknown[:40]!a} is not known", remedy=f"known are: {', '.join(wanted)}")
    taken = []
    for name, rule in wanted.items():
        kind, *default = rule if isinstance(rule, tuple) else (rule,)
        if name not in value and not default:
            raise SettingsError(f"{name} is missing")
        entry = value.get(name, default[0] if default else None)
        if kind is float and isinstance(entry, int) and not isinstance(entry, bool):
            entry = float(entry)
        if not isinstance(entry, kind) or (kind is not bool and isinstance(entry, bool)):
            raise SettingsError(f"{name} has to be of the type {kind.__name__}")
        taken.append(entry)
    return tuple(taken)


def _names(names: List[Any], most: int = _DEVICES_AT_ONCE) -> List[str]:
    if not 1 <= len(names) <= most or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"device_names has to be a list of 1 to {most} names")
    return names
