r"""The messages that a device publishes: the version it runs, and how far an upgrade is.

They are the vendor's device's, byte for byte: with the blank behind ``"step":``, its misspellings, and the closing NUL.

>>> inform_message("app-1.0.0")
b'{"id":0,"params":{"version":"app-1.0.0"}}\x00'
>>> progress_message(-12)
b'{"id":1,"params":{"step": "-3","desc":"OTA verfiy RSA failed"}}\x00'
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from aos_ota_plugin.device.codes import REPORTS, step_of
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.protocol.module_names import check_module_name

_UNDEFINED = "OTA undefined failed"


class Failure(NamedTuple):
    """A report of a failure: step -1 upgrade, -2 download, -3 verify, -4 burn, and the device's text."""

    step: int
    desc: str


def failure_of(code: int) -> Failure:
    """Return what a device reports for one of the codes of ``OTA_ERRNO_E``.

    >>> failure_of(-15)
    Failure(step=-1, desc='OTA undefined failed')
    """
    return Failure(step_of(code), REPORTS.get(code, _UNDEFINED))


def inform_message(version: str, module: Optional[str] = None) -> bytes:
    """Return a device's report of its version, or of a module's (topic ``/ota/device/inform/{pk}/{dn}``).

    Raises SettingsError for a version or name out of its limits.
    """
    check_version(version, field="version")
    return f'{{"id":0,"params":{{"version":"{version}"{_module(module)}}}}}\0'.encode("ascii")


def progress_message(status: int, module: Optional[str] = None) -> bytes:
    """Return the report of an upgrade's progress (topic ``/ota/device/progress/{pk}/{dn}``).

    `status` is 0 to 100, or the code of a failure. `module` is None for the firmware, and "" as long as a device has
    not read the name of one. Raises FormatError for another status, SettingsError for a name out of its limits.
    """
    if status > 100:
        raise FormatError(f"the status {status} is above 100", remedy="use 0 to 100, or the code of a failure")
    step, desc = failure_of(status) if status < 0 else Failure(status, "")
    return f'{{"id":1,"params":{{"step": "{step}","desc":"{desc}"{_module(module)}}}}}\0'.encode("ascii")


def _module(name: Optional[str]) -> str:
    if name:
        check_module_name(name)
    return "" if name is None else f',"module":"{name}"'
