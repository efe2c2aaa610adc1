"""Import of paho-mqtt, which the extra ``cloud`` installs."""

from __future__ import annotations

from typing import Any

from aos_ota_plugin.errors import BuildError


def import_mqtt() -> Any:
    """Return paho-mqtt's client module. Raises BuildError when it is not installed."""
    try:
        import paho.mqtt.client as mqtt
    except ImportError:
        raise BuildError(
            "paho-mqtt is not installed, which speaks MQTT here", remedy='python -m pip install "aos_ota_plugin[cloud]"'
        ) from None
    return mqtt
