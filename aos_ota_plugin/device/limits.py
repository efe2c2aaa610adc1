"""The limits of a device: buffers of the OTA component, and the flash of a HaaS100.

Lengths are characters without the closing NUL; sizes and addresses are bytes. From ``ota_agent.h``,
``ota_import.h`` and the partition table of the board ``haas100``.
"""

from __future__ import annotations

VERSION_MAX = 63
URL_MAX = 255
MODULE_NAME_MAX = 32
STORE_PATH_MAX = 76
PRODUCT_KEY_MAX = 20
PRODUCT_SECRET_MAX = 64
DEVICE_NAME_MAX = 32
DEVICE_SECRET_MAX = 64
MQTT_MESSAGE_MAX = 255
"""The message buffer has 256 bytes."""
PACK_PATH_BUFFER = 128
"""Folder and file name of a data-file pack are joined into this many bytes, NUL included."""
PACK_FOLDER_MAX = 64

IMAGE_INFO_SIZE = 28
SIGN_INFO_SIZE = 392
MIN_FILE = 2 * (IMAGE_INFO_SIZE + SIGN_INFO_SIZE)
"""840: a local-mode device's header reader needs as many bytes before the trailer as in it."""
MIN_PAYLOAD = MIN_FILE - IMAGE_INFO_SIZE - SIGN_INFO_SIZE - 4
"""416: the shortest payload, without the four ff, that reaches MIN_FILE."""
MIN_FILE_CLOUD = 2 * IMAGE_INFO_SIZE
"""56: the same for a cloud-mode device, whose trailer is image_info alone."""
DOWNLOAD_BLOCK_SIZE = 2048
PROGRESS_UNIT = 64
"""Bytes that the vendor's device counts its progress in."""

HAAS100_FLASH_SIZE = 16 * 1024 * 1024
HAAS100_RTOSA_ADDRESS = 0x2A000
HAAS100_RTOSB_ADDRESS = 0x5BA000
HAAS100_RTOS_SIZE = 0x578000
"""Each of the two firmware partitions; an OTA file must fit into one."""
HAAS100_LITTLEFS_ADDRESS = 0xB32000
HAAS100_LITTLEFS_SIZE = 0x4AE000
HAAS100_KV_ADDRESS = 0xFF1000
HAAS100_KV_SIZE = 0xD000

DIFF_BLOCK_SIZE = 0x40000
"""The largest section of a diff on 3.x, and the end of the OTA partition that rebuilding one needs."""


def short_file(size: int) -> str:
    """Return the warning for a file under `PROGRESS_UNIT` bytes, "" for a longer one."""
    if size >= PROGRESS_UNIT:
        return ""
    return (
        f"{size} bytes: for the progress report of a file under {PROGRESS_UNIT} the vendor's device divides by zero, "
        "which may crash it; pad the file, or put it into a pack with another"
    )
