"""The messages between `aos-ota make` and the build that it starts: two JSON documents in a folder.

The environment variable AOS_OTA_MAKE names the folder, which only its owner can read. The values of settings pass
neither a shell nor make. ``nonce`` is a random number in hex, different in each build.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

from aos_ota_plugin.files.documents import DocumentKind, read_document, write_document

VARIABLE = "AOS_OTA_MAKE"
ORDER = "order.json"
REPORT = "report.json"
STARTED, BUILT = "started", "built"
_REMEDY = "start the build with `aos-ota make`, of the version that the build itself uses"
_ORDER = DocumentKind("order of `aos-ota make`", {"schema": "aos-ota-order/1"}, _REMEDY, or_none=True)
_REPORT = DocumentKind("report to `aos-ota make`", {"schema": "aos-ota-report/1"}, _REMEDY, or_none=True)


class Order(NamedTuple):
    """The settings of a build, the solution's absolute folder, and the board or ""."""

    nonce: str
    solution: str
    board: str
    settings: Tuple[Tuple[str, str], ...]


class Report(NamedTuple):
    """The build's state: STARTED, or BUILT once all of it has succeeded, with the manifest's path."""

    nonce: str
    state: str
    manifest: str


def order_to_json(order: Order) -> bytes:
    """Write an order."""
    return write_document(_ORDER, {**order._asdict(), "settings": [list(pair) for pair in order.settings]})


def parse_order(data: bytes, file: str) -> Order:
    """Read an order. Raises FormatError."""
    fields = read_document(data, _ORDER, file=file)
    pairs = fields.sequence("settings")
    if not all(_is_pair(pair) for pair in pairs):
        raise fields.bad('"settings" is not a list of names with their values')
    nonce, solution, board = (fields.text(name, empty=True) for name in ("nonce", "solution", "board"))
    return Order(nonce, solution, board, tuple((name, value) for name, value in pairs))


def report_to_json(report: Report) -> bytes:
    """Write a report."""
    return write_document(_REPORT, report._asdict())


def parse_report(data: bytes, file: str) -> Report:
    """Read a report. Raises FormatError."""
    fields = read_document(data, _REPORT, file=file)
    return Report(*(fields.text(name, empty=True) for name in Report._fields))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
