"""A model of a device: logs in, reports its version, accepts or refuses pushes (`device.acceptance`).

Each model has a thread. It downloads as the agent does, trailer first and then from the start, and resumes after a cut
connection. Only `stop` ends a model; errors of the cloud or the network do not.
"""

from __future__ import annotations

import http.client
import random
import select
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from aos_ota_plugin.cloud.mqtt import import_mqtt
from aos_ota_plugin.device import limits
from aos_ota_plugin.device.answer import is_firmware, judge_by_agent
from aos_ota_plugin.device.lengths import judge_length, trailer_start
from aos_ota_plugin.device.push import ReceivedPush, read_push
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict, Finding
from aos_ota_plugin.lab.models.download import NETWORK_SECONDS, DownloadEnd, NothingThereError, fetch_from
from aos_ota_plugin.lab.models.outcome import Result, refusal_before_download, result_of
from aos_ota_plugin.protocol import topics
from aos_ota_plugin.protocol.login import Identity, Login, login_of
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.reports import inform_message, progress_message

POLL_SECONDS = 1.0
"""The longest time until an idle model notices that it was stopped."""
_KEEPALIVE = 120
_CONNECT_SECONDS = 60.0
_LONGEST_PAUSE = 16
_PROGRESS_EVERY = 10


@dataclass(frozen=True)
class Settings:
    """The behavior of a model.

    `context` is its TLS context, `login` replaces the login of its identity.
    `secure_download` is OTA_CONFIG_SECURE_DL_MODE: without it https becomes http, as in the vendor's agent.
    `attempts` is how often in a row a download may break off without a new byte; `pause` is the time between attempts
    in seconds, longer after failed logins. `power_cut` is the share of downloads in which the device loses power and
    restarts.
    """

    mqtt_port: int
    context: ssl.SSLContext
    host: str = "127.0.0.1"
    secure_download: bool = True
    attempts: int = 10
    pause: float = 0.5
    power_cut: float = 0.0
    seed: int = 0
    login: Optional[Login] = None


@dataclass
class State:
    """The versions in a model's flash, and counters of its connections and downloads."""

    versions: Dict[str, str]
    results: List[Result] = field(default_factory=list)
    connections: int = 0
    downloaded: int = 0
    resumed: int = 0
    power_cuts: int = 0
    problems: List[str] = field(default_factory=list)


class _PowerCut(Exception):  # noqa: N818 - no error
    pass


class _Restart(Exception):  # noqa: N818 - no error
    pass


class _Stopped(Exception):  # noqa: N818 - no error
    pass


