"""Rows that another service holds locked: it stands still in a transaction, for a while or for ever."""

from collections.abc import Callable
from contextlib import suppress

import pg8000.dbapi
from pg8000.dbapi import Connection


class HeldRows:
    """One session for each row held; a server that restarts frees them all."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._sessions: dict[int, Connection] = {}

    @property
    def ids(self) -> frozenset[int]:
        """The payments held now."""
        return frozenset(self._sessions)

    def hold(self, payment_id: int) -> None:
        """Hold a payment's row, as an update that is not committed does."""
        session = self._connect()
        session.autocommit = False
        session.cursor().execute(
            "UPDATE payout_accumulation SET conversion_attempts = conversion_attempts + 1 WHERE id = %s", (payment_id,)
        )
        self._sessions[payment_id] = session

    def free(self, payment_id: int) -> None:
        """Take the update back; nothing where the row is not held."""
        session = self._sessions.pop(payment_id, None)
        if session is not None:
            _end(session)

    def free_all(self) -> None:
        """Free every row."""
        for payment_id in self.ids:
            self.free(payment_id)


def _end(session: Connection) -> None:
    with suppress(pg8000.dbapi.Error, OSError):  # gone with the server
        session.rollback()
    with suppress(pg8000.dbapi.Error, OSError):
        session.close()
