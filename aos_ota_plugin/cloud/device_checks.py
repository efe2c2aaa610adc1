"""What the platform checks of a device's message with what it knows of the device."""

from __future__ import annotations

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.cloud.storage import Storage
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.topics import Inform, SubLogin


def check_module(storage: Storage, message: Inform) -> None:
    """Raise FormatError for another module of a device that has all the platform keeps."""
    device = message.product_key, message.device_name
    if message.module == DEFAULT or storage.has_version(*device, message.module):
        return
    if storage.module_count(*device) >= rules.MODULES_MAX:
        raise FormatError(f"the device has reported {rules.MODULES_MAX} modules, which is all the platform keeps")


def check_gateway(storage: Storage, product_key: str, gateway: str) -> None:
    """Raise SettingsError unless a device may have sub-devices: it is registered, and is none itself."""
    if storage.identity(product_key, gateway) is None:
        raise SettingsError(f"there is no gateway {gateway[:40]!a}", remedy="register it first")
    above = storage.gateway(product_key, gateway)
    if above is not None:
        raise SettingsError(f"{gateway[:40]!a} is a sub-device itself", remedy=f"give its gateway, {above}")


def is_sub_device(storage: Storage, message: SubLogin) -> bool:
    """Return whether the sub-device of a login is one of the gateway that sent it, which is none itself."""
    return (
        message.sub.product_key == message.product_key
        and storage.gateway(message.sub.product_key, message.sub.device_name) == message.device_name
        and storage.gateway(message.product_key, message.device_name) is None
    )
