"""ChangeNow's office: the exchanges it has, how they move on by themselves, and how they are moved by hand."""

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.changenow.coins import Coins, MadeUpCoins
from sandbox.changenow.exchange import END, FINAL, NEXT, REVIVABLE, Deposit, Exchange, Schedule
from sandbox.changenow.market import Market, Pair

STEPS_MAX: Final = 10  # an exchange has no more states than this


def utc_now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)


class Office:
    """Every method may be called from any thread; its public fields may be set at any time."""

    def __init__(self, market: Market, schedule: Schedule, clock: Callable[[], datetime]) -> None:
        self.market = market
        self.schedule = schedule
        self.next_amount_to: Decimal | None = None
        self.loses_deposits = False
        self.hides_amounts = False
        self.coins: Coins = MadeUpCoins()
        self._clock = clock
        self._lock = threading.RLock()
        self._exchanges: dict[str, Exchange] = {}

    def open_exchange(
        self, pair: Pair, from_amount: Decimal, payout_address: str, refund_address: str | None
    ) -> Exchange:
        """Make a new exchange with a payin address of its own; nobody has to pay it."""
        with self._lock:
            now = self._clock()
            exchange = Exchange(
                id=secrets.token_hex(7),
                pair=pair,
                expected_amount_from=from_amount,
                expected_amount_to=self.market.direct(pair, from_amount),
                payin_address="0x" + secrets.token_hex(20),
                payout_address=payout_address,
                refund_address=refund_address,
                created_at=now,
                history=[("new", now)],
            )
            self._exchanges[exchange.id] = exchange
            return exchange.copy()

    @property
    def exchanges(self) -> list[Exchange]:
        """Records of this moment, oldest first."""
        with self._lock:
            return [self.exchange(exchange_id) for exchange_id in self._exchanges]

    def forget_all(self) -> None:
        """Know of no exchange any more."""
        with self._lock:
            self._exchanges.clear()

    def exchange(self, exchange_id: str) -> Exchange:
        """The record of one exchange as it is now; KeyError when there is none."""
        with self._lock:
            exchange = self._exchanges[exchange_id]
            self._catch_up(exchange)
            return exchange.copy()

    def deposit(self, payin_address: str, amount_eth: Decimal, tx_hash: str) -> str:
        """Let coins reach *payin_address*, as the chain would, and return the exchange's id.

        The first deposit sets the exchange off, unless ChangeNow loses sight of it; later ones, and those that come
        too late, are recorded and do nothing else. KeyError when no exchange has that address.
        """
        with self._lock:
            exchange = self._at(payin_address)
            self._catch_up(exchange)
            self._take(exchange, amount_eth, tx_hash)
            self._catch_up(exchange)
            return exchange.id

    def advance(self, exchange_id: str) -> str:
        """Move an exchange one state on along the good path and return the state reached."""
        with self._lock:
            exchange = self._current(exchange_id)
            if exchange.status not in NEXT:
                raise ValueError(f"exchange {exchange_id} is {exchange.status} and stays so")
            self._enter(exchange, NEXT[exchange.status], self._clock())
            return exchange.status

    def finish(self, exchange_id: str, amount_to: Decimal | None = None) -> None:
        """Finish an exchange now, paying out *amount_to* when it is given."""
        with self._lock:
            if self._current(exchange_id).status in FINAL:
                raise ValueError(f"exchange {exchange_id} is over and stays so")
            self._finish(exchange_id, amount_to)

    def revive(self, exchange_id: str, amount_to: Decimal | None = None) -> None:
        """Pay out an exchange that failed or expired, as ChangeNow's support does days later."""
        with self._lock:
            if self._current(exchange_id).status not in REVIVABLE:
                raise ValueError(f"exchange {exchange_id} has neither failed nor expired")
            self._finish(exchange_id, amount_to)

    def restate(self, exchange_id: str, amount_to: Decimal | None = None) -> None:
        """Say from now on that an exchange which is over paid out *amount_to*, whatever it did."""
        with self._lock:
            exchange = self._current(exchange_id)
            if exchange.status != END or amount_to is None:
                raise ValueError(f"exchange {exchange_id} is {exchange.status}: say what it is to have paid out")
            exchange.amount_to = amount_to

    def fail(self, exchange_id: str) -> None:
        """End an exchange as failed."""
        self._end(exchange_id, "failed")

    def expire(self, exchange_id: str) -> None:
        """End an exchange for which no deposit came."""
        self._end(exchange_id, "expired")

    def verify(self, exchange_id: str) -> None:
        """Hold an exchange for a compliance check; advance() lets it go on."""
        self._end(exchange_id, "verifying")

    def refund(self, exchange_id: str, amount_eth: Decimal | None = None) -> None:
        """Send the coins back, less the network's fee unless *amount_eth* says how much."""
        with self._lock:
            exchange = self._current(exchange_id)
            exchange.refund_amount = amount_eth
            self._enter(exchange, "refunded", self._clock())

    def _finish(self, exchange_id: str, amount_to: Decimal | None) -> None:
        exchange = self._exchanges[exchange_id]
        if amount_to is not None:
            exchange.amount_to = amount_to
        self._enter(exchange, END, self._clock())

    def _end(self, exchange_id: str, status: str) -> None:
        with self._lock:
            self._enter(self._current(exchange_id), status, self._clock())

    def _current(self, exchange_id: str) -> Exchange:
        exchange = self._exchanges[exchange_id]
        self._catch_up(exchange)
        return exchange

    def _at(self, payin_address: str) -> Exchange:
        for exchange in self._exchanges.values():
            if exchange.payin_address == payin_address.lower():
                return exchange
        raise KeyError(payin_address)

    def _take(self, exchange: Exchange, amount_eth: Decimal, tx_hash: str) -> None:
        now = self._clock()
        seen_at = None if self.loses_deposits else now + timedelta(seconds=self.schedule.seen_after_s)
        exchange.deposits.append(Deposit(amount_eth, tx_hash, now, seen_at))

    def _catch_up(self, exchange: Exchange) -> None:
        """Take what the chain has brought, and enter the states whose time has come since somebody last looked."""
        for arrival in self.coins.arrived(exchange.payin_address)[len(exchange.deposits) :]:
            self._take(exchange, arrival.amount_eth, arrival.tx_hash)
        now = self._clock()
        exchange.see(now)
        for _ in range(STEPS_MAX):
            step = exchange.next_step(self.schedule)
            if step is None or step[1] > now:
                return
            self._enter(exchange, *step)

    def _enter(self, exchange: Exchange, status: str, at: datetime) -> None:
        exchange.enter(status, at)
        if status == "confirming":
            seen = exchange.seen_deposit
            exchange.amount_from = exchange.expected_amount_from if seen is None else seen.amount_eth
        if status == "refunded":
            self._send_back(exchange)
        if status == END:
            self._pay_out(exchange)

    def _send_back(self, exchange: Exchange) -> None:
        sent = exchange.amount_from or Decimal(0)
        if exchange.refund_amount is None:
            exchange.refund_amount = max(Decimal(0), sent - self.market.network_fees["eth"])
        exchange.refund_hash = self.coins.send_back(exchange)

    def _pay_out(self, exchange: Exchange) -> None:
        if exchange.amount_from is None:
            exchange.amount_from = exchange.expected_amount_from
        if exchange.amount_to is None:
            exchange.amount_to, self.next_amount_to = self.next_amount_to, None
        if exchange.amount_to is None:
            exchange.amount_to = self.market.paid_out(exchange.pair, exchange.amount_from)
        exchange.payout_hash = self.coins.pay_out(exchange)
