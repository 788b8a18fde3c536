"""What a comparison can find, each in one word, with what each of the three says."""

import json
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from ops.command_line.text import shown


class Word(StrEnum):
    """The kinds of findings: differences first, then what has its explanation and waits for a person."""

    AMOUNT_DIFFERS = "amount_differs"
    MISSING_AT_CHANGENOW = "missing_at_changenow"
    MISSING_ON_CHAIN = "missing_on_chain"
    UNEXPLAINED = "unexplained"
    LATE_PAYOUT = "late_payout"
    LOST_DEPOSIT = "lost_deposit"
    REFUSED_AMOUNT = "refused_amount"

    @property
    def is_difference(self) -> bool:
        """Whether nobody has explained it yet: the others are on record, with their reason."""
        return self not in EXPLAINED


EXPLAINED: Final = frozenset({Word.LATE_PAYOUT, Word.LOST_DEPOSIT, Word.REFUSED_AMOUNT})
TITLES: Final[Mapping[Word, str]] = {
    Word.AMOUNT_DIFFERS: "amount differs",
    Word.MISSING_AT_CHANGENOW: "missing at ChangeNow",
    Word.MISSING_ON_CHAIN: "missing on chain",
    Word.UNEXPLAINED: "unexplained",
    Word.LATE_PAYOUT: "late payout, to be dealt with",
    Word.LOST_DEPOSIT: "lost deposit, to be dealt with",
    Word.REFUSED_AMOUNT: "refused amount, to be accepted or not",
}


@dataclass(frozen=True)
class Finding:
    """One thing found: of the payout or the deposit, with the amounts of all three where they have one."""

    word: Word
    what: str
    ours: Decimal | None = None
    changenow: Decimal | None = None
    chain: Decimal | None = None
    detail: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """The finding for the record and for a JSON document."""
        return {
            "word": self.word,
            "what": self.what,
            "ours": self.ours,
            "changenow": self.changenow,
            "chain": self.chain,
            "detail": self.detail,
        }

    @property
    def text(self) -> str:
        """The finding for a reader."""
        amounts = (("ours", self.ours), ("ChangeNow", self.changenow), ("chain", self.chain))
        said = ", ".join(f"{who} {shown(amount)}" for who, amount in amounts if amount is not None)
        return self.what + (f": {said}" if said else "") + (f" ({self.detail})" if self.detail else "")

    def is_dealt_with_by(self, settled: Mapping[str, Any]) -> bool:
        """Tell whether a person has dealt with this very thing; what one of the three did not say does not count."""
        if (settled.get("word"), settled.get("what"), settled.get("detail")) != (self.word, self.what, self.detail):
            return False
        now = {"ours": self.ours, "changenow": self.changenow, "chain": self.chain}
        return all(
            amount is None or settled.get(who) is None or Decimal(settled[who]) == amount for who, amount in now.items()
        )


@dataclass(frozen=True)
class Found:
    """What came of one batch, or of an exchange that no batch knows: *verdict* is matched, open or differs."""

    number: int | None
    batch_conversion_id: uuid.UUID | None
    verdict: str
    findings: tuple[Finding, ...] = ()
    settled: int = 0
    """Findings that a person has dealt with, which are not among the others."""
    note: str = ""
    """Why it could not be compared in full, where that is so."""
    cn_api_id: str | None = None
    """The exchange, where there is no batch."""

    @property
    def name(self) -> str:
        """What it is called on record."""
        return str(self.batch_conversion_id or self.cn_api_id)

    @property
    def short(self) -> str:
        """What it is called in a line for a reader."""
        return f"exchange {self.cn_api_id}" if self.cn_api_id else f"#{self.number} {self.name[:8]}"

    @property
    def hints(self) -> list[str]:
        """What can be typed about it."""
        if self.cn_api_id:
            exchange = shlex.quote(self.cn_api_id)
            return [f"when it is dealt with: ./microbatch reconcile --settled-exchange {exchange} --why REASON"]
        short = self.name[:8]
        settled = f"when it is dealt with: ./microbatch reconcile --settled {short} --why REASON"
        return [f"look: ./microbatch batch {short}", settled]

    @property
    def facts(self) -> dict[str, Any]:
        """Its names for a JSON document."""
        return {
            "batch_number": self.number,
            "batch_conversion_id": self.batch_conversion_id,
            "cn_api_id": self.cn_api_id,
        }


def read_settled(detail: str) -> list[Mapping[str, Any]]:
    """Read the findings that an act on record has dealt with."""
    findings: list[Mapping[str, Any]] = json.loads(detail)["findings"]
    return findings


MATCHED: Final = "matched"
OPEN: Final = "open"
DIFFERS: Final = "differs"
