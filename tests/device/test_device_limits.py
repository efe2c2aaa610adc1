"""The device's limits, against the flash they were measured on."""

from aos_ota_plugin.device import limits


def test_haas100_partitions_follow_each_other():
    a_end = limits.HAAS100_RTOSA_ADDRESS + limits.HAAS100_RTOS_SIZE
    assert a_end <= limits.HAAS100_RTOSB_ADDRESS
    assert limits.HAAS100_RTOSB_ADDRESS + limits.HAAS100_RTOS_SIZE == limits.HAAS100_LITTLEFS_ADDRESS
    assert limits.HAAS100_LITTLEFS_ADDRESS + limits.HAAS100_LITTLEFS_SIZE <= limits.HAAS100_KV_ADDRESS
    assert limits.HAAS100_KV_ADDRESS + limits.HAAS100_KV_SIZE <= limits.HAAS100_FLASH_SIZE


def test_smallest_files():
    assert (limits.MIN_FILE, limits.MIN_PAYLOAD, limits.MIN_FILE_CLOUD) == (840, 416, 56)
