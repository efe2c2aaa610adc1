"""A running cloud: broker, gate, image server, API and platform."""

from __future__ import annotations

import datetime
import sqlite3
import threading
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.api import Api, Controls
from aos_ota_plugin.cloud.broker import PLATFORM_USER, Broker
from aos_ota_plugin.cloud.data_folder import DATABASE, CloudConfig
from aos_ota_plugin.cloud.database_errors import database_error, is_damaged
from aos_ota_plugin.cloud.event_log import EventLog, fault_line
from aos_ota_plugin.cloud.faults import LINKS, Faults
from aos_ota_plugin.cloud.gate import Gate
from aos_ota_plugin.cloud.image_server import ImageServer
from aos_ota_plugin.cloud.image_url import make_url
from aos_ota_plugin.cloud.inbox import Inbox
from aos_ota_plugin.cloud.message_rate import MessageRate
from aos_ota_plugin.cloud.mqtt import import_mqtt
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Package
from aos_ota_plugin.errors import BuildError, OtaError, SettingsError
from aos_ota_plugin.files.lock import BuildLock
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.topics import READ_BY_PLATFORM

TICK_SECONDS = 0.2
RENEWAL_SECONDS = 3600.0
_READY_SECONDS = 10.0
_URL_SECONDS = 86400
_IN_FLIGHT = 1000


