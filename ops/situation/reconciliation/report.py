"""What a run found in sum, with the findings themselves up to a bounded number."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ops.command_line.exits import Exit
from ops.command_line.text import count, shown
from ops.situation.reconciliation.findings import DIFFERS, MATCHED, OPEN, TITLES, Finding, Found, Word
from ops.situation.reconciliation.pages import Compared, Page

LISTED_MAX: Final = 1000
TOLD_MAX: Final = 50  # of one kind, to a reader


@dataclass
class Report:
    """Grows page by page; *sources* names who was compared."""

    reconciled_at: datetime
    sources: Sequence[str]
    verdicts: Counter[str] = field(default_factory=Counter)
    words: Counter[Word] = field(default_factory=Counter)
    settled: int = 0
    listed: list[tuple[Found, Finding]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    gas_eth: Decimal = Decimal(0)

    def add(self, page: Page) -> None:
        """Take in what came of a page."""
        if page.note:
            self.notes[page.note] += 1
        for found in page.found:
            self.verdicts[found.verdict] += 1
            self.settled += found.settled
            if found.note:
                self.notes[found.note] += 1
            for finding in found.findings:
                self.words[finding.word] += 1
                if len(self.listed) < LISTED_MAX:
                    self.listed.append((found, finding))
        self.gas_eth += sum(map(_gas, page.compared), Decimal(0))

    @property
    def batches(self) -> int:
        """How many were looked at."""
        return self.verdicts.total()

    @property
    def unexplained(self) -> int:
        """Differences that nobody has explained."""
        return sum(number for word, number in self.words.items() if word.is_difference)

    @property
    def exit(self) -> Exit:
        """1 for what nobody has explained; else 3 where not all could be asked."""
        if self.unexplained:
            return Exit.REFUSED
        return Exit.TRY_AGAIN if self.notes else Exit.DONE

    @property
    def sums(self) -> dict[str, Any]:
        """The figures for a program, and for the log."""
        return {
            "sources": list(self.sources),
            "batches": self.batches,
            **{verdict: self.verdicts[verdict] for verdict in (MATCHED, OPEN, DIFFERS)},
            "settled": self.settled,
            "unexplained": self.unexplained,
            "findings_by_word": {word: self.words[word] for word in Word},
            "deposit_gas_eth": self.gas_eth,
            "not_asked": dict(self.notes),
        }

    @property
    def document(self) -> dict[str, Any]:
        """The whole for a JSON document."""
        return {
            "reconciled_at": self.reconciled_at,
            **self.sums,
            "findings": [_document(found, finding) for found, finding in self.listed],
            "findings_left_out": self.words.total() - len(self.listed),
        }

    @property
    def lines(self) -> list[str]:
        """The whole for a reader."""
        return [*self._head(), *self._found(), *self._foot()]

    def _head(self) -> Iterator[str]:
        told = f"{count(self.batches, 'batch')} compared: {', '.join(self.sources)}"
        yield told if len(self.sources) == 3 else f"{told} (two of three: ETHEREUM_RPC_URL is not set)"
        dealt = f", {self.settled} findings dealt with" if self.settled else ""
        yield f"{self.verdicts[MATCHED]} matched, {self.verdicts[OPEN]} still open, {self.verdicts[DIFFERS]} not{dealt}"

    def _found(self) -> Iterator[str]:
        for word, title in TITLES.items():
            if not self.words[word]:
                continue
            yield f"{title}: {self.words[word]}"
            told = [(found, finding) for found, finding in self.listed if finding.word is word][:TOLD_MAX]
            yield from (f"  #{found.number} {_short(found)}  {finding.text}" for found, finding in told)
            if self.words[word] > len(told):
                yield f"  and {self.words[word] - len(told)} more: --json"

    def _foot(self) -> Iterator[str]:
        yield from (f"not asked: {note} ({number})" for note, number in self.notes.items())
        if self.gas_eth:
            yield f"gas of the deposits, as paid: {shown(self.gas_eth)} ETH"
        if self.listed:
            name = _short(self.listed[0][0])
            yield f"look: ./microbatch batch {name}"
            yield f"when it is dealt with: ./microbatch reconcile --settled {name} --why REASON"


def _short(found: Found) -> str:
    return str(found.batch_conversion_id)[:8]


def _document(found: Found, finding: Finding) -> dict[str, Any]:
    return {"batch_number": found.number, "batch_conversion_id": found.batch_conversion_id, **finding.facts}


def _gas(one: Compared) -> Decimal:
    deposit = one.accounts.chain.deposit if one.accounts and one.accounts.chain else None
    return deposit.receipt.gas_eth if deposit and deposit.receipt else Decimal(0)