class DeviceModel:
    """A device, with its sub-devices if it is a gateway.

    `device` is what the firmware checks images with; `versions` are {module: version}; `subs` are {identity: versions}
    of sub-devices.
    """

    def __init__(
        self,
        identity: Identity,
        device: Device,
        versions: Mapping[str, str],
        settings: Settings,
        subs: Optional[Mapping[Identity, Mapping[str, str]]] = None,
    ) -> None:
        self.identity = identity
        self.state = State(dict(versions))
        self.subs = {sub: State(dict(own)) for sub, own in (subs or {}).items()}
        self._device = device
        self._settings = settings
        self._context = settings.context
        self._login = settings.login or login_of(identity)
        self._stop = threading.Event()
        self._chance = random.Random(f"{settings.seed}:{identity.user}")  # noqa: S311 - no secret
        self._pushes: List[Tuple[str, bytes]] = []
        self._client: Any = None
        self._thread = threading.Thread(target=self._run, name=identity.device_name, daemon=True)

    def start(self) -> None:
        """Start the device's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the device; does not wait for its thread."""
        self._stop.set()

    def join(self, seconds: float = 30) -> bool:
        """Wait for the thread up to `seconds`; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self.state.connections
            try:
                self._online()
            except _Stopped:
                return
            except _Restart:
                pass
            except _PowerCut:
                self.state.power_cuts += 1
            except (OSError, ValueError, ConnectionError) as error:
                self._add_problem(f"connection: {error}")
            finally:
                self._hang_up()
            # Each failure in a row doubles the longest pause; it is random, so that a fleet does not return at once.
            failures = 0 if self.state.connections > before else failures + 1
            longest = min(2**failures, _LONGEST_PAUSE)
            self._stop.wait(self._settings.pause * (1 + longest * self._chance.random()))

    def _online(self) -> None:
        """Run one connection, from the login until it is lost."""
        self._pushes.clear()
        self._client = self._connect()
        for identity, state in self._all():
            self._client.subscribe(topics.upgrade_topic(identity.product_key, identity.device_name), qos=1)
            for module, version in state.versions.items():
                self._inform(identity, module, version)
        self.state.connections += 1
        while True:
            self._loop(POLL_SECONDS)
            while self._pushes:
                self._pushed(*self._pushes.pop(0))

    def _connect(self) -> Any:
        mqtt = import_mqtt()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self._login.client_id)
        client.username_pw_set(self._login.user, self._login.password)
        client.tls_set_context(self._context)
        client.connect_timeout = _CONNECT_SECONDS
        answer: List[Any] = []
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answer.append(reason)
        client.on_message = lambda _client, _data, message: self._pushes.append((message.topic, message.payload))
        client.connect(self._settings.host, self._settings.mqtt_port, keepalive=_KEEPALIVE)
        self._client = client
        until = time.monotonic() + NETWORK_SECONDS
        while not answer:
            try:
                self._loop(POLL_SECONDS)
            except ConnectionError:
                if not answer:  # else the broker refused the login, and ended the connection
                    raise
            if time.monotonic() > until:
                raise ConnectionError("the broker did not answer the login")
        if answer[0].is_failure:
            raise ConnectionError(f"the login was refused: {answer[0]}")
        return client

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.socket() is not None:
            client.disconnect()
            client.loop_misc()

    def _loop(self, seconds: float) -> None:
        """Process MQTT packets for `seconds`. Raises ConnectionError when the connection is lost."""
        if self._stop.is_set():
            raise _Stopped
        client = self._client
        link = client.socket()
        if link is None:
            raise ConnectionError("the broker's connection was lost")
        code = client.loop_read() if link.pending() or _is_readable(link, seconds) else 0
        while code == 0 and client.want_write():
            code = client.loop_write()
        if code != 0 or client.loop_misc() != 0:
            raise ConnectionError("the broker's connection was lost")

    def _all(self) -> List[Tuple[Identity, State]]:
        return [(self.identity, self.state), *self.subs.items()]

    def _inform(self, identity: Identity, module: str, version: str) -> None:
        body = inform_message(version, _named(module))
        self._client.publish(topics.inform_topic(identity.product_key, identity.device_name), body, qos=1)

    def _progress(self, identity: Identity, status: int, module: str) -> None:
        topic = topics.progress_topic(identity.product_key, identity.device_name)
        self._client.publish(topic, progress_message(status, _named(module)), qos=1)

    def _pushed(self, topic: str, payload: bytes) -> None:
        target = next(
            (
                (identity, state)
                for identity, state in self._all()
                if topic == topics.upgrade_topic(identity.product_key, identity.device_name)
            ),
            None,
        )
        if target is None:
            return
        identity, state = target
        read = read_push(payload, hardened=self._device.hardened)
        if isinstance(read, Finding):
            self._refused(identity, state, Result("", "", int(read.verdict), read.detail, False))
            return
        module = DEFAULT if is_firmware(read.module, hardened=self._device.hardened) else read.module or DEFAULT
        try:
            result = self._upgrade(identity, state, payload, read, module)
        except DownloadEnd as error:
            result = Result(read.version, module, error.verdict, str(error), False)
        if result.verdict < 0:
            self._refused(identity, state, result)
            return
        state.results.append(result)
        state.versions[module] = read.version
        self._progress(identity, 100, module)
        if module == DEFAULT and identity == self.identity:
            raise _Restart  # it reports its version after the restart
        self._inform(identity, module, read.version)

    def _refused(self, identity: Identity, state: State, result: Result) -> None:
        state.results.append(result)
        if result.verdict == DeviceVerdict.DEVICE_FAULT:
            raise _Restart  # it crashes, and reports nothing
        self._progress(identity, result.verdict, result.module)

    def _upgrade(self, identity: Identity, state: State, text: bytes, message: ReceivedPush, module: str) -> Result:
        device = self._device._replace(version=state.versions.get(module))
        refused = refusal_before_download(device, message, module)
        if refused is not None:
            return refused
        self._progress(identity, 0, module)
        cut_at = self._chance.random() if self._chance.random() < self._settings.power_cut else None
        data = self._download(message, identity, module, cut_at)
        return result_of(judge_by_agent(device, text, data), message.version, module)

    def _download(self, message: ReceivedPush, identity: Identity, module: str, cut_at: Optional[float]) -> bytes:
        """Return the whole file, over several connections if needed.

        Raises DownloadEnd or _PowerCut.
        """
        url, size = message.url, message.push.size
        if not self._settings.secure_download and url.startswith("https://"):
            url = "http://" + url[len("https://") :]
        data = bytearray()
        left, shown = self._settings.attempts, 0
        has_trailer = module != DEFAULT  # a file for the file system has none
        while True:
            before = len(data)
            try:
                if not has_trailer:
                    self._fetch_trailer(url, size)
                    has_trailer = True
                for block in self._fetch(url, len(data)):
                    data += block
                    shown = self._report(identity, module, min(len(data) * 100 // max(size, 1), 99), shown)
                    if cut_at is not None and len(data) >= cut_at * size:
                        raise _PowerCut
                return bytes(data)
            except NothingThereError:  # the connection ended behind the last byte
                return bytes(data)
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                self._add_problem(f"download: {error}")
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise DownloadEnd(
                        DeviceVerdict.OTA_DOWNLOAD_CON_FAIL, f"the server's certificate: {error}"
                    ) from None
            left = self._settings.attempts if len(data) > before else left - 1
            if left <= 0:
                raise DownloadEnd(DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, "the download broke off again and again")
            if data:
                self.state.resumed += 1
            self._idle(self._settings.pause)

    def _fetch_trailer(self, url: str, size: int) -> None:
        """Fetch the bytes where the trailer begins by the push's size. Raises DownloadEnd as the device."""
        trailer = limits.IMAGE_INFO_SIZE + (limits.SIGN_INFO_SIZE if self._device.local_rsa else 0)
        start = trailer_start(size, trailer)
        try:
            actual = start + sum(len(block) for block in self._fetch(url, start))
        except NothingThereError:
            actual = start
        finding = judge_length(size, actual, trailer=trailer, hardened=self._device.hardened)
        if not finding.ok:
            raise DownloadEnd(DeviceVerdict(finding.verdict), finding.detail)

    def _fetch(self, url: str, start: int) -> Iterator[bytes]:
        for block in fetch_from(url, start, self._context):
            self.state.downloaded += len(block)
            yield block
            self._loop(0)

    def _report(self, identity: Identity, module: str, step: int, shown: int) -> int:
        if step < shown + _PROGRESS_EVERY:
            return shown
        self._progress(identity, step, module)
        return step

    def _idle(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._loop(min(left, POLL_SECONDS))

    def _add_problem(self, text: str) -> None:
        self.state.problems.append(text)
        del self.state.problems[:-20]


def _named(module: str) -> Optional[str]:
    """Return the name of a module in a report, None for the firmware."""
    return None if module == DEFAULT else module


def _is_readable(link: ssl.SSLSocket, seconds: float) -> bool:
    """Wait until `link` can be read; with poll if there is one: select is limited to 1024 open files."""
    if not hasattr(select, "poll"):
        return bool(select.select([link], [], [], seconds)[0])
    poll = select.poll()
    poll.register(link, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
