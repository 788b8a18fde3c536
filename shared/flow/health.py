"""Whether the database answers, for anybody who asks: cheap for us however often, and soon said where it does not."""

import threading
import time
from typing import Final

from shared import logs
from shared.errors import DatabaseUnavailable
from shared.outside.database import Database
from shared.outside.timed_calls import TimedCalls

KNOWN_FOR_S: Final = 3
ANSWER_WITHIN_S: Final = 3


class Health:
    """Asks the database at most every few seconds, one question at a time; who comes meanwhile gets the same answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._calls = TimedCalls()
        self._asking = threading.Lock()
        self._known_until_s = 0.0
        self._problem: str | None = None

    def require(self) -> None:
        """Return if the database answers; raises DatabaseUnavailable."""
        with self._asking:
            if time.monotonic() >= self._known_until_s:
                self._problem = self._find_problem()
                self._known_until_s = time.monotonic() + KNOWN_FOR_S
            problem = self._problem
        if problem is not None:
            raise DatabaseUnavailable(problem)

    def _find_problem(self) -> str | None:
        try:
            self._calls.run(ANSWER_WITHIN_S, lambda: self._database.row("count_batches_in_flight"))
        except (DatabaseUnavailable, TimeoutError) as error:
            logs.error(logs.Event.DATABASE_UNAVAILABLE, f"The database is not healthy: {error}")
            return str(error)
        return None
