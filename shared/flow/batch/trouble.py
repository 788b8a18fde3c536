"""One batch's trouble, contained: what goes wrong with it is on record, named in time, and holds nothing else up."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from shared import logs
from shared.errors import DatabaseBusy, DatabaseUnavailable, MicroBatchError
from shared.flow import events
from shared.flow.batches import read_batch
from shared.flow.context import ASKING_FOR, CheckContext
from shared.model.batch import Batch

ASK_FIRST: Final = timedelta(minutes=1)  # after the first question without an answer; twice that after the second, ...
ASK_LIVE_MAX: Final = timedelta(hours=1)
ASK_GIVEN_UP_MAX: Final = timedelta(hours=6)
ASK_SHARE: Final = 2  # half the time that an answered batch has been overdue
SILENT_MAX: Final = 3  # different exchanges in a row without an answer: it is ChangeNow that is away
NOTHING_SAID: Final = "nothing yet"
DOUBLINGS_MAX: Final = 12

Ask = Callable[[uuid.UUID], bool]


def ask_each(check: CheckContext, batch_ids: Iterable[uuid.UUID], ask: Ask) -> None:
    """Ask about one batch after the other, each on its own; ends early where nobody gets an answer, or time is up.

    *ask* tells whether there was an answer. Raises DatabaseUnavailable only where the database itself is away.
    """
    silent = 0
    for batch_conversion_id in batch_ids:
        if not check.has_time(ASKING_FOR):
            return
        was_answered = contain(check, batch_conversion_id, ask)
        silent = 0 if was_answered else silent + 1
        if silent == SILENT_MAX:
            logs.error(
                logs.Event.EXCHANGE_UNAVAILABLE, f"ChangeNow answered none of {silent} questions in a row; it is away"
            )
            return


def contain(check: CheckContext, batch_conversion_id: uuid.UUID, work: Ask) -> bool:
    """Do something for one batch; what goes wrong is noted with it, and counts as answered."""
    try:
        return work(batch_conversion_id)
    except DatabaseUnavailable as error:
        if not isinstance(error, DatabaseBusy):
            raise
        _set_aside(check, batch_conversion_id, error)
    except MicroBatchError as error:
        _set_aside(check, batch_conversion_id, error)
    except Exception as error:  # noqa: BLE001 - an error of ours with one batch is no reason to leave all others
        logs.internal_error(error)
        _set_aside(check, batch_conversion_id, error)
    return True


def record_answer(check: CheckContext, batch: Batch, exchange_status: str) -> None:
    """Put ChangeNow's word on record, and when to ask again: later and later; past the stuck time name the batch."""
    now = check.now()
    overdue = max(now - batch.waiting_since - check.settings.reconcile_grace, timedelta(0))
    record_question(check, batch, exchange_status, failed=0, ask_at=now + min(overdue / ASK_SHARE, ASK_LIVE_MAX))
    name_if_stuck(check, batch._replace(exchange_status=exchange_status), f"ChangeNow says {exchange_status}")


def record_no_answer(check: CheckContext, batch: Batch, error: Exception) -> None:
    """Put on record that ChangeNow said nothing of use about this batch; the pauses double."""
    pause_max = ASK_GIVEN_UP_MAX if batch.status == "failed" else ASK_LIVE_MAX
    pause = min(ASK_FIRST * 2 ** min(batch.questions_failed, DOUBLINGS_MAX), pause_max)
    record_question(check, batch, None, failed=batch.questions_failed + 1, ask_at=check.now() + pause)
    logs.warning(logs.Event.BATCH_SET_ASIDE, str(error), reason=type(error).__name__, **batch.labels)
    if batch.status != "failed":
        name_if_stuck(check, batch, str(error))


def record_question(
    check: CheckContext, batch: Batch, exchange_status: str | None, *, failed: int, ask_at: datetime | None
) -> None:
    """Put a question on record, how many failed in a row, and when to ask again (None: never)."""
    check.session.execute(
        "record_question",
        batch_conversion_id=batch.batch_conversion_id,
        exchange_status=exchange_status,
        questions_failed=failed,
        reconcile_after=ask_at,
        accepted_usdt=batch.accepted_usdt,
        now=check.now(),
    )


def name_if_stuck(check: CheckContext, batch: Batch, what: str) -> None:
    """Name a batch that stands still for longer than the stuck time: a log line each time, an event once."""
    now = check.now()
    if now - batch.waiting_since <= check.settings.stuck_after:
        return
    exchange_status = batch.exchange_status or NOTHING_SAID
    with check.session.transaction() as transaction:
        if transaction.execute("record_stuck", batch_conversion_id=batch.batch_conversion_id, now=now):
            facts = batch.facts | {"exchange_status": exchange_status}
            events.record(transaction, "batch.stuck", facts, now)
    hint = _hint(check, batch)
    logs.error(
        logs.Event.BATCH_STUCK,
        f"Batch conversion stuck: {what}; {hint}",
        age_s=int((now - batch.waiting_since).total_seconds()),
        exchange_status=exchange_status,
        hint=hint,
        **batch.facts,
    )


def _set_aside(check: CheckContext, batch_conversion_id: uuid.UUID, error: Exception) -> None:
    """Note the trouble with the batch, so that others come first next time; where not even that is possible, say so."""
    try:
        record_no_answer(check, read_batch(check.session, batch_conversion_id), error)
    except (DatabaseBusy, MicroBatchError) as unrecorded:
        if isinstance(unrecorded, DatabaseUnavailable) and not isinstance(unrecorded, DatabaseBusy):
            raise
        logs.warning(
            logs.Event.BATCH_SET_ASIDE,
            f"{error}; and it could not be noted: {unrecorded}",
            reason=type(error).__name__,
            batch_conversion_id=batch_conversion_id,
        )


def _hint(check: CheckContext, batch: Batch) -> str:
    show = f"./microbatch batch {batch.batch_conversion_id}"
    if batch.cn_api_id is None:
        return f"no exchange is known; see why in the lines before, and: {show}"
    if batch.order_prepared_at is None:
        return f"the order could not be sent; see why in the lines before, and: {show}"
    if batch.task_enqueued_at is None:
        return f"nobody knows whether the order went out: look at GCHostPay1's log for this batch, and: {show}"
    return f"look at {check.exchange.get_page_url(batch.cn_api_id)}, at GCHostPay1's log, and: {show}"
