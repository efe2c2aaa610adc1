"""HTTP requests of a device: byte ranges of an image, as the agent requests them."""

from __future__ import annotations

import http.client
import ssl
from typing import Any, Dict, Iterator
from urllib.parse import urlsplit

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.acceptance import DeviceVerdict

NETWORK_SECONDS = 20
_BLOCK = 8 * limits.DOWNLOAD_BLOCK_SIZE


class DownloadEnd(Exception):  # noqa: N818 - the end of a device's attempt, not a fault of ours
    """The failure of a download, with the device's verdict."""

    def __init__(self, verdict: DeviceVerdict, text: str) -> None:
        super().__init__(text)
        self.verdict = verdict


class NothingThereError(Exception):
    """The answer to a request for bytes behind the end of the file."""


def _check_answer(response: http.client.HTTPResponse, start: int) -> None:
    """Raise unless the answer begins at byte `start`: else data would be written to a wrong place."""
    if response.status == 416:
        raise NothingThereError(f"the file has no byte {start}")
    if response.status in (403, 404):
        raise DownloadEnd(DeviceVerdict.OTA_DOWNLOAD_REQ_FAIL, f"the server answered {response.status}")
    expected = f"bytes {start}-"
    whole = response.status == 200 and start == 0
    if not whole and (response.status != 206 or not (response.getheader("Content-Range") or "").startswith(expected)):
        raise ConnectionError(f"the server answered {response.status} to a request from byte {start}")


def fetch_from(url: str, start: int, context: ssl.SSLContext) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` to its end, over one connection.

    Raises:
        DownloadEnd: the server has no such file.
        NothingThereError: it ends before `start`.
        OSError, http.client.HTTPException: the connection breaks off.
    """
    parts = urlsplit(url)
    kind: Any = http.client.HTTPConnection
    extra: Dict[str, Any] = {}
    if parts.scheme == "https":
        kind, extra = http.client.HTTPSConnection, {"context": context}
    connection = kind(parts.hostname, parts.port, timeout=NETWORK_SECONDS, **extra)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Range": f"bytes={start}-"})
        response = connection.getresponse()
        _check_answer(response, start)
        while block := response.read(_BLOCK):
            yield block
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
    finally:
        connection.close()


def client_context(ca: str) -> ssl.SSLContext:
    """Return a TLS context that trusts only the authority in the file `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca)
    return context
