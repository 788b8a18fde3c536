"""Exchanges at ChangeNow that no batch knows: made with our key, paying out to our wallet, with money in them.

One that nobody paid is no finding: a batch whose answer was lost makes another, and the first expires. Whatever else
the key was used for pays out elsewhere, and is another service's affair.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ops.outside.exchange_list import Listed, ListRefused
from ops.situation.reconciliation.findings import DIFFERS, Finding, Found, Word, read_settled
from ops.situation.reconciliation.sources import Sources
from shared.errors import Unavailable
from shared.model.exchange import ExchangeState
from shared.outside.changenow import PAGE_URL
from shared.outside.database import Database

EXCHANGE: Final = "exchange that no batch knows"
LOOKS_BACK: Final = timedelta(days=90)
LISTED_MAX: Final = 200_000


@dataclass(frozen=True)
class Foreign:
    """What was found in the list: *refusal* says why there was none to read, *note* why not all of it was."""

    listed: int = 0
    found: Sequence[Found] = ()
    refusal: str = ""
    note: str = ""


def find_foreign(database: Database, sources: Sources, since: datetime | None, until: datetime | None) -> Foreign:
    """Read the list from the first batch of ours on, or of a period, and name what no batch accounts for."""
    first = database.row("get_first_batch_time")
    if first is None or first["first_at"] is None:
        return Foreign()
    begins = max(first["first_at"], since) if since else first["first_at"]
    listed, found = 0, list[Found]()
    try:
        for page in _pages(sources, begins, until):
            listed += len(page)
            found += _unknown(database, sources, page)
    except ListRefused as refusal:
        return Foreign(refusal=str(refusal))
    except Unavailable as error:
        return Foreign(listed, found, note=f"ChangeNow's list was not read to its end: {error}")
    return Foreign(listed, found)


def _pages(sources: Sources, since: datetime, until: datetime | None) -> Iterator[Sequence[Listed]]:
    """Page after page, up to an empty one: ChangeNow may give fewer rows a page than were asked for."""
    offset = 0
    while page := sources.list_exchanges(since, until, offset):
        yield page
        offset += len(page)
        if offset > LISTED_MAX:
            raise Unavailable(f"it has more than {LISTED_MAX} rows; ask for a period: --since, --until")


def _unknown(database: Database, sources: Sources, page: Sequence[Listed]) -> Iterator[Found]:
    """The exchanges of a page that a person has to look at, by ChangeNow's own word for each."""
    ours = [one.cn_api_id for one in page if one.payout_address == sources.wallet.address and not one.is_unpaid]
    if not ours:
        return
    known = {row["cn_api_id"] for row in database.rows("list_known_exchanges", cn_api_ids=ours)}
    for cn_api_id in sorted(set(ours) - known):
        state = sources.ask_changenow(cn_api_id)
        if state is None:
            raise Unavailable(f"ChangeNow lists exchange {cn_api_id} and knows of none")
        if state.has_deposit or state.is_finished:
            yield _judge(database, state)


def _judge(database: Database, state: ExchangeState) -> Found:
    """Take away what a person has dealt with."""
    rows = database.rows("list_settled_exchange", cn_api_id=state.cn_api_id)
    finding = _finding(state)
    is_settled = any(finding.is_dealt_with_by(one) for row in rows for one in read_settled(row["detail"]))
    findings = () if is_settled else (finding,)
    return Found(None, None, DIFFERS, findings, settled=int(is_settled), cn_api_id=state.cn_api_id)


def _finding(state: ExchangeState) -> Finding:
    said = f"{state.status}, paid by {state.payin_hash or 'nobody that is named'}; {PAGE_URL}{state.cn_api_id}"
    return Finding(Word.UNEXPLAINED, EXCHANGE, changenow=state.received_usdt, detail=said)


def began(now: datetime) -> datetime:
    """From when on exchanges are looked at where no period is named."""
    return now - LOOKS_BACK
