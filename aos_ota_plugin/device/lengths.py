"""The rules for a push whose size is not the file's.

The vendor's device asks for everything from ``size`` less the trailer on, and writes what comes into two structures of
392 and 28 bytes, without a look at how much that is.

==========================  ===========================================  ==============================================
size of the push            local mode                                   cloud mode
==========================  ===========================================  ==============================================
smaller than the file       writes past its buffer (heap overflow)       writes past its buffer (heap overflow)
larger, by less than the    OTA_DOWNLOAD_HEAD_FAIL: the trailer is       image: OTA_VERIFY_IMAGE_FAIL; diff: installed,
trailer (420 or 28 bytes)   read from the wrong place                    and its last bytes never reach the flash
larger by more              OTA_DOWNLOAD_RECV_FAIL: nothing comes        OTA_DOWNLOAD_RECV_FAIL: nothing comes
a file for the file system  the hash fails                               the hash fails
==========================  ===========================================  ==============================================

A hardened device compares the lengths before it downloads: OTA_DOWNLOAD_HEAD_FAIL.

From ``ota_download_image_header`` in ``ota_download_http.c``.
"""

from __future__ import annotations

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.verdicts import DeviceVerdict, Finding

RULE = "size"


def judge_length(pushed: int, actual: int, *, trailer: int, hardened: bool) -> Finding:
    """Judge the sizes of a push and of its image, both in bytes, by what the reader of the trailer does.

    ``trailer`` is how many bytes it reads: 420 in local mode, 28 in cloud mode.
    """
    if pushed == actual:
        return Finding(RULE, True, DeviceVerdict.OTA_SUCCESS, f"{actual} bytes")
    stated = _stated(pushed, actual)
    if hardened:
        return _refuse(DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, stated)
    if pushed < actual:
        return _too_small(pushed, actual, trailer, stated)
    beyond = pushed - actual
    if beyond >= trailer:
        return _refuse(DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, f"{stated}: where the trailer should begin, nothing comes")
    if trailer > limits.IMAGE_INFO_SIZE:
        return _refuse(
            DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, f"{stated}: the trailer is read {beyond} bytes behind its place"
        )
    return Finding(RULE, True, DeviceVerdict.OTA_SUCCESS, f"{stated}: not noticed before the end of the download")


def _too_small(pushed: int, actual: int, trailer: int, stated: str) -> Finding:
    comes = actual - pushed + trailer
    if pushed >= trailer and min(comes, limits.DOWNLOAD_BLOCK_SIZE) > pushed - trailer:
        return _refuse(DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, f"{stated}: more comes than may stand before the trailer")
    return _refuse(
        DeviceVerdict.DEVICE_FAULT,
        f"{stated}: heap overflow, as the device reads {comes if pushed >= trailer else actual} bytes into a "
        f"trailer's {trailer}",
    )


def judge_file_length(pushed: int, actual: int, *, is_md5: bool, hardened: bool) -> Finding:
    """Judge the sizes of a push and of its file for the file system, both in bytes."""
    if pushed == actual:
        return Finding(RULE, True, DeviceVerdict.OTA_SUCCESS, f"{actual} bytes")
    if hardened:
        return _refuse(DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, _stated(pushed, actual))
    verdict = DeviceVerdict.OTA_VERIFY_MD5_FAIL if is_md5 else DeviceVerdict.OTA_VERIFY_SHA2_FAIL
    return _refuse(verdict, f"{_stated(pushed, actual)}: another number of bytes is hashed")


def _stated(pushed: int, actual: int) -> str:
    return f"the push says {pushed} bytes, the file has {actual}"


def _refuse(verdict: DeviceVerdict, detail: str) -> Finding:
    return Finding(RULE, False, verdict, detail)
