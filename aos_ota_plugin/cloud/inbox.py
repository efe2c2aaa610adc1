"""The boundary where devices' messages come in: each is handled, or passed over and counted."""

from __future__ import annotations

import sqlite3
from typing import Any, Callable

from aos_ota_plugin.cloud.event_log import EventLog, fault_line
from aos_ota_plugin.cloud.message_rate import MessageRate
from aos_ota_plugin.errors import FormatError, OtaError
from aos_ota_plugin.protocol.topics import device_of


class Inbox:
    """The platform's side of the broker.

    `handle(topic, payload)` gets each message of a device that is within its rate; `database_failed` is called with the
    error when the database could not take one, so that the device says it anew.
    """

    def __init__(
        self,
        handle: Callable[[str, bytes], None],
        log: EventLog,
        database_failed: Callable[[sqlite3.Error], None],
        rate: MessageRate,
    ) -> None:
        self._handle = handle
        self._log = log
        self._database_failed = database_failed
        self._rate = rate

    def receive(self, message: Any) -> None:
        """Handle a message of the MQTT client. Raises nothing: the client's thread would end."""
        topic = ""
        try:
            topic = message.topic  # which is decoded only here
            if not self._rate.takes(*device_of(topic)):
                raise FormatError("the device sends too many")
            self._handle(topic, message.payload)
        except OtaError as error:
            self._log.count("messages passed over", f"a message on {topic[:120]} was passed over: {error.problem}")
        except sqlite3.Error as error:
            self._database_failed(error)
        except Exception as error:
            self._log.count("faults", fault_line(error))