class Cloud:
    """A cloud that runs from its construction until `stop`; `tell` gets a line for each event.

    `context` is the TLS context of the servers, by default that of the folder, whose certificate is renewed. Raises
    OtaError when a part cannot start; the parts already started are stopped.
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
        self.log = EventLog(tell)
        self._stopping = threading.Event()
        self._parts: Dict[str, Callable[[], bool]] = {}
        self._failure: Optional[OtaError] = None
        self._guard = threading.Lock()
        self._obstacles: Set[str] = {"broker"}
        self._ends: List[Callable[[], None]] = []
        try:
            self._start(config, context)
        except BaseException as error:
            self.stop()
            if isinstance(error, sqlite3.Error):
                raise database_error(error, folder / DATABASE) from None
            raise

    def tell(self, line: str) -> None:
        """Add a line to the log of the page, and pass it on."""
        self.log.tell(line)

    def check(self) -> None:
        """Raise OtaError when a part has ended by itself, or the database is damaged: the cloud has to end."""
        if self._failure is not None:
            raise self._failure
        ended = [name for name, is_alive in list(self._parts.items()) if not is_alive()]
        if ended and not self._stopping.is_set():
            raise BuildError(f"a part of the cloud has ended by itself: {ended[0]}", remedy="start the cloud again")

    def stop(self) -> None:
        """Stop all parts, the last started first."""
        self._stopping.set()
        while self._ends:
            self._ends.pop()()

    def _start(self, config: CloudConfig, context: Optional[Any]) -> None:
        for line in data_folder.prepare(self.folder):
            self.tell(line)
        self._lock()
        data_folder.recover(self.folder)
        data_folder.check_secrets(self.folder)
        now = _now()
        self._renews = context is None
        context = context or data_folder.tls_context(self.folder, config.hosts, now, self.tell)
        self._context = context
        self._renewed = time.monotonic()
        self.signer = data_folder.signing_key(self.folder)
        self.platform = Platform(self.folder, self.signer, publish=self._publish, url_of=self._url_of, clock=time.time)
        self._ends.append(self.platform.close)
        self.platform.status()  # reads every row, so that a damaged one is named now
        for line in (*data_folder.authority_warnings(self.folder, now), *self.platform.warnings()):
            self.tell(line)
        self.broker = Broker(self.platform.access())
        self._ends.append(self.broker.stop)
        self.gate = Gate(
            context,
            config.mqtt_port,
            self.broker.socket,
            identity_of=self._identity,
            tell=lambda line: self.log.count("connections and logins refused", line),
        )
        self._ends.append(self.gate.stop)
        self.images = ImageServer(
            config.image_port, context, self.folder / data_folder.IMAGES, config.url_key.encode(), clock=time.time
        )
        self._ends.append(self.images.stop)
        self.images.on_fault = self._fault
        self._connect()
        self.api = Api(config.api_port, self.platform, config.token, self._controls())
        self._ends.append(self.api.stop)
        self.api.on_fault = self._fault
        self.config = replace(config, mqtt_port=self.gate.port, image_port=self.images.port, api_port=self.api.port)
        data_folder.write_config(self.folder, self.config)
        ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        ticker.start()
        self._ends.append(lambda: ticker.join(5))
        self._parts.update(
            {
                "the ticker": ticker.is_alive,
                "the gate": self.gate.is_alive,
                "the image server": self.images.is_alive,
                "the API": self.api.is_alive,
            }
        )

    def _lock(self) -> None:
        lock = BuildLock(self.folder / data_folder.LOCK)
        lock.take(0, f"a cloud is running in {self.folder}", remedy="use that one, or end it first")
        self._ends.append(lock.release)

    def _connect(self) -> None:
        """Connect the platform to the broker; the gate is open while it is subscribed."""
        mqtt = import_mqtt()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=PLATFORM_USER, transport="unix")
        client.username_pw_set(PLATFORM_USER)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.reconnect_delay_set(1, 1)
        inbox = Inbox(self.platform.handle_message, self.log, self._database_failed, MessageRate(time.monotonic))
        client.on_connect = lambda *_: client.subscribe([(topic, 1) for topic in READ_BY_PLATFORM])
        client.on_subscribe = lambda *_: self._subscribed()
        client.on_disconnect = lambda *_: self._shut("broker")
        client.on_message = lambda _client, _data, message: inbox.receive(message)
        self._client = client
        self._ends.append(self._disconnect)  # before its thread starts, so that an interrupt right then stops it, too
        client.connect(str(self.broker.socket), keepalive=60)
        client.loop_start()
        if not self.gate.is_open.wait(_READY_SECONDS):
            raise BuildError("the broker does not answer the platform", remedy="mosquitto 2.0 or newer is needed")

    def _disconnect(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribed(self) -> None:
        self._parts["the connection to the broker"] = threading.current_thread().is_alive
        self._open("broker")

    def _shut(self, obstacle: str) -> None:
        """Shut the gate: the platform would miss what devices say. They connect anew, and say it then."""
        with self._guard:
            self._obstacles.add(obstacle)
            self.gate.is_open.clear()
        self.gate.drop()

    def _open(self, obstacle: str) -> None:
        """Remove an obstacle; without any the gate is open."""
        with self._guard:
            self._obstacles.discard(obstacle)
            if not self._obstacles:
                self.gate.is_open.set()

    def _publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def _fault(self, error: BaseException) -> None:
        self.log.count("faults", fault_line(error))

    def _database_error(self, error: sqlite3.Error) -> OtaError:
        """Return what is wrong with the database; a damaged one ends the cloud, see `check`."""
        problem = database_error(error, self.folder / DATABASE)
        if is_damaged(error):
            self._failure = problem
        return problem

    def _database_failed(self, error: sqlite3.Error) -> None:
        """Cut devices off until the database can be used: what they said may be lost, and they say it anew."""
        problem = self._database_error(error)
        self.log.begin("database", f"{problem.problem}; devices are cut off until it can be. {problem.remedy}")
        self._shut("database")

    def _identity(self, product_key: str, device_name: str) -> Optional[Identity]:
        """Return a device's identity. Raises ConnectionError, which hangs up, when the database fails."""
        try:
            return self.platform.identity(product_key, device_name)
        except sqlite3.Error as error:
            self._database_failed(error)
            raise ConnectionError from None

    def _url_of(self, package: Package) -> str:
        port = self.images.port
        base = f"{self.scheme}://{self.config.host}:{port}"
        return make_url(base, package.sha256, package.file, int(time.time()) + _URL_SECONDS, self.images.key)

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self._work()
            except OtaError as error:
                self.log.begin("work", str(error))
            except sqlite3.Error as error:
                self._database_failed(error)
            except Exception as error:
                self._fault(error)
            else:
                self.log.end("work")

    def _work(self) -> None:
        """Do what is due. Raises OtaError, sqlite3.Error."""
        self.log.tell_counts()
        try:
            self.check()
        except OtaError:
            self._shut("a part that has ended")
            raise
        if self.broker.pid is None:
            self.log.count("starts of the broker", "the broker has ended; it is started again")
            self.broker.start()
        self.platform.tick()
        if "database" in self._obstacles:
            self.platform.check_database()
            self.log.end("database", "the database can be used again; devices may log in")
            self._open("database")
        if self._renews and time.monotonic() - self._renewed > RENEWAL_SECONDS:
            self._renewed = time.monotonic()
            if data_folder.renew_certificate(self.folder, self.config.hosts, _now(), self._context):
                self.tell("the server's certificate was renewed under the same root certificate")

    def _controls(self) -> Controls:
        return Controls(
            online=lambda: sorted(self.gate.online),
            broker=lambda: self.broker.pid,
            log=self.log.lines,
            set_faults=self._set_faults,
            devices_changed=lambda: self.broker.set_access(self.platform.access()),
            public_key=self.signer.public_key.to_pem(),
            ca=(self.folder / data_folder.CA).read_text(encoding="ascii"),
            database_error=self._database_error,
        )

    def _set_faults(self, value: Dict[str, Any]) -> Dict[str, Any]:
        self.images.faults = faults_of(value)
        return asdict(self.images.faults)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def faults_of(value: Dict[str, Any]) -> Faults:
    """Return the faults of a link (`link`) changed by single values. Raises SettingsError."""
    values = dict(value)
    link = str(values.pop("link", "none"))
    if link not in LINKS:
        raise SettingsError(f"there is no link {link[:40]!a}", remedy=f"known are: {', '.join(LINKS)}")
    types = {field.name: type(field.default) for field in fields(Faults)}
    for name, setting in values.items():
        kind = types.get(name)
        if kind is None or type(setting) not in ((float, int) if kind is float else (kind,)):  # True is no number
            raise SettingsError(
                f"{name[:40]!a} is no fault, or not of its type", remedy=f"known are: {', '.join(types)}"
            )
    return replace(LINKS[link], **values)
