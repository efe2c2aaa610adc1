"""An emulated device with its own network, which runs until stopped and uses MQTT and HTTP.

The device's network is QEMU's own (``-nic user``): its router, 10.0.2.2, is this host, and the firmware connects to
nothing else. Every name in a URL stands for that router. Nothing listens on the host for the device.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Dict, Iterator, List, NamedTuple, Optional, Type

from aos_ota_plugin.children import delay_signals, die_with_parent, end_process
from aos_ota_plugin.device.limits import DEVICE_NAME_MAX, DEVICE_SECRET_MAX, PRODUCT_KEY_MAX
from aos_ota_plugin.errors import BuildError, FormatError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.lab.simulate import flash, machine
from aos_ota_plugin.lab.simulate.console import STAYS_ON
from aos_ota_plugin.lab.simulate.device import FLASH_LIST_NAME
from aos_ota_plugin.lab.simulate.firmware import Firmware, Variant

NETWORK_OLD, NETWORK_NEW = "app-1.0.0", "app-1.0.1"
NETWORK_VERSIONS = {version: Variant((f"OTA_APP_VERSION={version}",)) for version in (NETWORK_OLD, NETWORK_NEW)}
"""The versions to build, each with its arguments of ``aos make``."""
ROUTER = "10.0.2.2"
"""The address of this host in the device's network."""
SEED, SEED_SIZE = "seed.bin", 64
LOG = "console.log"
_NIC = ("-nic", "user,ipv6=off")
_BROKER = re.compile(r"mqtts?://[A-Za-z0-9.-]{1,127}:[0-9]{1,5}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]*")
_SECONDS_TO_END = 5.0


class Identity(NamedTuple):
    """The identity of a device on the platform."""

    product_key: str
    device_name: str
    device_secret: str

    def __repr__(self) -> str:
        return f"Identity({self.product_key!r}, {self.device_name!r})"


class NetworkBuilt(NamedTuple):
    """The builds with network: firmware by version, boot stage, keys (PEM), flasher's list."""

    boot: bytes
    firmware: Dict[str, Firmware]
    key: bytes
    stranger: bytes
    flash_list: str


def check(identity: Identity, broker: str) -> None:
    """Raise FormatError unless `broker` is mqtt[s]://name:port and the identity fits a device."""
    if not _BROKER.fullmatch(broker):
        raise FormatError(
            f"{broker!a} is no broker's address", remedy="write mqtts://name:port, or mqtt:// without TLS"
        )
    for name, value, most in (
        ("product_key", identity.product_key, PRODUCT_KEY_MAX),
        ("device_name", identity.device_name, DEVICE_NAME_MAX),
        ("device_secret", identity.device_secret, DEVICE_SECRET_MAX),
    ):
        if not (0 < len(value) <= most and _WORD.fullmatch(value)):
            raise FormatError(
                f"this is not the {name} of a device",
                remedy=f"it has 1 to {most} letters, digits and -_.:@ and begins with a letter or digit",
            )


def prepare(folder: Path, built: NetworkBuilt, firmware: bytes, identity: Identity, broker: str) -> None:
    """Flash a new device in `folder` with boot stage, firmware (bank A), identity and broker.

    `broker` is mqtt[s]://name:port. Raises OutputError, and FormatError as `check` or when data does not fit.
    """
    check(identity, broker)
    rows = {row.name: row for row in flash.partitions(built.flash_list, FLASH_LIST_NAME)}
    contents = flash.erased()
    values = {
        "hal_devinfo_pk": identity.product_key,
        "hal_devinfo_dn": identity.device_name,
        "hal_devinfo_ds": identity.device_secret,
        "net_broker": broker,
    }
    for name, data in (("BOOT", built.boot), ("RTOSA", firmware), ("KV", flash.kv_records(values))):
        flash.write_partition(contents, rows[name], data)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # the flash holds the device's secret
    write_file(folder / machine.FLASH, bytes(contents))  # whole or not at all: `aos-ota device --keep` goes on with it


def without_key(firmware: bytes, key: PublicKey) -> bytes:
    """Return the firmware with an empty ``ota_pubn_buf``, as it is before a key is written.

    Raises FormatError unless the firmware contains the key exactly once.
    """
    if firmware.count(key.n_bytes) != 1:
        raise FormatError(f"the public key stands {firmware.count(key.n_bytes)} times in this firmware, not once")
    return firmware.replace(key.n_bytes, bytes(len(key.n_bytes)))


class NetworkDevice:
    """A device that is on inside its ``with`` block; the console goes to ``console.log``."""

    def __init__(self, folder: Path, mcu: Optional[int] = None) -> None:
        """Prepare the device in `folder`; `mcu` is the local TCP port that UART1 connects to."""
        self.folder = folder
        self._mcu = [] if mcu is None else machine.second_uart(mcu)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._stream: Optional[IO[bytes]] = None

    def __enter__(self) -> NetworkDevice:
        """Start the emulator. Raises BuildError when there is none, or it cannot start."""
        (self.folder / SEED).write_bytes(os.urandom(SEED_SIZE))
        command = [
            *machine.prepare_command(machine.find_qemu(), self.folder, [STAYS_ON]),
            "-monitor",
            "none",
            "-serial",
            "stdio",
            *self._mcu,
            *_NIC,
        ]
        self._stream = (self.folder / LOG).open("wb")
        try:
            with delay_signals():
                self._process = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=self._stream,
                    stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prctl
                    start_new_session=True,
                )  # Ctrl-C is ours to answer
        except OSError as error:
            self._stream.close()
            raise BuildError(f"{command[0]} cannot be started: {error.strerror or error}") from None
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """Stop the emulator."""
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            end_process(self._process, _SECONDS_TO_END)
        if self._stream is not None:
            self._stream.close()

    @property
    def log(self) -> str:
        """Return the console's output since the device was switched on."""
        return (self.folder / LOG).read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")

    def lines(self) -> List[str]:
        """Return the log's complete lines."""
        return self.log.split("\n")[:-1]

    @property
    def running(self) -> bool:
        """Return whether the device is on."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> Optional[int]:
        """Return the emulator's process id, None when the device is off."""
        return self._process.pid if self._process is not None and self.running else None

    def follow(self, ended: threading.Event) -> Iterator[str]:
        """Yield what the console shows, until `ended` is set or the device is off."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with (self.folder / LOG).open("rb") as stream:
            while True:
                on = self.running and not ended.is_set()
                data = stream.read()
                if data:
                    yield decoder.decode(data).replace("\r", "")
                elif not on:
                    return
                ended.wait(0.05)

    def wait_for(self, text: str, *, seconds: float = 300, times: int = 1) -> str:
        """Wait until the console has shown `text` `times` times; return the log.

        Raises BuildError after `seconds`, or when the device is off.
        """
        end = time.monotonic() + seconds
        while True:
            on, log = self.running, self.log
            if log.count(text) >= times:
                return log
            if not on or time.monotonic() > end:
                why = f"after {seconds:g} s" if on else "and is off"
                raise BuildError(f"the device has not shown {text!r} {why}; it last showed:\n{log[-2000:]}")
            time.sleep(0.05)
