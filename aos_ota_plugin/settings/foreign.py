"""Tells a mistyped setting of ours from a macro of someone else's: both begin with ``OTA_``."""

from __future__ import annotations

import re
from typing import Collection, Optional, Sequence

from aos_ota_plugin.settings.raw import COMMAND_LINE, RawSetting, complaint

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
_SLIP = 0.85
"""How much a name without ``OTA_`` has to be like one of ours to be taken for it; APP_VERSION is less."""
_AOS_VERSION = re.compile(r"OTA_(?:\w+_)?SW_VERSION")  # aos adds one to the def_config of every component


def nearest(name: str, names: Collection[str], cutoff: float = 0.6) -> Optional[str]:
    """Return the name most like ``name``, None when none is like it."""
    import difflib

    found = difflib.get_close_matches(name, names, 1, cutoff)
    return found[0] if found else None


def refuse_unknown(
    layers: Sequence[Sequence[RawSetting]], names: Collection[str], known_foreign: Collection[str]
) -> None:
    """Raise SettingsError for the first ``OTA_`` name that is neither ours nor known to be another's.

    So does one of ours with Kconfig's prefix (``CONFIG_OTA_DIFF``), which only ota.config may have. On the command
    line, where a name may belong to nobody, one that is nearly ours counts, too: ``OAT_DIFF``, ``APP_VERSION``.
    """
    for layer in layers:
        for raw in layer:
            name = raw.name
            if name in names or name in known_foreign:
                continue
            meant = _meant(name, names, anywhere=raw.origin.kind == COMMAND_LINE)
            if not name.upper().startswith("OTA_") and meant is None:
                continue
            if name in DEVICE_MACROS or _AOS_VERSION.fullmatch(name):
                continue
            near = meant or nearest(name.upper(), names)
            remedy = f"did you mean {near}?" if near else "`aos-ota config` lists the settings there are"
            raise complaint(raw, "there is no such setting", remedy)


def _meant(name: str, names: Collection[str], *, anywhere: bool) -> Optional[str]:
    """Return the setting that a name without ``OTA_`` in front was meant to be, None where it may be another's."""
    upper = name.upper()
    if upper.startswith("CONFIG_OTA_"):
        plain = upper[len("CONFIG_") :]
        return plain if plain in names else nearest(plain, names, _SLIP)
    if not anywhere:
        return None
    return f"OTA_{upper}" if f"OTA_{upper}" in names else nearest(upper, names, _SLIP)
