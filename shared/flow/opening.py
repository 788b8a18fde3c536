"""Opening batches: quote, claim exactly what was quoted, and send each on its way."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import (
    ExchangeRefused,
    ExchangeUnavailable,
    MicroBatchError,
    NoQuote,
    OrderRefused,
    OrderUnknown,
    PaymentsMoved,
)
from shared.flow import quoting
from shared.flow.batches import read_batch
from shared.flow.check_record import Snapshot, log_opening, record_opening
from shared.flow.context import CheckContext
from shared.flow.ordering import advance
from shared.model.batch import Batch
from shared.model.quote import Offer, select_all
from shared.model.reasons import Reason
from shared.outside.database import Transaction

BATCHES_MAX: Final = 20  # a check; what is left waits for the next
CLAIMS_MAX: Final = 3


class Opening:
    """Opens one batch for all that waited at a moment, or several where a cap or the exchange's maximum splits it."""

    def __init__(self, check: CheckContext, snapshot: Snapshot, reason: Reason) -> None:
        self._check = check
        self._snapshot = snapshot
        self._reason = reason
        self._selection = select_all(snapshot.pending, snapshot.policy.max_batch_usd)
        self._check_id: int | None = None
        self._is_split = False
        self.opened: list[uuid.UUID] = []

    def open_all(self) -> Reason:
        """Open what is due; returns the reason for it, or why nothing was opened after all."""
        log_opening(self._snapshot, self._reason)
        for _ in range(BATCHES_MAX):
            try:
                batch = self._open_one()
            except NoQuote as no_quote:
                return self._reason if self.opened else no_quote.reason
            except ExchangeUnavailable as error:
                log_exchange_unavailable(error)
                return self._reason if self.opened else Reason.EXCHANGE_UNAVAILABLE
            self.opened.append(batch.batch_conversion_id)
            if try_to_advance(self._check, batch) or not self._more_may_open(batch):
                break
        return self._reason

    def _open_one(self) -> Batch:
        """Quote and claim, until the payments claimed are the payments quoted."""
        for _ in range(CLAIMS_MAX):
            offer = quoting.fit(self._check.session, self._check.exchange, self._selection, self._check.policy)
            self._is_split = offer.selection != self._selection
            try:
                return read_batch(self._check.session, self._claim(offer))
            except PaymentsMoved:
                continue
        raise NoQuote(Reason.CLAIM_CONTENDED)

    def _claim(self, offer: Offer) -> uuid.UUID:
        """Insert the batch, move its payments and write the check's row, all or nothing."""
        with self._check.session.transaction() as transaction:
            batch_conversion_id = create_batch_conversion(
                transaction,
                offer=offer,
                threshold_usd=self._snapshot.threshold.threshold_usd,
                reason=self._reason,
                now=self._check.now(),
            )
            if batch_conversion_id is None:
                raise PaymentsMoved("the payments claimed are not those of the quote")
            if self._check_id is None:
                check_id = record_opening(transaction, self._snapshot, self._reason, batch_conversion_id)
            else:
                check_id = self._check_id
                transaction.execute("count_batch_of_check", check_id=check_id)
        self._check_id = check_id
        return batch_conversion_id

    def _more_may_open(self, latest: Batch) -> bool:
        """Tell whether payments of the same moment are left over and the operators' limit leaves room for them.

        Not after a batch that had to be released: its payments would be claimed again at once, for the same end.
        """
        if not self._is_split or read_batch(self._check.session, latest.batch_conversion_id).status == "failed":
            return False
        left = self._check.session.row("get_pending_to_quote", **self._selection.uncapped.parameters)
        in_flight = self._check.session.row("count_batches_in_flight")
        limit = self._check.policy.max_in_flight
        room = limit is None or in_flight is None or in_flight["batches"] < limit
        return room and left is not None and left["payments"] > 0


def try_to_advance(check: CheckContext, batch: Batch) -> Reason | None:
    """Advance a batch; what stopped it is said and returned, and stays for the next check.

    A batch that had to be released stops nothing: its payments wait for another.
    """
    try:
        advance(check, batch)
    except (ExchangeUnavailable, ExchangeRefused) as error:
        log_exchange_unavailable(error, batch)
        return Reason.EXCHANGE_UNAVAILABLE
    except (OrderUnknown, OrderRefused) as error:
        logs.error(logs.Event.TASKS_UNAVAILABLE, str(error), **batch.facts)
        return Reason.RESUME_FAILED
    return None


def log_exchange_unavailable(error: MicroBatchError, batch: Batch | None = None) -> None:
    """Tell that ChangeNow did not answer as it should."""
    logs.error(logs.Event.EXCHANGE_UNAVAILABLE, str(error), **(batch.facts if batch else {}))


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
    )
    claimed = transaction.row(
        "update_records_to_swapping",
        batch_conversion_id=batch_conversion_id,
        now=now,
        **offer.selection.parameters,
    )
    same = claimed == {"payments": offer.sums.payments, "total_usd": offer.sums.total_usd}
    return batch_conversion_id if same else None
