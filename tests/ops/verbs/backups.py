"""A database put back to its backup: everything since is forgotten, and numbers are handed out again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.postgres.server import Postgres
from tests.rig import Rig


class Backup:
    """A rig's database as it stood at one moment."""

    def __init__(self, rig: Rig, postgres: Postgres) -> None:
        self._rig = rig
        self._postgres = postgres
        self._name = f"{rig.fence_name}_backup"
        with rig.disconnected():
            postgres.create_database(self._name, template=rig.fence_name)

    def restore(self) -> None:
        """Put the database back."""
        with self._rig.disconnected():
            self._postgres.drop_database(self._rig.fence_name)
            self._postgres.create_database(self._rig.fence_name, template=self._name)

    def drop(self) -> None:
        """Throw the backup away."""
        self._postgres.drop_database(self._name)


@contextmanager
def backup_of(rig: Rig, postgres: Postgres) -> Iterator[Backup]:
    """A backup of this moment, thrown away after the block."""
    backup = Backup(rig, postgres)
    try:
        yield backup
    finally:
        backup.drop()
