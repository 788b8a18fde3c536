"""A PostgreSQL server of one's own on a free loopback port, gone when its owner is."""

import atexit
import contextlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pg8000.dbapi

from sandbox.postgres.programs import (
    PostgresError,
    account_for_server,
    hand_over,
    programs,
    reaches,
    temporary_folder,
)
from sandbox.processes import keeper
from sandbox.processes.kept_process import KeptProcess
from sandbox.wire.startable import Startable

__all__ = ["Postgres", "PostgresError"]

USER = "telepay"
DATABASE = "telepay"

_HOST = "127.0.0.1"
_START_PATIENCE_S = 60.0
_STOP_PATIENCE_S = 20.0
_POLL_S = 0.01
_PORT_TRIES = 5
_PORT_TAKEN = "could not create any TCP/IP sockets"


class Postgres(Startable):
    """One server; its folder is temporary and goes at stop(), unless a *folder* to keep is given.

    It listens on 127.0.0.1 alone and asks for a password (SCRAM). *durable* turns fsync on, which
    only a crash of the whole machine can tell from off. *settings* are further server settings by
    name. Port and password stay the same over kill(), restart() and start().
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._given_folder = folder
        self._durable = durable
        self._settings = dict(settings or {})
        self._folder: Path | None = None
        self._process: KeptProcess | None = None
        self._owner = os.getpid()
        self._port = 0
        self._password = ""

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        if not self._port:
            raise PostgresError("PostgreSQL has not been started")
        return self._port

    @property
    def folder(self) -> Path:
        """Where the server keeps its data and its log."""
        if self._folder is None:
            raise PostgresError("PostgreSQL has not been started")
        return self._folder

    @property
    def running(self) -> bool:
        """Whether the server program runs."""
        return self._process is not None and self._process.running

    def url(self, database: str = DATABASE) -> str:
        """The connection URL with user and password, as DATABASE_URL takes it."""
        return f"postgresql://{USER}:{self._password}@{_HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Return once connections are accepted; after kill() the server recovers first."""
        if self.running:
            raise PostgresError("PostgreSQL runs already")
        atexit.register(self.stop)
        try:
            fresh = self._prepare_folder()
            self._start_server()
            if fresh:
                self.create_database(DATABASE)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in good order and remove a temporary folder; a second time is harmless."""
        if os.getpid() != self._owner:
            return  # a fork of the owner that runs the owner's exit handlers
        atexit.unregister(self.stop)
        if self.running:
            self._ask(keeper.INTERRUPT)
            if not self._ended():
                self._ask(keeper.KILL)
        self._release()
        if self._folder is not None and self._given_folder is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder, self._port = None, 0

    def kill(self) -> None:
        """End all the server's processes at once, as a power cut would; start() brings it back."""
        if not self.running:
            raise PostgresError("PostgreSQL does not run")
        self._ask(keeper.KILL)
        self._release()

    def restart(self) -> None:
        """Stop in good order, keep the data, start again on the same port."""
        if not self.running:
            raise PostgresError("PostgreSQL does not run")
        self._ask(keeper.INTERRUPT)
        if not self._ended():
            raise PostgresError(f"PostgreSQL did not stop within {_STOP_PATIENCE_S:.0f} s")
        self._release()
        self.start()

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of *template* where given: nobody may be connected to it."""
        copied = "" if template is None else f" TEMPLATE {_identifier(template)}"
        self._administer(f"CREATE DATABASE {_identifier(name)}{copied}")

    def drop_database(self, name: str) -> None:
        """Remove a database and cut the connections to it."""
        self._administer(f"DROP DATABASE {_identifier(name)} WITH (FORCE)")

    def log(self) -> str:
        """What the server has written so far."""
        if self._folder is None:
            return ""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # The folder

    def _prepare_folder(self) -> bool:
        """Make the folder ready; True when the database cluster in it is new."""
        account = account_for_server()
        if self._folder is None:
            self._folder = self._given_folder or temporary_folder(account)
            self._folder = self._folder.resolve()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self._folder / "data" / "PG_VERSION").exists():
            self._password = (self._folder / "password").read_text()
            return False
        if any(self._folder.iterdir()):
            raise PostgresError(f"{self._folder} holds something else than a sandbox's PostgreSQL")
        hand_over(account, self._folder)
        if not reaches(account, self._folder):
            raise PostgresError(
                f"{self._folder} cannot be reached by the user 'nobody', as whom PostgreSQL runs "
                "for root; choose another folder or run as another user"
            )
        self._initialise()
        return True

    def _initialise(self) -> None:
        """Make the database cluster with a password nobody else knows."""
        folder = self.folder
        self._password = secrets.token_hex(16)
        password_file = folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        hand_over(account_for_server(), password_file)
        options = {
            "pgdata": str(folder / "data"),
            "username": USER,
            "pwfile": str(password_file),
            "auth": "scram-sha-256",
            "encoding": "UTF8",
            "locale": "C",
        }
        command = ["initdb", *(f"--{name}={value}" for name, value in options.items())]
        self._run([*command, *([] if self._durable else ["--no-sync"])])
        if not self._ended(_START_PATIENCE_S) or self._release() != 0:
            raise PostgresError(f"initdb failed:\n{self.log()}")

    # The server

    def _start_server(self) -> None:
        """Start on the port known, or else on a free one (which another program may take first)."""
        for _ in range(1 if self._port else _PORT_TRIES):
            port = self._port or _free_port()
            logged = len(self.log())
            data = str(self.folder / "data")
            self._run(["postgres", "-D", data, *_flags(self._server_settings(port))])
            if self._ready():
                self._port = port
                return
            if _PORT_TAKEN not in self.log()[logged:]:
                break
        raise PostgresError(f"PostgreSQL did not start:\n{self.log()[-4000:]}")

    def _server_settings(self, port: int) -> dict[str, str]:
        switch = "on" if self._durable else "off"
        return {
            "listen_addresses": _HOST,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": switch,
            "full_page_writes": switch,
            "dynamic_shared_memory_type": "mmap",  # in the folder: it goes with it after a kill
            **self._settings,
        }

    def _ready(self) -> bool:
        """Wait until the server's lock file says that it accepts connections; False: it ended."""
        deadline = time.monotonic() + _START_PATIENCE_S
        lock = self.folder / "data" / "postmaster.pid"
        while time.monotonic() < deadline:
            if not self.running:
                self._release()
                return False
            with contextlib.suppress(FileNotFoundError):
                lines = lock.read_text().splitlines()
                if len(lines) > 7 and lines[7].strip() == "ready":
                    return True
            time.sleep(_POLL_S)
        raise PostgresError(f"PostgreSQL was not ready within {_START_PATIENCE_S:.0f} s:\n{self.log()}")

    def _administer(self, statement: str) -> None:
        connection = pg8000.dbapi.connect(
            USER,
            host=_HOST,
            port=self.port,
            password=self._password,
            database="postgres",
            ssl_context=False,
        )
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()

    # The process

    def _run(self, command: list[str]) -> None:
        """Let a keeper run one of PostgreSQL's programs."""
        folder = self.folder
        account = account_for_server()
        program = programs(account, folder) / command[0]
        job = keeper.Job(
            command=[str(program), *command[1:]],
            folder=str(folder),
            owner=self._owner,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            lock=str(folder / "data" / "postmaster.pid"),
            remove=self._given_folder is None,
        )
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
        self._process = KeptProcess(job, folder / "log", environment)

    def _ask(self, signal: bytes) -> None:
        if self._process is not None:
            self._process.ask(signal)

    def _ended(self, patience_s: float = _STOP_PATIENCE_S) -> bool:
        """Whether the program ends in time."""
        return self._process is None or self._process.ends_within(patience_s)

    def _release(self) -> int:
        """End what may still run; 0 when the program ended well."""
        released, self._process = self._process, None
        return 0 if released is None else released.release()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _flags(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
