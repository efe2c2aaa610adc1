"""Types of what a device is asked, and of its answer: device, push message, finding, verdict."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Optional, Tuple

from aos_ota_plugin.keys.rsa import PublicKey


class DeviceVerdict(IntEnum):
    """``OTA_ERRNO_E`` of the device's ``ota_agent.h``, as far as an update can cause it."""

    OTA_SUCCESS = 0
    OTA_INIT_FAIL = -1
    OTA_TRANSPORT_INT_FAIL = -2
    OTA_TRANSPORT_PAR_FAIL = -3
    OTA_TRANSPORT_VER_FAIL = -4
    OTA_DOWNLOAD_INIT_FAIL = -5
    OTA_DOWNLOAD_HEAD_FAIL = -6
    OTA_DOWNLOAD_CON_FAIL = -7
    OTA_DOWNLOAD_REQ_FAIL = -8
    OTA_DOWNLOAD_RECV_FAIL = -9
    OTA_VERIFY_MD5_FAIL = -10
    OTA_VERIFY_SHA2_FAIL = -11
    OTA_VERIFY_RSA_FAIL = -12
    OTA_VERIFY_IMAGE_FAIL = -13
    OTA_UPGRADE_WRITE_FAIL = -14
    OTA_UPGRADE_PARAM_FAIL = -15
    OTA_UPGRADE_FW_SIZE_FAIL = -16
    OTA_UPGRADE_SET_BOOT_FAIL = -17
    OTA_CUSTOM_CALLBAK_FAIL = -18
    OTA_INVALID_PARAMETER = -25
    DEVICE_FAULT = -100
    """No code of the device: it would crash, write outside a buffer, or be left without firmware that boots."""


class Device(NamedTuple):
    """The properties of a device that the rules use: key in its firmware, mode, version, OTA partition.

    `partition_size` is in bytes. A `hardened` device compares numbers in versions as numbers, and in cloud mode refuses
    a push without a signature.
    """

    public_key: Optional[PublicKey]
    local_rsa: bool
    version: Optional[str] = None
    partition_size: Optional[int] = None
    hardened: bool = False


class Push(NamedTuple):
    """The platform's upgrade message, as far as the rules use it; `sign` is hex, `digestsign` base64."""

    size: int
    sign_method: str
    sign: str
    digestsign: Optional[str] = None
    has_url: bool = True


class Hashed(NamedTuple):
    """Consecutive pieces of bytes, and the digests of them all together (lower-case hex)."""

    pieces: Tuple[bytes, ...]
    md5: str
    sha256: str


class Finding(NamedTuple):
    """The result of one rule; `verdict` is 0 when `ok`.

    Else it is a DeviceVerdict or the boot stage's UpdaterVerdict. `judged` is False if the rule lacked its input.
    """

    rule: str
    ok: bool
    verdict: IntEnum
    detail: str
    judged: bool = True


class Judgement(NamedTuple):
    """The device's verdict, and the findings of the rules up to the first refusal.

    `signature_checked` is False on every image whose RSA signature the device did not verify, accepted or not.
    `by_agent` is False where the second boot stage has the last word, after the agent has accepted.
    """

    verdict: IntEnum
    findings: Tuple[Finding, ...]
    signature_checked: bool
    by_agent: bool = True

    @property
    def accepted(self) -> bool:
        """Return whether the device installs the image."""
        return self.verdict == DeviceVerdict.OTA_SUCCESS
