"""Telling mistyped settings from other components' macros: both begin with ``OTA_``."""

from __future__ import annotations

import re
from typing import Collection, Optional, Sequence

from aos_ota_plugin.settings.raw import COMMAND_LINE, RawSetting, setting_error

# Macros that the vendor's ota component and its agent test or let a build define.
DEVICE_MACROS = frozenset(
    (
        "OTA_CONFIG_BLE",
        "OTA_CONFIG_DIFF",
        "OTA_CONFIG_DOWNLOAD",
        "OTA_CONFIG_ITLS",
        "OTA_CONFIG_LOCAL_UART_DOWNLOAD",
        "OTA_CONFIG_MCU_CAN",
        "OTA_CONFIG_MCU_OTA",
        "OTA_CONFIG_MCU_UBUS",
        "OTA_CONFIG_MCU_YMODEM",
        "OTA_CONFIG_SECURE_DL_MODE",
        "OTA_CONFIG_SLAVE",
        "OTA_CONFIG_UAGENT",
        "OTA_DOWNLOAD_BLOCK_SIZE",
        "OTA_DOWNLOAD_RETRY_CNT",
        "OTA_DOWNLOAD_TIMEOUT",
        "OTA_FLASH_BLOCK_SIZE",
        "OTA_FLASH_WRITE_CACHE_SIZE",
        "OTA_LINUX",
        "OTA_SIGNAL_CHANNEL",
    )
)
_TYPO_SIMILARITY = 0.85
"""The similarity from which a name without ``OTA_`` is taken for a setting; that of APP_VERSION is lower."""
_AOS_VERSION = re.compile(r"OTA_(?:\w+_)?SW_VERSION")  # aos adds one to the def_config of every component


def nearest(name: str, names: Collection[str], cutoff: float = 0.6) -> Optional[str]:
    """Return the most similar of ``names``; None when all similarities are below ``cutoff`` (0 to 1)."""
    import difflib

    matches = difflib.get_close_matches(name, names, 1, cutoff)
    return matches[0] if matches else None


def refuse_unknown(
    layers: Sequence[Sequence[RawSetting]], names: Collection[str], foreign_names: Collection[str]
) -> None:
    """Raise SettingsError for the first ``OTA_`` name that is neither a setting nor in ``foreign_names``.

    A setting with Kconfig's prefix (``CONFIG_OTA_DIFF``) is refused, too: only ota.config may have it. On the command
    line a name similar to a setting is also refused: ``OAT_DIFF``, ``APP_VERSION``.
    """
    for layer in layers:
        for raw in layer:
            name = raw.name
            if name in names or name in foreign_names:
                continue
            meant = _intended_setting(name, names, anywhere=raw.origin.kind == COMMAND_LINE)
            if not name.upper().startswith("OTA_") and meant is None:
                continue
            if name in DEVICE_MACROS or _AOS_VERSION.fullmatch(name):
                continue
            near = meant or nearest(name.upper(), names)
            remedy = f"did you mean {near}?" if near else "`aos-ota config` lists the settings there are"
            raise setting_error(raw, "there is no such setting", remedy)


def _intended_setting(name: str, names: Collection[str], *, anywhere: bool) -> Optional[str]:
    """Return the setting that a name without ``OTA_`` is meant to be, None where it may be foreign."""
    upper = name.upper()
    if upper.startswith("CONFIG_OTA_"):
        plain = upper[len("CONFIG_") :]
        return plain if plain in names else nearest(plain, names, _TYPO_SIMILARITY)
    if not anywhere:
        return None
    return f"OTA_{upper}" if f"OTA_{upper}" in names else nearest(upper, names, _TYPO_SIMILARITY)
