"""The platform: products, devices, packages and rollouts. It handles and publishes messages.

It has no sockets and starts no threads; its methods may be called from several threads.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from aos_ota_plugin.cloud import rollout, rules
from aos_ota_plugin.cloud.data_folder import DATABASE, IMAGES
from aos_ota_plugin.cloud.device_checks import check_gateway, check_module, is_sub_device
from aos_ota_plugin.cloud.documents import State, access_list, nested_warnings, push_of, status_document
from aos_ota_plugin.cloud.rollout import Job, Package, PackageState, Target, Task
from aos_ota_plugin.cloud.storage import Product, Storage
from aos_ota_plugin.device.payload_content import refuse_private_key
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.signer import Signer
from aos_ota_plugin.protocol import topics
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.module_names import DEFAULT

_SECRET_BYTES = 16


class Platform:
    """The platform in one data folder.

    `publish(topic, payload)` is called after the change is in the database; `url_of` returns a package's address;
    `signer` signs for secure products; `clock` returns seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        signer: Signer,
        *,
        publish: Callable[[str, bytes], None],
        url_of: Callable[[Package], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._storage = Storage(folder / DATABASE)
        self._signer = signer
        self._publish = publish
        self._url_of = url_of
        self._clock = clock
        self._lock = threading.RLock()

    def check_database(self) -> None:
        """Raise sqlite3.Error when the database cannot be written."""
        with self._lock:
            self._storage.check()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._storage.close()

    # --- requests of users

    def add_product(self, product_key: str, name: str, *, secure: bool) -> Product:
        """Add a product. Raises SettingsError when the key is taken or invalid."""
        rules.check_product_key(product_key)
        rules.check_product_name(name)
        product = Product(product_key, name or product_key, secure)
        with self._lock:
            existing = self._storage.product(product_key)
            if existing is not None and existing.secure == secure:
                return existing
            if existing is not None:
                raise SettingsError(
                    f"the product {product_key} is there, with secure upgrade {'on' if existing.secure else 'off'}",
                    remedy="leave that as it is, or add another",
                )
            with self._storage as storage:
                storage.add_product(product)
        return product

    def add_devices(
        self, product_key: str, names: Sequence[str], gateway: Optional[str] = None, again: bool = False
    ) -> List[Identity]:
        """Register devices, each with a new secret; all of them or none. Raises SettingsError.

        With `again` registered devices keep their secrets: the client may have ended before it received them.
        """
        rules.check_device_names(names)
        with self._lock:
            self._product(product_key)
            if gateway is not None:
                check_gateway(self._storage, product_key, gateway)
            existing = {
                device.device_name
                for device in self._storage.devices(product_key)
                if again and device.gateway == gateway
            }
            identities = [
                (name in existing and self._storage.identity(product_key, name))
                or Identity(product_key, name, secrets.token_hex(_SECRET_BYTES))
                for name in names
            ]
            try:
                with self._storage as storage:
                    for identity in identities:
                        if identity.device_name not in existing:
                            storage.add_device(identity, gateway)
            except sqlite3.IntegrityError:
                raise SettingsError(
                    "a device of these names is registered already",
                    remedy="leave it out; `aos-ota cloud status` lists them",
                ) from None
        return identities

    def add_package(self, data: bytes, upload: rules.Upload) -> Package:
        """Add a package by the platform's rules. Raises SettingsError or FormatError."""
        rules.check_upload(upload, len(data))
        refuse_private_key(data, self._signer.public_key)
        sha256 = hashlib.sha256(data).hexdigest()
        with self._lock:
            product = self._product(upload.product_key)
            if len(self._storage.packages()) >= rules.PACKAGES_MAX:
                raise SettingsError(f"there are {rules.PACKAGES_MAX} packages, which is all the platform takes")
            if product.secure and upload.sign_method != "SHA256":
                raise SettingsError("with secure upgrade this platform signs SHA-256 only", remedy="use SHA256")
            digestsign = self._signature(sha256) if product.secure else None
            package = Package(
                0,
                upload.product_key,
                upload.name,
                upload.module,
                upload.version,
                upload.file,
                len(data),
                hashlib.md5(data, usedforsecurity=False).hexdigest(),
                sha256,
                upload.sign_method,
                digestsign,
                upload.source_version,
            )
            push_of(package, self._url_of(package))  # its URL has to fit, too
            write_file(self._folder / IMAGES / sha256, data)
            try:
                with self._storage as storage:
                    return storage.add_package(package)
            except sqlite3.IntegrityError:
                raise SettingsError(
                    f"a package is named {upload.name!a} already, and names cannot be changed",
                    remedy="choose another with --name",
                ) from None

    def start_job(self, job: Job, device_names: Sequence[str]) -> Tuple[Job, Dict[str, str], List[str]]:
        """Push a package; returns the job, {device name: reason} of those left out, and who runs it already.

        Raises SettingsError, or ProofError when the package has to be verified first.
        """
        now = self._clock()
        with self._lock:
            package = self._package(job.package)
            versions = self._storage.versions()
            registered = {device.device_name for device in self._storage.devices(package.product_key)}
            unknown = sorted(set(device_names) - registered)
            if unknown:
                raise SettingsError(
                    f"product {package.product_key} has no device {unknown[0][:40]!a}"
                    + (f" and {len(unknown) - 1} more of these" if unknown[1:] else ""),
                    remedy="`aos-ota cloud status` lists them",
                )
            targets = [
                Target(
                    name,
                    versions.get((package.product_key, name), {}).get(package.module),
                    self._storage.running_task(package.product_key, name) is not None,
                )
                for name in dict.fromkeys(device_names)
            ]
            tasks, skipped = rollout.plan(job, package, targets, now)
            with self._storage as storage:
                job = storage.add_job(job)
                storage.put_tasks(replace(task, job=job.number) for task in tasks)
                if job.kind == "verify" and tasks:
                    storage.set_package_state(job.package, PackageState.VERIFYING)
        self.tick()
        return job, skipped, [target.device_name for target in targets if target.version == package.version]

    def cancel(self, number: int) -> int:
        """Cancel the unfinished tasks of a job; returns their number. Raises SettingsError."""
        now = self._clock()
        with self._lock:
            job = self._job(number)
            tasks = [task for task in self._storage.tasks(number) if not task.state.is_final]
            with self._storage:
                for task in tasks:
                    self._store_task(rollout.cancel(task, now), job)
        return len(tasks)

    def status(self) -> Dict[str, Any]:
        """Return the database's content without secrets, ready for JSON."""
        with self._lock:
            storage = self._storage
            state = State(
                storage.products(),
                storage.devices(),
                storage.versions(),
                storage.packages(),
                storage.jobs(),
                storage.tasks(),
            )
        return status_document(state)

    def counts(self, number: int) -> Dict[str, int]:
        """Return {state: number of tasks} of a job. Raises SettingsError."""
        with self._lock:
            self._job(number)
            return {**rollout.count(()), **self._storage.counts(number)}

    def identity(self, product_key: str, device_name: str) -> Optional[Identity]:
        """Return a device's identity with its secret, None when it is not registered."""
        with self._lock:
            return self._storage.identity(product_key, device_name)

    def access(self) -> List[str]:
        """Return the lines of the broker's access list for all devices."""
        with self._lock:
            devices = self._storage.devices()
        return access_list(devices)

    def warnings(self) -> List[str]:
        """Return lines about devices that the platform treats otherwise than the database says."""
        with self._lock:
            devices = self._storage.devices()
        return nested_warnings(devices)

    # --- messages of devices, and timeouts

    def handle_message(self, topic: str, payload: bytes) -> None:
        """Handle a device's message. Raises FormatError, without a change, when it is not taken."""
        message = topics.read_message(topic, payload)
        now = self._clock()
        with self._lock:
            if self._storage.identity(message.product_key, message.device_name) is None:
                raise FormatError("no such device is registered")
            if isinstance(message, topics.SubLogin):
                self._sub_login(message)
            elif isinstance(message, topics.Inform):
                self._handle_inform(message, now)
            else:
                self._handle_progress(message, now)

    def tick(self) -> None:
        """Push the tasks that are due, and fail those that timed out."""
        now = self._clock()
        out = []
        with self._lock:
            due = [task for task in self._storage.due_tasks(now) if rollout.is_due(task, now)]
            late = self._storage.late_tasks(now)
            if not due and not late:
                return
            jobs = {number: self._job(number) for number in {task.job for task in (*due, *late)}}
            over = [expired for task in late for expired in [rollout.expire(task, jobs[task.job], now)] if expired]
            with self._storage:
                for task in over:
                    self._store_task(task, jobs[task.job])
                for task in due:
                    self._store_task(rollout.record_push(task, now), jobs[task.job])
                    out.append(self._push(task, jobs[task.job]))
        for topic, payload in out:
            self._publish(topic, payload)

    def _sub_login(self, message: topics.SubLogin) -> None:
        sub = self._storage.identity(message.sub.product_key, message.sub.device_name)
        self._publish(
            topics.session_topic(message.product_key, message.device_name, "login_reply"),
            topics.login_reply(message, sub if is_sub_device(self._storage, message) else None),
        )

    def _handle_inform(self, message: topics.Inform, now: float) -> None:
        push = None
        with self._storage.report_transaction() as storage:
            check_module(storage, message)
            storage.set_seen(message.product_key, message.device_name, now)
            storage.set_version(message.product_key, message.device_name, message.module, message.version)
            task = storage.running_task(message.product_key, message.device_name)
            if task is not None:
                job = self._job(task.job)
                package = self._package(job.package)
                # A device that restarts does not report a module that it does not have yet.
                if package.module == message.module or (
                    message.module == DEFAULT
                    and not storage.has_version(message.product_key, message.device_name, package.module)
                ):
                    changed, again = rollout.record_version(task, message.version, package.version, now)
                    self._store_task(changed, job)
                    push = self._push(changed, job) if again else None
        if push is not None:
            self._publish(*push)

    def _handle_progress(self, message: topics.Progress, now: float) -> None:
        with self._storage.report_transaction() as storage:
            storage.set_seen(message.product_key, message.device_name, now)
            task = storage.running_task(message.product_key, message.device_name)
            if task is not None:
                job = self._job(task.job)
                if message.module in (None, self._package(job.package).module):
                    self._store_task(rollout.record_progress(task, job, message.step, message.desc, now), job)

    def _store_task(self, task: Task, job: Job) -> None:
        self._storage.put_tasks([task])
        if job.kind == "verify":
            states = [task.state for task in self._storage.tasks(job.number)]
            package = rollout.record_verification(self._package(job.package), states)
            self._storage.set_package_state(package.number, package.state)

    def _push(self, task: Task, job: Job) -> Tuple[str, bytes]:
        topic = topics.upgrade_topic(task.product_key, task.device_name)
        package = self._package(job.package)
        return topic, push_of(package, self._url_of(package)).to_json()

    def _signature(self, sha256: str) -> str:
        return b64encode(self._signer.sign_hash(bytes.fromhex(sha256))).decode("ascii")

    def _product(self, product_key: str) -> Product:
        product = self._storage.product(product_key)
        if product is None:
            raise SettingsError(f"there is no product {product_key[:40]!a}", remedy="run `aos-ota cloud register`")
        return product

    def _package(self, number: int) -> Package:
        package = self._storage.package(number)
        if package is None:
            raise SettingsError(f"there is no package {number}", remedy="`aos-ota cloud status` lists them")
        return package

    def _job(self, number: int) -> Job:
        job = self._storage.job(number)
        if job is None:
            raise SettingsError(f"there is no job {number}", remedy="`aos-ota cloud status` lists them")
        return job
