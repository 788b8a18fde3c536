"""The world's own session with the database: it looks from the outside, and it can cut others off."""

import threading
from typing import Any, Final
from urllib.parse import urlsplit

from pg8000.dbapi import Connection
from pg8000.native import literal

from sandbox.postgres.server import Postgres

DATABASE: Final = "simulation"
TERMINATED_WITHIN_MS: Final = 5000
TABLES: Final = "payout_accumulation, batch_conversions, threshold_checks, batch_events, batch_state_changes"
PAYMENTS: Final = """
    SELECT id, CAST(created_at AS text) AS created_at, accumulated_eth AS usd, conversion_status AS status,
        batch_conversion_id AS batch_id, accumulated_amount_usdt AS share
    FROM payout_accumulation ORDER BY payout_accumulation.created_at, id"""
BATCHES: Final = """
    SELECT batch_conversion_id AS id, total_eth_usd AS usd, conversion_status AS status, payments_count AS payments,
        cn_api_id, payin_address, amount_eth, actual_usdt_received AS received
    FROM batch_conversions ORDER BY id"""


class Observer:
    """Safe for threads: the servers look from theirs."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._lock = threading.RLock()
        self._connection = self._opened()

    def close(self) -> None:
        """End the session."""
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

    def empty(self) -> None:
        """Forget every row."""
        self.sql(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")

    def cut_off(self, backends: list[int]) -> None:
        """End these sessions at the server and wait until they are gone."""
        if backends:
            numbers = ", ".join(map(str, backends))
            self.sql(f"SELECT pg_terminate_backend(pid, {TERMINATED_WITHIN_MS}) FROM UNNEST(ARRAY[{numbers}]) AS pid")

    def somebody_waits(self) -> bool:
        """Whether a session waits for a lock that another holds."""
        found = self.sql("SELECT 1 AS one FROM pg_stat_activity WHERE wait_event_type = 'Lock' LIMIT 1")
        return bool(found)

    def restart(self, *, hard: bool) -> None:
        """Restart the server under everybody."""
        with self._lock:
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
        return connection
