"""A running cloud: broker, gate, image server, API and platform."""

from __future__ import annotations

import datetime
import sqlite3
import threading
import time
from collections import deque
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.api import Api, Controls
from aos_ota_plugin.cloud.broker import PLATFORM_USER, Broker
from aos_ota_plugin.cloud.data_folder import CloudConfig
from aos_ota_plugin.cloud.faults import LINKS, Faults
from aos_ota_plugin.cloud.gate import Gate
from aos_ota_plugin.cloud.image_server import ImageServer
from aos_ota_plugin.cloud.image_url import make_url
from aos_ota_plugin.cloud.mqtt import import_mqtt
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Package
from aos_ota_plugin.errors import BuildError, BusyError, OtaError, SettingsError
from aos_ota_plugin.protocol.topics import READ_BY_PLATFORM

TICK_SECONDS = 0.2
_LOG_LINES = 200
_READY_SECONDS = 10.0
_URL_SECONDS = 86400
_IN_FLIGHT = 1000


class Cloud:
    """A cloud that runs from its construction until `stop`; `tell` gets a line for each event.

    `context` is the TLS context of the servers, by default that of the folder. Raises OtaError when a part cannot
    start; the parts already started are stopped.
    """

    def __init__(
        self,
        folder: Path,
        config: CloudConfig,
        *,
        scheme: str = "https",
        tell: Callable[[str], None] = lambda _: None,
        context: Optional[Any] = None,
    ) -> None:
        self.folder = folder
        self.scheme = scheme
        self._tell = tell
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._stopping = threading.Event()
        self._ends: List[Callable[[], None]] = []
        try:
            self._start(config, context)
        except BaseException:
            self.stop()
            raise

    def tell(self, line: str) -> None:
        """Add a line to the log of the page, and pass it on."""
        self._log.append(f"{datetime.datetime.now():%H:%M:%S} {line}")
        self._tell(line)

    def stop(self) -> None:
        """Stop all parts, the last started first."""
        self._stopping.set()
        while self._ends:
            self._ends.pop()()

    def _start(self, config: CloudConfig, context: Optional[Any]) -> None:
        data_folder.prepare(self.folder)
        self._lock()
        data_folder.recover(self.folder)
        now = datetime.datetime.now(datetime.timezone.utc)
        context = context or data_folder.tls_context(self.folder, config.hosts, now)
        self.signer = data_folder.signing_key(self.folder)
        self.platform = Platform(self.folder, self.signer, publish=self._publish, url_of=self._url_of, clock=time.time)
        self._ends.append(self.platform.close)
        self.broker = Broker(self.platform.access())
        self._ends.append(self.broker.stop)
        self.gate = Gate(
            context, config.mqtt_port, self.broker.socket, identity_of=self.platform.identity, tell=self.tell
        )
        self._ends.append(self.gate.stop)
        self.images = ImageServer(
            config.image_port, context, self.folder / data_folder.IMAGES, config.url_key.encode(), clock=time.time
        )
        self._ends.append(self.images.stop)
        self._connect()
        self.api = Api(config.api_port, self.platform, config.token, self._controls())
        self._ends.append(self.api.stop)
        self.config = replace(config, mqtt_port=self.gate.port, image_port=self.images.port, api_port=self.api.port)
        data_folder.write_config(self.folder, self.config)
        ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        ticker.start()
        self._ends.append(lambda: ticker.join(5))

    def _lock(self) -> None:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / "cloud.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(f"a cloud is running in {self.folder}", remedy="use that one, or end it first") from None
        self._ends.append(lock.release)

    def _connect(self) -> None:
        """Connect the platform to the broker; the gate is open while it is subscribed."""
        mqtt = import_mqtt()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=PLATFORM_USER, transport="unix")
        client.username_pw_set(PLATFORM_USER)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda *_: client.subscribe([(topic, 1) for topic in READ_BY_PLATFORM])
        client.on_subscribe = lambda *_: self.gate.is_open.set()
        client.on_disconnect = lambda *_: self._lost_broker()
        client.on_message = lambda _client, _data, message: self._heard(message.topic, message.payload)
        self._client = client
        self._ends.append(self._disconnect)  # before its thread starts, so that an interrupt right then stops it, too
        client.connect(str(self.broker.socket), keepalive=60)
        client.loop_start()
        if not self.gate.is_open.wait(_READY_SECONDS):
            raise BuildError("the broker does not answer the platform", remedy="mosquitto 2.0 or newer is needed")

    def _disconnect(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _lost_broker(self) -> None:
        self.gate.is_open.clear()
        self.gate.drop()  # the platform would miss their messages

    def _publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def _heard(self, topic: str, payload: bytes) -> None:
        try:
            self.platform.handle_message(topic, payload)
        except OtaError as error:
            self.tell(f"a message on {topic[:120]} was passed over: {error.problem}")
        except sqlite3.Error as error:
            self.tell(f"the database cannot be written: {error}")

    def _url_of(self, package: Package) -> str:
        port = self.images.port
        base = f"{self.scheme}://{self.config.host}:{port}"
        return make_url(base, package.sha256, package.file, int(time.time()) + _URL_SECONDS, self.images.key)

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                if self.broker.pid is None:
                    self.tell("the broker has ended; it is started again")
                    self.broker.start()
                self.platform.tick()
            except OtaError as error:
                self.tell(error.problem)
            except sqlite3.Error as error:
                self.tell(f"the database cannot be written: {error}")

    def _controls(self) -> Controls:
        return Controls(
            online=lambda: sorted(self.gate.online),
            broker=lambda: self.broker.pid,
            log=lambda: list(self._log),
            set_faults=self._set_faults,
            devices_changed=lambda: self.broker.set_access(self.platform.access()),
            public_key=self.signer.public_key.to_pem(),
            ca=(self.folder / data_folder.CA).read_text(encoding="ascii"),
        )

    def _set_faults(self, value: Dict[str, Any]) -> Dict[str, Any]:
        self.images.faults = faults_of(value)
        return asdict(self.images.faults)


def faults_of(value: Dict[str, Any]) -> Faults:
    """Return the faults of a link (`link`) changed by single values. Raises SettingsError."""
    values = dict(value)
    link = str(values.pop("link", "none"))
    if link not in LINKS:
        raise SettingsError(f"there is no link {link[:40]!a}", remedy=f"known are: {', '.join(LINKS)}")
    types = {field.name: type(field.default) for field in fields(Faults)}
    for name, setting in values.items():
        if name not in types or not isinstance(setting, (types[name], int) if types[name] is float else types[name]):
            raise SettingsError(
                f"{name[:40]!a} is no fault, or not of its type", remedy=f"known are: {', '.join(types)}"
            )
    return replace(LINKS[link], **values)
