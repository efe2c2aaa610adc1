"""The rules for a push whose size is not the file's.

The vendor's device asks for everything from ``size`` less the trailer on, and writes what comes into two structures of
392 and 28 bytes, without a look at how much that is. Where that start is negative, it asks for ``bytes=-N-``, which
servers ignore: the whole file comes.

==========================  ===========================================  ==============================================
size of the push            local mode                                   cloud mode
==========================  ===========================================  ==============================================
smaller than the file       writes past its buffer (heap overflow)       writes past its buffer (heap overflow)
larger, by less than the    the trailer is read from the wrong place,    image: the image_info is; diff: installed, and
trailer (420 or 28 bytes)   or is not whole                              its last bytes never reach the flash
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
_INT_MAX = (1 << 31) - 1


def trailer_start(pushed: int, trailer: int) -> int:
    """Return where the vendor's device gets the trailer from: 0 where its request has a negative number."""
    return pushed - trailer if 0 <= pushed - trailer <= _INT_MAX else 0


def judge_length(pushed: int, actual: int, *, trailer: int, hardened: bool) -> Finding:
    """Judge the sizes of a push and of its image, both in bytes, by what the reader of the trailer does.

    ``trailer`` is how many bytes it reads: 420 in local mode, 28 in cloud mode. A push that is larger by less passes.
    """
    if pushed == actual:
        return Finding(RULE, True, DeviceVerdict.OTA_SUCCESS, f"{actual} bytes")
    stated = _stated(pushed, actual)
    if hardened:
        return _refuse(DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL, stated)
    whole_file = not 0 <= pushed - trailer <= _INT_MAX
    comes = actual if whole_file else max(actual - pushed + trailer, 0)
    if not whole_file and min(comes, limits.DOWNLOAD_BLOCK_SIZE) > pushed - trailer:
        verdict, why = DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, "more comes than may stand before the trailer"
    elif comes > trailer:
        verdict, why = DeviceVerdict.DEVICE_FAULT, f"heap overflow, as the device reads {comes} bytes into {trailer}"
    elif whole_file and pushed > actual + trailer:
        is_local = trailer > limits.IMAGE_INFO_SIZE
        verdict = DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL if is_local else DeviceVerdict.OTA_INIT_FAIL
        why = "what comes is no trailer" if is_local else "no partition has as many"
    elif not comes:
        verdict, why = DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL, "where the trailer should begin, nothing comes"
    else:
        why = f"not noticed, {comes} bytes of the trailer come"
        return Finding(RULE, True, DeviceVerdict.OTA_SUCCESS, f"{stated}: {why}")
    return _refuse(verdict, f"{stated}: {why}")


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
