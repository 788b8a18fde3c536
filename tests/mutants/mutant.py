"""One small change to the code, and where it stands."""

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

# What moves money or decides, in the order in which it is gone through.
MUTATED: Final = (
    "shared/model/money.py",
    "shared/model/tokens.py",
    "shared/model/decision.py",
    "shared/model/policy.py",
    "shared/model/quote.py",
    "shared/model/costs.py",
    "shared/model/exchange.py",
    "shared/model/batch.py",
    "shared/model/fence.py",
    "shared/flow/batch/settlement.py",
    "shared/flow/batch/ordering.py",
    "shared/flow/batch/ending.py",
    "shared/flow/batch/reconciliation.py",
    "shared/flow/batch/trouble.py",
    "shared/flow/batch/given_up.py",
    "shared/flow/batch/late_payouts.py",
    "shared/flow/batch/order_record.py",
    "shared/flow/callback.py",
    "shared/flow/batch/opening.py",
    "shared/flow/batch/quoting.py",
    "shared/flow/check.py",
    "shared/flow/check_record.py",
    "shared/flow/threshold_and_policy.py",
    "shared/flow/breaker.py",
    "shared/flow/fence.py",
    "shared/flow/batches.py",
    "shared/flow/events.py",
    "shared/outside/changenow.py",
    "shared/outside/cloud_tasks.py",
    "shared/sql/settlement.sql",
    "shared/sql/payments.sql",
    "shared/sql/batches.sql",
    "shared/sql/checks.sql",
    "shared/sql/events.sql",
)


@dataclass(frozen=True)
class Candidate:
    """A change that could be made; writing the changed file takes time, and is left until it is chosen."""

    path: str
    lines: tuple[int, int]
    operator: str
    render: Callable[[], str]
    statement: str | None = None

    def make(self) -> "Mutant":
        """Make the change."""
        return Mutant(self.path, self.lines, self.operator, self.render(), self.statement)


@dataclass(frozen=True)
class Mutant:
    """A file with one change; *lines* are those of the statement changed, *statement* names it where it is SQL."""

    path: str
    lines: tuple[int, int]
    operator: str
    source: str  # the whole file as it is changed
    statement: str | None = None

    @cached_property
    def key(self) -> str:
        """What a result is kept under: any other change of the file makes it another mutant."""
        return hashlib.sha256(f"{self.path}\n{self.source}".encode()).hexdigest()[:20]

    @property
    def module(self) -> str:
        """The module's name as it is imported."""
        return self.path.removesuffix(".py").replace("/", ".")

    @cached_property
    def changed(self) -> list[str]:
        """The lines taken out and put in."""
        before, after = (ROOT / self.path).read_text().splitlines(), self.source.splitlines()
        diff = difflib.unified_diff(before, after, lineterm="", n=0)
        return [line for line in list(diff)[2:] if not line.startswith("@@")]

    @property
    def change(self) -> tuple[str, str]:
        """What was taken out and what was put in, each in one line."""
        out = " ".join(line[1:].strip() for line in self.changed if line.startswith("-"))
        put = " ".join(line[1:].strip() for line in self.changed if line.startswith("+"))
        return out, put

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.lines[0]}"
