"""How a command talks to a running cloud: by the configuration in its folder."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional
from urllib.parse import urlencode

from aos_ota_plugin.cloud.api import TOKEN_HEADER
from aos_ota_plugin.cloud.home import read_config
from aos_ota_plugin.cloud.rollout import RUNNING
from aos_ota_plugin.errors import SettingsError, WorkspaceError

_SECONDS = 120


class Client:
    """A cloud's API. Every method raises SettingsError with the cloud's own words, WorkspaceError when none answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.config = read_config(folder)

    def status(self) -> Dict[str, Any]:
        """Everything that may be shown."""
        return self._ask("GET", "/api/status")

    def counts(self, job: int) -> Dict[str, int]:
        """{state: number of tasks} of a job."""
        return dict(self._ask("GET", f"/api/jobs/{job}")["counts"])

    def is_running(self, job: int) -> bool:
        """Whether a task of it has not ended. Asked once: a task may go back to a state between two answers."""
        counts = self.counts(job)
        return any(counts[state] for state in RUNNING)

    def add_product(self, product_key: str, *, name: str = "", secure: bool = False) -> None:
        """Add a product, where it is not there."""
        self._post("/api/products", {"product_key": product_key, "name": name, "secure": secure})

    def add_devices(
        self, product_key: str, names: List[str], gateway: str = "", *, again: bool = False
    ) -> List[Dict[str, str]]:
        """Register devices; returns their identities, with `again` those of registered ones, too."""
        return list(
            self._post(
                "/api/devices", {"product_key": product_key, "device_names": names, "gateway": gateway, "again": again}
            )["devices"]
        )

    def upload(self, data: bytes, values: Mapping[str, Optional[str]]) -> Dict[str, Any]:
        """Add a package; `values` are product_key, version and file, and may be name, module and so on."""
        query = urlencode({name: value for name, value in values.items() if value})
        return self._ask("POST", f"/api/packages?{query}", data)

    def start_job(self, **values: Any) -> Dict[str, Any]:
        """Push a package: package, kind, device_names, and what `Job` has."""
        return self._post("/api/jobs", values)

    def cancel(self, job: int) -> int:
        """Give up what has not ended of a job."""
        return int(self._post(f"/api/jobs/{job}/cancel", {})["canceled"])

    def set_faults(self, **values: Any) -> Dict[str, Any]:
        """Change what the image server does to answers."""
        return self._post("/api/faults", values)

    def _post(self, path: str, value: Mapping[str, Any]) -> Dict[str, Any]:
        return self._ask("POST", path, json.dumps(value).encode())

    def _ask(self, method: str, path: str, body: Optional[bytes] = None) -> Dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.config.api_port, timeout=_SECONDS)
        try:
            connection.request(method, path, body, {TOKEN_HEADER: self.config.token})
            response = connection.getresponse()
            value = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WorkspaceError(
                f"no cloud answers on 127.0.0.1:{self.config.api_port}: {error}",
                remedy=f"start it: aos-ota cloud run {self._folder}",
            ) from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise SettingsError(
                f"the cloud refused: {value.get('error', response.status)}", remedy=str(value.get("remedy", ""))
            )
        return dict(value)
