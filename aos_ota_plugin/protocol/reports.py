"""The messages that a device publishes: the version it runs, and how far an upgrade is.

>>> inform_message("app-1.0.0")
b'{"id":0,"params":{"version":"app-1.0.0"}}'
"""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

from aos_ota_plugin.device.limits import MQTT_MESSAGE_MAX
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.protocol.module_names import check_module_name


def inform_message(version: str, module: Optional[str] = None) -> bytes:
    """Return a device's report of its version, or of a module's (topic ``/ota/device/inform/{pk}/{dn}``).

    Raises SettingsError for a version or name out of its limits.
    """
    check_version(version, field="version")
    params: Dict[str, Any] = {"version": version}
    if module is not None:
        check_module_name(module)
        params["module"] = module
    return _published(params)


def progress_message(step: int, desc: str = "") -> bytes:
    """Return the report of an upgrade's progress (topic ``/ota/device/progress/{pk}/{dn}``).

    `step` is 0 to 100, or -1 upgrade, -2 download, -3 verify, -4 burn failed. Raises FormatError for another step, or
    for a text that is longer than the device's buffer.
    """
    if not -4 <= step <= 100:
        raise FormatError(f"the step {step} is not -4 to 100", remedy="use 0 to 100, or -1 to -4 for a failure")
    return _published({"step": str(step), "desc": desc})


def _published(params: Dict[str, Any]) -> bytes:
    message = json.dumps({"id": 0, "params": params}, separators=(",", ":"), ensure_ascii=False)
    encoded = message.encode("utf-8", "replace")
    if len(encoded) > MQTT_MESSAGE_MAX:
        raise FormatError(
            f"this message has {len(encoded)} bytes; a device's buffer holds {MQTT_MESSAGE_MAX}",
            remedy="shorten the description",
        )
    return encoded
