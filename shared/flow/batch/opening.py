"""Opening batches: quote, claim exactly what was quoted, and send each on its way."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import (
    ExchangeUnavailable,
    LockUnavailable,
    NoQuote,
    PaymentsMoved,
    RuleViolated,
)
from shared.flow.batch import quoting
from shared.flow.batch.ordering import log_exchange_unavailable, try_to_advance
from shared.flow.batches import read_batch
from shared.flow.check_record import (
    FIRST_IDS_MAX,
    Snapshot,
    leave_out,
    log_opening,
    log_unclaimable,
    record_opening,
)
from shared.flow.context import OPENING_FOR, CheckContext
from shared.model.batch import Batch
from shared.model.decision import decide
from shared.model.quote import Offer, Selection, Sums, select_all
from shared.model.reasons import OPENING, Reason
from shared.outside.database import Transaction

BATCHES_MAX: Final = 20  # a check; what is left waits for the next
CLAIMS_MAX: Final = 3
LOCKED_PAYMENTS_MAX: Final = 100_000


class Opening:
    """Opens one batch for all that waited at a moment, or several where one does not hold them."""

    def __init__(self, check: CheckContext, snapshot: Snapshot) -> None:
        self._check = check
        self._reason = Reason.BELOW_THRESHOLD
        self._check_id: int | None = None
        self._locked_ids: tuple[int, ...] = ()
        self._left = snapshot.pending.payments, snapshot.pending.pending_usd
        self.snapshot = snapshot
        self.opened: list[uuid.UUID] = []

    def open_what_is_due(self) -> Reason:
        """Decide, and open what is due; returns the reason for it, or why nothing was opened after all."""
        self._reason = self._decide()
        if self._reason not in OPENING:
            return self._reason
        for _ in range(BATCHES_MAX):
            try:
                batch = self._open_one()
            except NoQuote as no_quote:
                self.snapshot = self.snapshot._replace(refused_quote_usdt=no_quote.refused_usdt)
                return self._reason if self.opened else no_quote.reason
            except ExchangeUnavailable as error:
                log_exchange_unavailable(error)
                return self._reason if self.opened else Reason.EXCHANGE_UNAVAILABLE
            except RuleViolated as refusal:  # another service's rule on a table that is theirs too
                logs.internal_error(refusal)
                return self._reason if self.opened else Reason.CLAIM_REFUSED
            self.opened.append(batch.batch_conversion_id)
            if try_to_advance(self._check, batch) or not self._more_may_open(batch):
                break
        return self._reason

    def _decide(self) -> Reason:
        row = self._check.session.row("count_batches_in_flight")
        assert row is not None
        return decide(
            self.snapshot.pending,
            threshold_usd=self.snapshot.threshold.threshold_usd,
            policy=self.snapshot.policy.to_decide_on,
            forced=self.snapshot.forced,
            in_flight=row["batches"],
            now=self.snapshot.now,
            swap_cost_usd=self.snapshot.swap_cost_usd,
        )

    def _open_one(self) -> Batch:
        """Quote and claim, until the payments claimed are the payments quoted; raises NoQuote or as make_offer."""
        for _ in range(CLAIMS_MAX):
            if not self._check.has_time(OPENING_FOR):
                break
            selection, sums = self._sum(self._select())
            try:
                offer = quoting.make_offer(self._check, selection, sums)
                batch_conversion_id = self._claim(offer)
            except PaymentsMoved:
                continue
            except LockUnavailable:
                self._set_locked_aside(selection)
                continue
            self._left = sums.payments - offer.sums.payments, sums.total_usd - offer.sums.total_usd
            return read_batch(self._check.session, batch_conversion_id)
        raise NoQuote(Reason.CLAIM_CONTENDED)

    def _select(self) -> Selection:
        _, left_usd = self._left
        return select_all(self.snapshot.pending, quoting.get_terms(self._check, left_usd), self._locked_ids)

    def _sum(self, selection: Selection) -> tuple[Selection, Sums]:
        """Sum what fits the terms; where that is less than what waited, decide again on what is left."""
        row = self._check.session.row("get_pending_to_quote", **selection.parameters)
        assert row is not None
        selection = selection._replace(is_selective=row.pop("left_out") > 0)
        oldest_at, sums = row.pop("oldest_at"), Sums(**row)
        left_payments, _ = self._left
        if sums.payments < left_payments:
            left_out = self._check.session.rows(
                "list_payments_left_out", **selection.parameters, first_max=FIRST_IDS_MAX
            )
            log_unclaimable(left_out)
            self._left = sums.payments, sums.total_usd
            if not self.opened:
                self.snapshot = leave_out(self.snapshot, left_out, sums, oldest_at)
                self._reason = self._decide()
        if self._reason not in OPENING or not sums.payments:
            raise NoQuote(self._reason)
        return selection, sums

    def _claim(self, offer: Offer) -> uuid.UUID:
        """Insert the batch, move its payments and write the check's row, all or nothing."""
        if self._check_id is None:
            log_opening(self.snapshot, self._reason)
        with self._check.session.transaction(gives_way=True) as transaction:
            batch_conversion_id = create_batch_conversion(
                transaction,
                offer=offer,
                threshold_usd=self.snapshot.threshold.threshold_usd,
                reason=self._reason,
                now=self._check.now(),
            )
            if batch_conversion_id is None:
                raise PaymentsMoved("the payments claimed are not those of the quote")
            if self._check_id is None:
                check_id = record_opening(transaction, self.snapshot, self._reason, batch_conversion_id)
            else:
                check_id = self._check_id
                transaction.execute("count_batch_of_check", check_id=check_id)
        self._check_id = check_id
        return batch_conversion_id

    def _set_locked_aside(self, selection: Selection) -> None:
        """Find the payments that another service holds, so that the others go; the next check takes them again."""
        try:
            rows = self._check.session.rows(
                "list_locked_payments", **selection.parameters, locked_max=LOCKED_PAYMENTS_MAX
            )
        except LockUnavailable:  # the whole table is held
            raise NoQuote(Reason.CLAIM_CONTENDED) from None
        self._locked_ids = tuple({*self._locked_ids, *(row["id"] for row in rows)})

    def _more_may_open(self, latest: Batch) -> bool:
        """Tell whether payments of the same moment are left over, and time and the operators' limit leave them room.

        Not after a batch that had to be released: its payments would be claimed again at once, for the same end.
        """
        left_payments, _ = self._left
        if not left_payments or not self._check.has_time(OPENING_FOR):
            return False
        if read_batch(self._check.session, latest.batch_conversion_id).status == "failed":
            return False
        in_flight = self._check.session.row("count_batches_in_flight")
        limit = self._check.policy.max_in_flight
        return limit is None or in_flight is None or in_flight["batches"] < limit


def create_batch_conversion(
    transaction: Transaction,
    *,
    offer: Offer,
    threshold_usd: Decimal,
    reason: str,
    now: datetime,
) -> uuid.UUID | None:
    """Insert a batch and claim its payments; None (roll back) where the payments are no longer those of the quote."""
    batch_conversion_id = uuid.uuid4()
    transaction.execute(
        "create_batch_conversion",
        batch_conversion_id=batch_conversion_id,
        total_usd=offer.sums.total_usd,
        threshold_usd=threshold_usd,
        reason=reason,
        payments=offer.sums.payments,
        amount_eth=offer.quote.amount_eth,
        quoted_usdt=offer.quote.estimated_usdt,
        now=now,
        **offer.quote.costs._asdict(),
    )
    claimed = transaction.row(
        "update_records_to_swapping",
        batch_conversion_id=batch_conversion_id,
        now=now,
        **offer.selection.parameters,
    )
    same = claimed == {"payments": offer.sums.payments, "total_usd": offer.sums.total_usd}
    return batch_conversion_id if same else None
