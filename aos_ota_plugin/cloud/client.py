"""The client of a running cloud's API; it reads port and token from the cloud's folder."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import urlencode

from aos_ota_plugin.cloud.api import TOKEN_HEADER
from aos_ota_plugin.cloud.data_folder import read_config
from aos_ota_plugin.cloud.rollout import RUNNING
from aos_ota_plugin.errors import SettingsError, WorkspaceError
from aos_ota_plugin.printable import shown

_SECONDS = 120


class Client:
    """The API of one cloud.

    Every method raises SettingsError with the cloud's message when it refuses, WorkspaceError when none answers.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.config = read_config(folder)

    def status(self) -> Dict[str, Any]:
        """Return all that the platform shows: products, devices, packages, jobs, broker, log."""
        return self._ask("GET", "/api/status")

    def counts(self, job: int) -> Dict[str, int]:
        """Return {state: number of tasks} of a job."""
        return dict(self._ask("GET", f"/api/jobs/{job}")["counts"])

    def is_running(self, job: int) -> bool:
        """Return whether a task of the job is still running.

        All states come from one request: between two requests a task may go back to an earlier state.
        """
        counts = self.counts(job)
        return any(counts[state] for state in RUNNING)

    def add_product(self, product_key: str, *, name: str = "", secure: bool = False) -> None:
        """Add a product unless it exists."""
        self._post("/api/products", {"product_key": product_key, "name": name, "secure": secure})

    def add_devices(
        self, product_key: str, names: Sequence[str], gateway: str = "", *, again: bool = False
    ) -> List[Dict[str, str]]:
        """Register devices; returns their identities, with `again` those of registered ones, too."""
        return list(
            self._post(
                "/api/devices",
                {"product_key": product_key, "device_names": list(names), "gateway": gateway, "again": again},
            )["devices"]
        )

    def upload(self, data: bytes, values: Mapping[str, Optional[str]]) -> Dict[str, Any]:
        """Add a package; `values` are product_key, version and file, and may be name, module and so on."""
        with _in_utf_8():
            query = urlencode({name: value for name, value in values.items() if value})
        return self._ask("POST", f"/api/packages?{query}", data)

    def start_job(self, **values: Any) -> Dict[str, Any]:
        """Push a package; `values` are package, kind, device_names and the fields of `Job`."""
        return self._post("/api/jobs", values)

    def cancel(self, job: int) -> int:
        """Cancel the unfinished tasks of a job; returns their number."""
        return int(self._post(f"/api/jobs/{job}/cancel", {})["canceled"])

    def set_faults(self, **values: Any) -> Dict[str, Any]:
        """Set the faults of the image server; returns all of them."""
        return self._post("/api/faults", values)

    def _post(self, path: str, value: Mapping[str, Any]) -> Dict[str, Any]:
        with _in_utf_8():
            body = json.dumps(value, ensure_ascii=False).encode("utf-8")
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Optional[bytes] = None) -> Dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.config.api_port, timeout=_SECONDS)
        try:
            connection.request(method, path, body, {TOKEN_HEADER: self.config.token})
            response = connection.getresponse()
            value = dict(json.loads(response.read()))
        except (OSError, http.client.HTTPException, TypeError, ValueError) as error:
            raise WorkspaceError(
                f"no cloud answers on 127.0.0.1:{self.config.api_port}: {shown(str(error))}",
                remedy=f"start it: aos-ota cloud run {self._folder}",
            ) from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise SettingsError(
                f"the cloud refused: {shown(str(value.get('error', response.status)))}",
                remedy=shown(str(value.get("remedy", ""))),
            )
        return value


@contextmanager
def _in_utf_8() -> Iterator[None]:
    """Raise SettingsError for bytes of the command line or a file's name that are no text."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"{error.object[max(error.start - 40, 0) : error.end]!a} is not UTF-8",
            remedy="type the name anew, give another one, or rename the file",
        ) from None
