"""Opening batches: quote, claim exactly what was quoted, and send each on its way."""

import uuid
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ExchangeRefused, ExchangeUnavailable, MicroBatchError, OrderRefused, OrderUnknown
from shared.flow import quoting
from shared.flow.batches import Batch
from shared.flow.check_record import Findings, log_opening, record_opening
from shared.flow.ordering import Run, advance, read_batch
from shared.flow.quoting import NoQuote, Selection
from shared.model.policy import Reason
from shared.outside.database import Transaction

BATCHES_MAX: Final = 20  # a check; what is left waits for the next
CLAIMS_MAX: Final = 3


class PaymentsMoved(Exception):
    """Rolls a claim back whose payments are not those of its quote."""


class Opening:
    """Opens one batch for all that waited at a moment, or several where a cap or the exchange's maximum splits it."""

    def __init__(self, run: Run, findings: Findings, reason: Reason) -> None:
        self._run = run
        self._findings = findings
        self._reason = reason
        self._selection = quoting.select_all(findings.pending, findings.policy.max_batch_usd)
        self._check_id: int | None = None
        self._is_split = False
        self.opened: list[uuid.UUID] = []

    def open_all(self) -> Reason:
        """Open what is due; returns the reason for it, or why nothing was opened after all."""
        log_opening(self._findings, self._reason)
        for _ in range(BATCHES_MAX):
            try:
                batch = self._open_one()
            except NoQuote as no_quote:
                return self._reason if self.opened else no_quote.reason
            except ExchangeUnavailable as error:
                log_exchange_unavailable(error)
                return self._reason if self.opened else Reason.EXCHANGE_UNAVAILABLE
            self.opened.append(batch.batch_conversion_id)
            if try_to_advance(self._run, batch) or not self._more_may_open(batch):
                break
        return self._reason

    def _open_one(self) -> Batch:
        """Quote and claim, until the payments claimed are the payments quoted."""
        for _ in range(CLAIMS_MAX):
            offer = quoting.fit(self._run.session, self._run.exchange, self._selection, self._run.policy)
            self._is_split = offer.selection != self._selection
            try:
                return read_batch(self._run, self._claim(offer))
            except PaymentsMoved:
                continue
        raise NoQuote(Reason.CLAIM_CONTENDED)

    def _claim(self, offer: quoting.Offer) -> uuid.UUID:
        """Insert the batch, move its payments and write the check's row, all or nothing."""
        with self._run.session.transaction() as transaction:
            batch_conversion_id = create_batch_conversion(
                transaction,
                offer=offer,
                threshold_usd=self._findings.threshold.threshold_usd,
                reason=self._reason,
                now=self._run.now(),
            )
            if batch_conversion_id is None:
                raise PaymentsMoved
            if self._check_id is None:
                check_id = record_opening(transaction, self._findings, self._reason, batch_conversion_id)
            else:
                check_id = self._check_id
                transaction.execute("count_batch_of_check", check_id=check_id)
        self._check_id = check_id
        return batch_conversion_id

    def _more_may_open(self, latest: Batch) -> bool:
        """Tell whether payments of the same moment are left over and the operators' limit leaves room for them.

        Not after a batch that had to be released: its payments would be claimed again at once, for the same end.
        """
        if not self._is_split or read_batch(self._run, latest.batch_conversion_id).status == "failed":
            return False
        with self._run.session.transaction() as transaction:
            left = transaction.row("get_pending_to_quote", **whole(self._selection).parameters)
            in_flight = transaction.row("count_batches_in_flight")
        limit = self._run.policy.max_in_flight
        room = limit is None or in_flight is None or in_flight["batches"] < limit
        return room and left is not None and left["payments"] > 0


def whole(selection: Selection) -> Selection:
    """Return the selection without its caps."""
    return replace(selection, usd_max=None, eth_max=None)


def try_to_advance(run: Run, batch: Batch) -> Reason | None:
    """Advance a batch; what stopped it is said and returned, and stays for the next check.

    A batch that had to be released is no obstacle: its payments wait for another.
    """
    try:
        advance(run, batch)
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
    offer: quoting.Offer,
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
