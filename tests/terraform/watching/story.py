"""Everything that the functions write to the log, written by the functions: one small story for each kind of line."""

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import flask
import grpc
import pytest
from cloudevents.http import CloudEvent
from werkzeug.exceptions import InternalServerError

from sandbox.changenow.market import Market
from sandbox.google.pubsub.server import PubSub
from sandbox.wire import faults
from shared import logs
from shared.errors import MicroBatchError
from shared.flow.check import run_check
from shared.flow.check_lock import CHECK_LOCK
from shared.model.fence import Fence
from shared.outside.pubsub import EventPublisher
from tests.rig import Rig

Line = dict[str, Any]
NOWHERE = "postgresql://nobody:password@127.0.0.1:1/none"

# A share is written one unit too high: a fault that only the database's own rule can see.
TAMPER = """
CREATE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.accumulated_amount_usdt := NEW.accumulated_amount_usdt + 0.00000001; RETURN NEW;
END $$;
CREATE TRIGGER a_tamper BEFORE UPDATE OF accumulated_amount_usdt ON payout_accumulation
    FOR EACH ROW EXECUTE FUNCTION tamper();
"""


class _Kept(logging.Handler):
    """Formats every record as the functions do and keeps the line."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JsonLines())
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@contextmanager
def listening() -> Iterator[list[Line]]:
    """Collect the lines that the block writes; the logging of the process is left as it was."""
    kept, root = _Kept(), logging.getLogger()
    before, level = root.handlers[:], logs.logger.level
    logs.logger.addHandler(kept)
    logs.logger.setLevel(logging.INFO)
    try:
        yield kept.lines
    finally:
        logs.logger.removeHandler(kept)
        logs.logger.setLevel(level)
        root.handlers[:] = before


def nothing_to_do(rig: Rig) -> None:
    """A check below the threshold, with an old payment and one that is none."""
    rig.pay("15.00", age=timedelta(hours=50))
    rig.pay("NaN")
    rig.check()


def another_check_runs(rig: Rig) -> None:
    """A check that finds another one at work."""
    with rig.check_dependencies.database.exclusive(CHECK_LOCK):
        rig.check()


def a_good_batch(rig: Rig) -> None:
    """From the opening to the completion."""
    rig.pay("10.00", "15.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "24.50")
    rig.call_back(rig.response(batch, "24.50"))


def a_late_batch(rig: Rig) -> None:
    """No callback comes; reconciliation completes the batch two hours after it was opened."""
    rig.pay("25.00")
    rig.check()
    rig.pay_out(rig.batches()[0], "24.50")
    rig.clock.forward(hours=2)
    rig.check()


def a_failed_batch(rig: Rig) -> None:
    """ChangeNow fails the exchange; the check finds out."""
    rig.pay("25.00")
    rig.check()
    rig.peers.exchange.fail(rig.batches()[0]["cn_api_id"])
    rig.clock.forward(hours=1)
    rig.check()


def paid_after_all(rig: Rig) -> None:
    """GCHostPay1 reports a payout for a batch that was given up."""
    a_failed_batch(rig)
    (batch, *_) = rig.batches()
    rig.peers.exchange.revive(batch["cn_api_id"], Decimal("24.50"))
    with suppress(MicroBatchError):
        rig.call_back(rig.response(batch, "24.50"))


def a_refunded_batch(rig: Rig) -> None:
    """ChangeNow sends the ETH back."""
    rig.pay("25.00")
    rig.check()
    exchange = rig.peers.exchange.exchange(rig.batches()[0]["cn_api_id"])
    rig.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from, "0x" + "ab" * 32)
    rig.peers.exchange.refund(exchange.id)
    rig.clock.forward(hours=1)
    rig.check()


def too_many_refunds(rig: Rig) -> None:
    """A second deposit comes back within the day: nothing new is opened."""
    a_refunded_batch(rig)
    rig.deposit(rig.batches()[1])
    rig.peers.exchange.refund(rig.batches()[1]["cn_api_id"])
    rig.clock.forward(hours=1)
    rig.check()


def an_exchange_that_nobody_may_see(rig: Rig) -> None:
    """ChangeNow will not tell about one exchange."""
    rig.pay("25.00")
    rig.check()
    rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.status(403), times=8)
    rig.clock.forward(minutes=30)
    rig.check()


def forced_too_late(rig: Rig) -> None:
    """A forced tick was on its way for two hours."""
    run_check(rig.check_dependencies, forced=True, told_at=rig.clock() - timedelta(hours=2))


def a_stuck_batch(rig: Rig) -> None:
    """Nobody pays the exchange."""
    rig.pay("25.00")
    rig.check()
    rig.clock.forward(hours=2)
    rig.check()


def a_quote_below_value(rig: Rig) -> None:
    """The swap is not worth what the payments are worth."""
    rig.peers.exchange.market = Market(eth_price_usd=Decimal(3000), fee_pct=Decimal(40))
    rig.pay("25.00")
    rig.check()


def an_implausible_amount(rig: Rig) -> None:
    """One dollar comes back for twenty-five."""
    rig.pay("25.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "1.00")
    with suppress(MicroBatchError):
        rig.call_back(rig.response(batch, "1.00"))


def shares_that_do_not_sum(rig: Rig) -> None:
    """The database refuses a completion."""
    rig.pay("10.00", "15.00")
    rig.check()
    rig.connection.cursor().execute(TAMPER)
    (batch,) = rig.batches()
    rig.pay_out(batch, "24.50")
    with suppress(MicroBatchError):
        rig.call_back(rig.response(batch, "24.50"))


def changenow_is_away(rig: Rig) -> None:
    """Every call to ChangeNow ends in a 503."""
    for call in ("GET /exchange/estimated-amount", "GET /exchange/range", "POST /exchange"):
        rig.peers.exchange.faults.add(method=call, action=faults.status(503), times=20)
    rig.pay("25.00")
    rig.check()


def cloud_tasks_refuses(rig: Rig) -> None:
    """The order is not taken."""
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(grpc.StatusCode.PERMISSION_DENIED))
    rig.pay("25.00")
    rig.check()


def a_database_put_back(rig: Rig) -> None:
    """The fence knows an order of a batch that the database does not have."""
    rig.check()
    ahead = Fence(43, UUID(int=43), complete_after=43)
    rig.put_fence(json.dumps(ahead.document).encode())
    rig.check()


def the_fence_is_away(rig: Rig) -> None:
    """Cloud Storage answers nothing but errors."""
    rig.peers.storage.faults.add("*", faults.status(403))
    rig.check()


def bad_secrets(rig: Rig) -> None:
    """An operator mistypes both."""
    rig.set_threshold("twenty")
    rig.set_policy("{")
    rig.check()


def no_events_topic(rig: Rig) -> None:
    """The events' topic does not exist."""
    with PubSub() as pubsub:
        rig.pay("25.00")
        publisher = EventPublisher("projects/p/topics/none", pubsub.address)
        run_check(replace(rig.check_dependencies, publisher=publisher), forced=False)


