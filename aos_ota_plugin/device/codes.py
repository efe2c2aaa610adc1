"""The names of the codes of devices: of the agent, its progress reports, and the second boot stage.

>>> with_name(-12)
'-12 OTA_VERIFY_RSA_FAIL'
>>> step_text(-3)
'-3 OTA_REPORT_VERIFY_ERR'
>>> name_codes("status -12")
'status -12 OTA_VERIFY_RSA_FAIL'
"""

from __future__ import annotations

import re
from typing import Dict, Mapping, Tuple

_ROWS: Tuple[Tuple[int, str, str], ...] = (
    (0, "OTA_SUCCESS", ""),
    (-1, "OTA_INIT_FAIL", "OTA init failed"),
    (-2, "OTA_TRANSPORT_INT_FAIL", "OTA transport init failed"),
    (-3, "OTA_TRANSPORT_PAR_FAIL", "OTA transport parse failed"),
    (-4, "OTA_TRANSPORT_VER_FAIL", "OTA transport verion is too old"),
    (-5, "OTA_DOWNLOAD_INIT_FAIL", "OTA download init failed"),
    (-6, "OTA_DOWNLOAD_HEAD_FAIL", "OTA download header failed"),
    (-7, "OTA_DOWNLOAD_CON_FAIL", "OTA download connect failed"),
    (-8, "OTA_DOWNLOAD_REQ_FAIL", "OTA download request failed"),
    (-9, "OTA_DOWNLOAD_RECV_FAIL", "OTA download receive failed"),
    (-10, "OTA_VERIFY_MD5_FAIL", "OTA verfiy MD5 failed"),
    (-11, "OTA_VERIFY_SHA2_FAIL", "OTA verfiy SHA256 failed"),
    (-12, "OTA_VERIFY_RSA_FAIL", "OTA verfiy RSA failed"),
    (-13, "OTA_VERIFY_IMAGE_FAIL", "OTA verfiy image failed"),
    (-14, "OTA_UPGRADE_WRITE_FAIL", "OTA upgrade write failed"),
    (-15, "OTA_UPGRADE_PARAM_FAIL", "OTA undefined failed"),
    (-16, "OTA_UPGRADE_FW_SIZE_FAIL", "OTA upgrade FW too big"),
    (-17, "OTA_UPGRADE_SET_BOOT_FAIL", "OTA undefined failed"),
    (-18, "OTA_CUSTOM_CALLBAK_FAIL", "OTA register callback failed"),
    (-19, "OTA_MCU_INIT_FAIL", "OTA MCU init failed"),
    (-20, "OTA_MCU_VERSION_FAIL", "OTA MCU init failed"),
    (-21, "OTA_MCU_NOT_READY", "OTA MCU not ready"),
    (-22, "OTA_MCU_REBOOT_FAIL", "OTA MCU fail to reboot"),
    (-23, "OTA_MCU_HEADER_FAIL", "OTA MCU header error"),
    (-24, "OTA_MCU_UPGRADE_FAIL", "OTA MCU upgrade fail"),
    (-25, "OTA_INVALID_PARAMETER", "OTA invalid parameter"),
)
AGENT: Mapping[int, str] = {code: name for code, name, _ in _ROWS}
"""``OTA_ERRNO_E`` of the vendor's ``ota_agent.h``, spelled as there."""
REPORTS: Mapping[int, str] = {code: text for code, _, text in _ROWS if text}
"""The vendor's agent's texts (``desc``) of a failure's report, spelled as there."""
STEPS: Mapping[int, str] = {
    -1: "OTA_REPORT_UPGRADE_ERR",
    -2: "OTA_REPORT_DOWNLOAD_ERR",
    -3: "OTA_REPORT_VERIFY_ERR",
    -4: "OTA_REPORT_BURN_ERR",
}
"""``OTA_REPORT_CLOUD_ERRNO_E``: the steps of a progress report that stand for a failure."""
STANDS_FOR: Mapping[int, Tuple[int, ...]] = {
    -1: (-1, -2, -3, -4, -15, -17),
    -2: (-5, -6, -7, -8, -9),
    -3: (-10, -11, -12, -13),
    -4: (-14, -16, *range(-18, -26, -1)),
}
"""The agent's codes for which each step is reported."""
BOOT_STAGE: Mapping[int, str] = {
    0: "OTA_UPDATER_OK",
    -1: "OTA_NB_INVALID_PARAM",
    -2: "OTA_NB_HEADER_FAIL",
    -3: "OTA_NB_MEMORY_FAIL",
    -4: "OTA_NB_READ_CTRL_FAIL",
    -5: "OTA_NB_READ_DIFF_FAIL",
    -6: "OTA_NB_READ_OLD_FAIL",
    -7: "OTA_NB_READ_EXTRA_FAIL",
    -8: "OTA_NB_WRITE_DATA_FAIL",
    -9: "OTA_NB_CRC_COMP_FAIL",
    -10: "OTA_XZ_PARAM_FAIL",
    -11: "OTA_XZ_CRC_FAIL",
    -12: "OTA_XZ_UNCOMP_FAIL",
    -13: "OTA_XZ_VERIFY_FAIL",
    -14: "OTA_XZ_MEM_FAIL",
    -15: "OTA_YMODEM_UP_FAIL",
    -16: "OTA_USB_UP_FAIL",
    -17: "OTA_IMAGE_CRC_FAIL",
    -18: "OTA_IMAGE_COPY_FAIL",
}
"""``OTA_UPDATER_E`` of the vendor's ``ota_updater.h``."""
DEVICE_FAULT = "DEVICE_FAULT"
"""The verdict of `aos-ota verify` that no device gives."""

_STATUS = re.compile(r"status (-[1-9][0-9]?)")
_OF_REPORT: Dict[str, str] = {}
for _code, _text in REPORTS.items():
    _name = f"{_code} {AGENT[_code]}"
    _OF_REPORT[_text] = f"{_OF_REPORT[_text]} or {_name}" if _text in _OF_REPORT else _name


def with_name(code: int, names: Mapping[int, str] = AGENT) -> str:
    """Return a code with its name, the code alone where it has none."""
    return f"{code} {names.get(code, '')}".rstrip()


def step_of(code: int) -> int:
    """Return the step that the agent reports for a code; -1 for codes that it does not list."""
    return next((step for step, codes in STANDS_FOR.items() if code in codes), -1)


def step_text(step: int) -> str:
    """Return a reported step with its name; percentages have none."""
    return with_name(step, STEPS)


def name_codes(desc: str) -> str:
    """Add names to a failure's ``desc`` where it is a code or a text of the agent."""
    status = _STATUS.fullmatch(desc)
    if status:
        return f"status {with_name(int(status[1]))}"
    return f"{desc} ({_OF_REPORT[desc]})" if desc in _OF_REPORT else desc


def report_text(step: int, desc: str) -> str:
    """Return a device's report for people: its ``desc``, behind the step of a failure."""
    words = [step_text(step)] if step in STEPS else []
    return ", ".join([*words, *([name_codes(desc)] if desc else [])])
