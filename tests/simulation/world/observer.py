"""The world's own session with the database: it looks from the outside, and it can cut others off."""

import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pg8000.dbapi import Connection
from pg8000.native import literal

from sandbox.postgres.server import Postgres
from tests.simulation.database.held_rows import HeldRows

if TYPE_CHECKING:
    from tests.simulation.world.processes import Process

DATABASE: Final = "simulation"
TERMINATED_WITHIN_S: Final = 5.0
STATES: Final = "SELECT pid, state FROM pg_stat_activity WHERE pid IN (%s)"
TIMESTAMP_OID: Final = 1114
IDLE_MAX: Final = "SELECT EXTRACT(EPOCH FROM CAST(current_setting(%s) AS interval))"
IDLE_IN_FAILED_TRANSACTION_MAX_S: Final = 180.0  # DATABASE_STATEMENT_TIMEOUT_S as it is by default
PAYMENTS: Final = """
    SELECT id, CAST(created_at AS text) AS created_at, accumulated_eth AS usd, conversion_status AS status,
        batch_conversion_id AS batch_id, accumulated_amount_usdt AS share
    FROM payout_accumulation ORDER BY payout_accumulation.created_at, id"""
BATCHES: Final = """
    SELECT batch_conversion_id AS id, total_eth_usd AS usd, conversion_status AS status, payments_count AS payments,
        cn_api_id, payin_address, amount_eth, actual_usdt_received AS received, opened_because, settled_by, order_number
    FROM batch_conversions ORDER BY id"""


class Observer:
    """Safe for threads: the servers look from theirs."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._lock = threading.RLock()
        self._connection = self._opened()
        self.held = HeldRows(self._opened)

    def close(self) -> None:
        """End the session."""
        self.held.free_all()
        self._connection.close()

    def sql(self, text: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run a statement of the world's own in one round trip; %s takes a parameter."""
        with self._lock:
            context = self._connection.execute_simple(text % tuple(map(literal, parameters)) if parameters else text)
        names = [column["name"] for column in context.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in context.rows or ()]

    def payments(self) -> list[dict[str, Any]]:
        """Every payment, oldest first."""
        return self.sql(PAYMENTS)

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, oldest first."""
        return self.sql(BATCHES)

    def batch(self, batch_id: str) -> dict[str, Any] | None:
        """One batch as others see it at this instant."""
        return next((row for row in self.batches() if str(row["id"]) == batch_id), None)

    def cut_off(self, backends: list[int]) -> None:
        """End these sessions and wait until they are gone; the server's own wait takes 100 ms at a time."""
        if not backends:
            return
        numbers = ", ".join(map(str, backends))
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({numbers})")
        deadline = time.monotonic() + TERMINATED_WITHIN_S
        while self.sql(STATES % numbers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"sessions {numbers} do not end")

    def end_all_sessions(self) -> None:
        """End every session but this one, those that hold rows included."""
        (own,) = self.sql("SELECT pg_backend_pid() AS pid")
        self.cut_off(sorted(self.backends() - {own["pid"]}))
        self.held.free_all()

    def forget_closed(self, process: "Process") -> None:
        """Wait until the server has noticed what a process closed: nobody may find its locks by accident."""
        closed = [(backend, held) for backend, held in process.backends if held._usock is None]
        if closed:
            self.cut_off([backend for backend, _ in closed])
            process.backends = [entry for entry in process.backends if entry not in closed]

    def end_idle_sessions(self, process: "Process", idle_s: int) -> None:
        """End the sessions that the server would end while their process stands still for so long."""
        if not (idle_s and process.backends):
            return
        numbers = ", ".join(str(backend) for backend, _ in process.backends)
        state_of = {row["pid"]: row["state"] for row in self.sql(STATES % numbers)}
        self.cut_off(
            [
                backend
                for backend, held in process.backends
                if backend in state_of and 0 < _idle_max_s(state_of[backend], held) < idle_s
            ]
        )

    def are_alive(self, process: "Process") -> bool:
        """Whether every session of a process stands."""
        self.forget_closed(process)
        numbers = ", ".join(str(backend) for backend, _ in process.backends) or "0"
        return 0 < len(self.sql(STATES % numbers)) == len(process.backends)

    def backends(self) -> set[int]:
        """Every session with the database."""
        return {row["pid"] for row in self.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")}

    def blocked_backends(self) -> set[int]:
        """The sessions that wait for a lock which another one holds."""
        return {row["pid"] for row in self.sql("SELECT pid FROM pg_locks WHERE NOT granted")}

    def restart(self, *, hard: bool) -> None:
        """Restart the server under everybody."""
        with self._lock:
            self.held.free_all()
            self._connection.close()
            if hard:
                self._postgres.kill()
                self._postgres.start()
            else:
                self._postgres.restart()
            self._connection = self._opened()

    def _opened(self) -> Connection:
        parts = urlsplit(self._postgres.url(DATABASE))
        connection = Connection(
            parts.username,
            host=parts.hostname,
            port=parts.port,
            database=DATABASE,
            password=parts.password,
            ssl_context=False,
        )
        connection.autocommit = True
        # the driver's own reading takes ten times as long
        connection.register_in_adapter(TIMESTAMP_OID, datetime.fromisoformat)
        return connection


def _idle_max_s(state: str, connection: Any) -> float:
    """How long the server lets a session stand still, by the settings that the session itself has."""
    if state == "idle in transaction (aborted)":  # which answers no question
        return IDLE_IN_FAILED_TRANSACTION_MAX_S
    setting = "idle_session_timeout" if state == "idle" else "idle_in_transaction_session_timeout"
    context = connection.execute_simple(IDLE_MAX % literal(setting))
    return float(context.rows[0][0])
