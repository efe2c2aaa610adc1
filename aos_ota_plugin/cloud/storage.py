"""The platform's database, in SQLite.

Changes by users are on the disk before they are confirmed. Reports of devices survive a killed process; a power cut may
lose the last of them, and devices repeat them when they reconnect.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Type

from aos_ota_plugin.cloud.database_errors import database_error
from aos_ota_plugin.cloud.rollout import Job, Package, PackageState, Task
from aos_ota_plugin.cloud.rows import from_row, to_row
from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.topics import Inform

_SCHEMA = """
CREATE TABLE IF NOT EXISTS product (product_key TEXT PRIMARY KEY, name TEXT NOT NULL, secure INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS device (
  product_key TEXT NOT NULL REFERENCES product, device_name TEXT NOT NULL, device_secret TEXT NOT NULL,
  gateway TEXT, seen REAL, PRIMARY KEY (product_key, device_name));
CREATE TABLE IF NOT EXISTS version (
  product_key TEXT NOT NULL, device_name TEXT NOT NULL, module TEXT NOT NULL, version TEXT NOT NULL,
  PRIMARY KEY (product_key, device_name, module));
CREATE TABLE IF NOT EXISTS package (
  number INTEGER PRIMARY KEY, product_key TEXT NOT NULL REFERENCES product, name TEXT NOT NULL UNIQUE,
  module TEXT NOT NULL, version TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, md5 TEXT NOT NULL,
  sha256 TEXT NOT NULL, sign_method TEXT NOT NULL, digestsign TEXT, source_version TEXT, state INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS job (
  number INTEGER PRIMARY KEY, package INTEGER NOT NULL REFERENCES package, kind TEXT NOT NULL, rate INTEGER NOT NULL,
  retries INTEGER NOT NULL, retry_after REAL NOT NULL, timeout REAL NOT NULL);
CREATE TABLE IF NOT EXISTS task (
  job INTEGER NOT NULL REFERENCES job, product_key TEXT NOT NULL, device_name TEXT NOT NULL, state TEXT NOT NULL,
  due REAL NOT NULL, changed REAL NOT NULL, step INTEGER NOT NULL, attempts INTEGER NOT NULL, desc TEXT NOT NULL,
  PRIMARY KEY (job, product_key, device_name));
CREATE INDEX IF NOT EXISTS task_of_device ON task (product_key, device_name, state);
CREATE INDEX IF NOT EXISTS task_state ON task (state);
"""
_VERSION = 1
_LOCKED_SECONDS = 5
"""How long a program that holds the database is waited for."""
_RUNNING = "state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELED')"


@dataclass(frozen=True)
class Product:
    """A product; with `secure` the platform signs its packages."""

    product_key: str
    name: str
    secure: bool


@dataclass(frozen=True)
class RegisteredDevice:
    """A device without its secret; `gateway` is its gateway, `seen` the time of its last report."""

    product_key: str
    device_name: str
    gateway: Optional[str]
    seen: Optional[float]


class Storage:
    """The database; to be used by one thread at a time. ``with storage:`` is a transaction.

    A transaction of ``with storage.report_transaction():`` does not wait for the disk.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=_LOCKED_SECONDS)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA foreign_keys = ON")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise OutputError(
                    f"{path} was written by another version of this program ({version}, not {_VERSION})",
                    remedy="use that version, or give the cloud another folder",
                )
            self._base.executescript(_SCHEMA)
            self._base.execute(f"PRAGMA user_version = {_VERSION}")
            if self._base.execute("PRAGMA foreign_key_check").fetchone():
                raise sqlite3.DatabaseError("a row is malformed: it refers to one that is missing")
        except sqlite3.Error as error:
            raise database_error(error, path) from None

    def check(self) -> None:
        """Write a page, without a change. Raises sqlite3.Error."""
        with self:
            self._base.execute(f"PRAGMA user_version = {_VERSION}")

    def __enter__(self) -> Storage:
        self._base.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *_: object) -> None:
        try:
            if kind is None:
                self._base.execute("COMMIT")
        finally:
            if self._base.in_transaction:  # SQLite ends some of itself, when the disk is full
                self._base.execute("ROLLBACK")

    @contextmanager
    def report_transaction(self) -> Iterator[Storage]:
        """Run a transaction with a device's report; it does not wait for the disk."""
        self._base.execute("PRAGMA synchronous = NORMAL")
        try:
            with self:
                yield self
        finally:
            self._base.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    # --- products and devices

    def add_product(self, product: Product) -> None:
        """Insert a product. Raises sqlite3.IntegrityError when its key is taken."""
        self._insert("product", to_row(product))

    def products(self) -> List[Product]:
        """Return all products."""
        return [from_row(Product, row) for row in self._rows("SELECT * FROM product ORDER BY product_key")]

    def product(self, product_key: str) -> Optional[Product]:
        """Return a product, None when it does not exist."""
        return next((product for product in self.products() if product.product_key == product_key), None)

    def add_device(self, identity: Identity, gateway: Optional[str]) -> None:
        """Insert a device. Raises sqlite3.IntegrityError when its name is taken."""
        self._insert("device", {**identity._asdict(), "gateway": gateway})

    def identity(self, product_key: str, device_name: str) -> Optional[Identity]:
        """Return a device's identity with its secret, None when it is not registered."""
        rows = self._rows(
            "SELECT product_key, device_name, device_secret FROM device WHERE product_key = ? AND device_name = ?",
            product_key,
            device_name,
        )
        return from_row(Identity, rows[0]) if rows else None

    def devices(self, product_key: Optional[str] = None) -> List[RegisteredDevice]:
        """Return all devices, or those of a product."""
        where, values = ("WHERE product_key = ?", (product_key,)) if product_key is not None else ("", ())
        return [
            from_row(RegisteredDevice, row)
            for row in self._rows(
                f"SELECT product_key, device_name, gateway, seen FROM device {where} ORDER BY product_key, device_name",  # noqa: S608
                *values,
            )
        ]

    def gateway(self, product_key: str, device_name: str) -> Optional[str]:
        """Return the gateway of a device, None where it has none."""
        rows = self._rows(
            "SELECT gateway FROM device WHERE product_key = ? AND device_name = ?", product_key, device_name
        )
        return rows[0]["gateway"] if rows else None

    def set_seen(self, product_key: str, device_name: str, now: float) -> None:
        """Set the time of a device's last report."""
        self._base.execute(
            "UPDATE device SET seen = ? WHERE product_key = ? AND device_name = ?", (now, product_key, device_name)
        )

    def set_version(self, product_key: str, device_name: str, module: str, version: str) -> None:
        """Set the version that a device reported."""
        self._base.execute(
            "INSERT OR REPLACE INTO version (product_key, device_name, module, version) VALUES (?, ?, ?, ?)",
            (product_key, device_name, module, version),
        )

    def versions(self) -> Dict[Tuple[str, str], Dict[str, str]]:
        """Return {(product key, device name): {module: reported version}}."""
        versions: Dict[Tuple[str, str], Dict[str, str]] = {}
        for row in self._rows("SELECT * FROM version"):
            report = from_row(Inform, row)
            versions.setdefault((report.product_key, report.device_name), {})[report.module] = report.version
        return versions

    def module_count(self, product_key: str, device_name: str) -> int:
        """Return of how many modules the device has reported a version."""
        [row] = self._rows(
            "SELECT COUNT(*) AS number FROM version WHERE product_key = ? AND device_name = ?", product_key, device_name
        )
        return int(row["number"])

    def has_version(self, product_key: str, device_name: str, module: str) -> bool:
        """Return whether the device has reported a version of the module."""
        return bool(
            self._rows(
                "SELECT 1 FROM version WHERE product_key = ? AND device_name = ? AND module = ?",
                product_key,
                device_name,
                module,
            )
        )

    # --- packages, jobs and tasks

    def add_package(self, package: Package) -> Package:
        """Insert a package; returns it with its number.

        Raises sqlite3.IntegrityError when its name is taken.
        """
        values = to_row(package)
        del values["number"]
        return from_row(Package, {**values, "number": self._insert("package", values)})

    def packages(self) -> List[Package]:
        """Return all packages, oldest first."""
        return [from_row(Package, row) for row in self._rows("SELECT * FROM package ORDER BY number")]

    def package(self, number: int) -> Optional[Package]:
        """Return a package, None when it does not exist."""
        return next(
            (from_row(Package, row) for row in self._rows("SELECT * FROM package WHERE number = ?", number)), None
        )

    def set_package_state(self, number: int, state: PackageState) -> None:
        """Set the state of a package."""
        self._base.execute("UPDATE package SET state = ? WHERE number = ?", (int(state), number))

    def add_job(self, job: Job) -> Job:
        """Insert a job; returns it with its number."""
        values = to_row(job)
        del values["number"]
        return from_row(Job, {**values, "number": self._insert("job", values)})

    def jobs(self) -> List[Job]:
        """Return all jobs, oldest first."""
        return [from_row(Job, row) for row in self._rows("SELECT * FROM job ORDER BY number")]

    def job(self, number: int) -> Optional[Job]:
        """Return a job, None when it does not exist."""
        return next((from_row(Job, row) for row in self._rows("SELECT * FROM job WHERE number = ?", number)), None)

    def put_tasks(self, tasks: Iterable[Task]) -> None:
        """Insert tasks, or update existing ones."""
        names = [field.name for field in fields(Task)]
        self._base.executemany(
            f"INSERT OR REPLACE INTO task ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
            [tuple(to_row(task)[name] for name in names) for task in tasks],
        )

    def tasks(self, job: Optional[int] = None) -> List[Task]:
        """Return all tasks, or those of a job."""
        rows = (
            self._rows("SELECT * FROM task ORDER BY job, device_name")
            if job is None
            else self._rows("SELECT * FROM task WHERE job = ? ORDER BY device_name", job)
        )
        return [from_row(Task, row) for row in rows]

    def due_tasks(self, now: float) -> List[Task]:
        """Return the queued tasks that are to be pushed now."""
        rows = self._rows("SELECT * FROM task WHERE state = 'QUEUED' AND due <= ? ORDER BY due", now)
        return [from_row(Task, row) for row in rows]

    def late_tasks(self, now: float) -> List[Task]:
        """Return the tasks whose device was silent for the job's timeout."""
        rows = self._rows(
            "SELECT task.* FROM task JOIN job ON job.number = task.job WHERE state IN ('NOTIFIED', "
            "'IN_PROGRESS') AND ? - changed >= timeout",
            now,
        )
        return [from_row(Task, row) for row in rows]

    def counts(self, job: int) -> Dict[str, int]:
        """Return {state: number of tasks} of a job, without states that have none."""
        return dict(self._base.execute("SELECT state, COUNT(*) FROM task WHERE job = ? GROUP BY state", (job,)))

    def running_task(self, product_key: str, device_name: str) -> Optional[Task]:
        """Return the unfinished task of a device, which has at most one."""
        rows = self._rows(
            f"SELECT * FROM task WHERE product_key = ? AND device_name = ? AND {_RUNNING}",  # noqa: S608
            product_key,
            device_name,
        )
        return next((from_row(Task, row) for row in rows), None)

    def _insert(self, table: str, values: Dict[str, Any]) -> int:
        done = self._base.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608 - our names
            tuple(values.values()),
        )
        return int(done.lastrowid or 0)

    def _rows(self, query: str, *values: object) -> List[Dict[str, Any]]:
        done = self._base.execute(query, values)
        names = [column[0] for column in done.description]
        return [dict(zip(names, row)) for row in done.fetchall()]
