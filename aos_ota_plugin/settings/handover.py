"""What `aos-ota make` and the build that it starts tell each other: two JSON documents in a folder of their own.

The environment variable AOS_OTA_MAKE names the folder, which its owner alone can read. No value of a setting passes a
shell or make on this way. ``nonce`` is a number that no other build has, in hex.
"""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Tuple

from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files import unique_json

VARIABLE = "AOS_OTA_MAKE"
ORDER = "order.json"
REPORT = "report.json"
STARTED, BUILT = "started", "built"


class Order(NamedTuple):
    """The settings of one build, and whose they are: the solution's folder (absolute), the board or ""."""

    nonce: str
    solution: str
    board: str
    settings: Tuple[Tuple[str, str], ...]


class Report(NamedTuple):
    """How far that build came: ``state`` is STARTED, or BUILT once all of it has succeeded; ``manifest`` its path."""

    nonce: str
    state: str
    manifest: str


def order_to_json(order: Order) -> bytes:
    """Write an order."""
    return json.dumps({**order._asdict(), "settings": [list(pair) for pair in order.settings]}).encode("ascii")


def parse_order(data: bytes, file: str) -> Order:
    """Read an order; raises FormatError for anything else."""
    fields = _fields(data, file, ("nonce", "solution", "board"))
    pairs = fields.get("settings")
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise _strange(file)
    return Order(fields["nonce"], fields["solution"], fields["board"], tuple((name, value) for name, value in pairs))


def report_to_json(report: Report) -> bytes:
    """Write a report."""
    return json.dumps(report._asdict()).encode("ascii")


def parse_report(data: bytes, file: str) -> Report:
    """Read a report; raises FormatError for anything else."""
    fields = _fields(data, file, Report._fields)
    return Report(*(fields[name] for name in Report._fields))


def _fields(data: bytes, file: str, texts: Tuple[str, ...]) -> Dict[str, Any]:
    try:
        fields = unique_json.loads(data, file)
    except (ValueError, RecursionError):
        raise _strange(file) from None
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in texts):
        raise _strange(file)
    return fields


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _strange(file: str) -> FormatError:
    return FormatError(
        "this is not what `aos-ota make` writes",
        place=Place(file),
        remedy="start the build with `aos-ota make`, of the version that the build itself uses",
    )
