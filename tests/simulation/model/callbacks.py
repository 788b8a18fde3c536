"""How a callback must be answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.changenow.exchange import Exchange
from sandbox.peers.gchostpay1_tokens import Execution
from tests.simulation.model.exchanges import LOST, TOLERANCE_USDT, is_plausible
from tests.simulation.model.situation import Row
from tests.simulation.world.letters import Letter

AGE_MAX: Final = timedelta(hours=25)
AHEAD_MAX: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Ground:
    """What a callback meets: the batch, its exchange as ChangeNow has it, and what stands in the way for ever."""

    batch: Row | None
    exchange: Exchange | None
    is_held: bool  # others hold a row of its payments
    how_bad: str | None  # in which way ChangeNow will not tell about the exchange


def expect_status(letter: Letter, ground: Ground, now: datetime) -> int:
    """The status of an undisturbed answer."""
    if (early := _status_of_token(letter, now)) is not None:
        return early
    says, batch = letter.says, ground.batch
    if batch is None:
        return 404
    if batch["cn_api_id"] != says.cn_api_id or batch["status"] not in ("swapping", "completed", "failed"):
        return 409
    if batch["status"] == "completed":
        return _status_of_repeat(says, batch)
    if ground.how_bad is not None:
        return 409 if ground.how_bad == "unknown" else 503
    status = _status_of_amount(says, batch, ground.exchange)
    return 503 if status == 200 and ground.is_held else status


def _status_of_token(letter: Letter, now: datetime) -> int | None:
    says = letter.says
    if letter.is_damaged or not -AHEAD_MAX <= now - letter.signed_at <= AGE_MAX:
        return 401
    amount = says.actual_usdt_received
    if not amount.is_finite() or amount <= 0 or amount > Decimal("1e12") or not says.tx_hash:
        return 422
    return 422 if len(says.batch_conversion_id) != 36 else None


def _status_of_repeat(says: Execution, batch: Row) -> int:
    same_hash = batch["settled_by"] != "callback" or batch["tx_hash"] == says.tx_hash
    same = abs(batch["received"] - says.actual_usdt_received) <= TOLERANCE_USDT and same_hash
    return 200 if same else 409


def _status_of_amount(says: Execution, batch: Row, exchange: Exchange | None) -> int:
    if exchange is None or exchange.status in LOST:
        return 409
    if exchange.status != "finished" or exchange.amount_to is None:
        return 503
    if batch["status"] == "failed":
        return 409
    if abs(exchange.amount_to - says.actual_usdt_received) > TOLERANCE_USDT:
        return 409
    return 200 if is_plausible(batch, exchange) and batch["holds_its_total"] else 409