def a_callback_not_ours(rig: Rig) -> None:
    """A body that is no token, through the function itself."""
    _answered(rig.environment, "POST", {"token": "not a token"})


def a_tick_that_is_none(rig: Rig) -> None:
    """What arrives is no event, through the function's own refusal."""
    main = importlib.import_module("functions.check_threshold.main")
    with flask.Flask(__name__).app_context():
        assert main.refuse(400, "request_unreadable", "the request cannot be read").status_code == 400


def a_callback_without_a_database(rig: Rig) -> None:
    """The database is away when a good token comes."""
    token = rig.response({"batch_conversion_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "cn_api_id": "a"}, "1.00")
    _answered(rig.environment | {"DATABASE_URL": NOWHERE}, "POST", {"token": token})


def no_settings(rig: Rig) -> None:
    """Neither function finds its settings."""
    _answered({}, "POST", {"token": "any"})
    main = importlib.import_module("functions.check_threshold.main")
    event = CloudEvent({"type": "google.cloud.pubsub.topic.v1.messagePublished", "source": "//pubsub"}, {})
    main._dependencies.cache_clear()
    with pytest.raises(InternalServerError):
        main.check_threshold(event)


def a_bug(rig: Rig) -> None:
    """The last resort of both functions."""
    logs.internal_error(ZeroDivisionError("a bug"))


STORIES: tuple[Callable[[Rig], None], ...] = (
    nothing_to_do,
    another_check_runs,
    a_good_batch,
    a_late_batch,
    paid_after_all,
    too_many_refunds,
    an_exchange_that_nobody_may_see,
    forced_too_late,
    a_stuck_batch,
    a_quote_below_value,
    an_implausible_amount,
    shares_that_do_not_sum,
    changenow_is_away,
    cloud_tasks_refuses,
    a_database_put_back,
    the_fence_is_away,
    bad_secrets,
    no_events_topic,
    a_callback_not_ours,
    a_tick_that_is_none,
    a_callback_without_a_database,
    no_settings,
    a_bug,
)


def _answered(environment: dict[str, str], method: str, body: dict[str, str]) -> None:
    """Let swap_executed answer one request in this environment."""
    main = importlib.import_module("functions.swap_executed.main")
    main._dependencies.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with flask.Flask(__name__).test_request_context("/swap-executed", method=method, json=body):
            main.swap_executed(flask.request)
        if environment:
            main._dependencies().database.close()
    main._dependencies.cache_clear()
