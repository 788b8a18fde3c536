"""What a run found in sum, with the findings themselves up to a bounded number."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ops.command_line.exits import Exit
from ops.command_line.text import count, shown, visible
from ops.situation.reconciliation.findings import DIFFERS, MATCHED, OPEN, TITLES, Finding, Found, Word
from ops.situation.reconciliation.foreign import Foreign
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
    foreign: Foreign = field(default_factory=Foreign)

    def add(self, page: Page) -> None:
        """Take in what came of a page."""
        for found in page.found:
            self.verdicts[found.verdict] += 1
            self._take(found)
        self._note(page.note)
        self.gas_eth += sum(map(_gas, page.compared), Decimal(0))

    def add_foreign(self, foreign: Foreign) -> None:
        """Take in what ChangeNow's list names beside the batches."""
        self.foreign = foreign
        for found in foreign.found:
            self._take(found)
        self._note(foreign.note)

    def _take(self, found: Found) -> None:
        self.settled += found.settled
        self._note(found.note)
        for finding in found.findings:
            self.words[finding.word] += 1
            if len(self.listed) < LISTED_MAX:
                self.listed.append((found, finding))

    def _note(self, note: str) -> None:
        if note:
            self.notes[note] += 1

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
            "exchanges_listed": self.foreign.listed,
            "list_refused": self.foreign.refusal or None,
            "not_asked": dict(self.notes),
        }

    @property
    def document(self) -> dict[str, Any]:
        """The whole for a JSON document."""
        return {
            "reconciled_at": self.reconciled_at,
            **self.sums,
            "findings": [found.facts | finding.facts for found, finding in self.listed],
            "findings_left_out": self.words.total() - len(self.listed),
        }

    @property
    def lines(self) -> list[str]:
        """The whole for a reader."""
        return [*self._head(), *self._found(), *self._foot()]

    def _head(self) -> Iterator[str]:
        told = f"{count(self.batches, 'batch')} compared: {', '.join(self.sources)}"
        yield told if len(self.sources) == 3 else f"{told} (two of three: ETHEREUM_RPC_URL is not set)"
        dealt = f", {count(self.settled, 'finding')} dealt with" if self.settled else ""
        yield f"{self.verdicts[MATCHED]} matched, {self.verdicts[OPEN]} still open, {self.verdicts[DIFFERS]} not{dealt}"
        if self.foreign.refusal:
            yield f"ChangeNow keeps its list from this key ({visible(self.foreign.refusal)}): no other exchange is seen"
        elif self.foreign.listed:
            yield f"{count(self.foreign.listed, 'exchange')} in ChangeNow's list looked through"

    def _found(self) -> Iterator[str]:
        for word, title in TITLES.items():
            if not self.words[word]:
                continue
            yield f"{title}: {self.words[word]}"
            told = [(found, finding) for found, finding in self.listed if finding.word is word][:TOLD_MAX]
            yield from (f"  {found.short}  {finding.text}" for found, finding in told)
            if self.words[word] > len(told):
                yield f"  and {self.words[word] - len(told)} more: --json"

    def _foot(self) -> Iterator[str]:
        yield from (f"not asked: {visible(note)} ({number})" for note, number in self.notes.items())
        if self.gas_eth:
            yield f"gas of the deposits, as paid: {shown(self.gas_eth)} ETH"
        if self.listed:
            yield from self.listed[0][0].hints


def _gas(one: Compared) -> Decimal:
    deposit = one.accounts.chain.deposit if one.accounts and one.accounts.chain else None
    return deposit.receipt.gas_eth if deposit and deposit.receipt else Decimal(0)
