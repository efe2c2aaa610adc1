"""The broker's access list: the topics that each device, with its sub-devices, may publish and read."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from aos_ota_plugin.cloud.storage import RegisteredDevice
from aos_ota_plugin.protocol import topics


def access_list(devices: Sequence[RegisteredDevice]) -> List[str]:
    """Return the lines of mosquitto's acl_file; a gateway also has those of its sub-devices."""
    subs: Dict[Tuple[str, str], List[str]] = {}
    for device in devices:
        if device.gateway is not None:
            subs.setdefault((device.product_key, device.gateway), []).append(
                f"{device.product_key}/{device.device_name}"
            )
    return [
        line
        for device in devices
        for line in topics.access_of(
            device.product_key, device.device_name, subs.get((device.product_key, device.device_name), [])
        )
    ]
