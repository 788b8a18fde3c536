"""GCHostPay1, its wallet, and the course of the exchanges it pays: each has its fate, drawn from the seed."""

from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from sandbox.changenow.coins import transaction_hash
from sandbox.changenow.exchange import FINAL
from sandbox.peers.gchostpay1_tokens import (
    Execution,
    Order,
    UnreadableTokenError,
    UntrustedTokenError,
    decrypt_microbatch_to_gchostpay1_token,
)
from tests.rig import SIGNING_KEY
from tests.simulation.world.cloud_tasks import ATTEMPTS_MAX, OrderTask, backoff_s
from tests.simulation.world.letters import Letter
from tests.simulation.world.peer_records import Accepted, Callback, RuleBroken, read_order

if TYPE_CHECKING:
    from tests.simulation.engine.running_action import RunningAction
    from tests.simulation.world.world import World

CALLBACK_ATTEMPTS_MAX: Final = 8
CALLBACK_BACKOFF_S: Final = 15
MINUTE, HOUR = 60, 3600
UNIT_ETH: Final = Decimal("1e-8")
PAID_ONCE: Final = "a swap is paid for once"

COURSES: Final = ("finish",) * 14 + ("slow", "null", "fail", "refund", "verify", "strange")
LATE_COURSES: Final = ("late", "late")  # failed, and paid out after all
DEPOSITS: Final = ("whole",) * 8 + ("short", "twice", "unseen", "late")
SHORT: Final = Decimal("0.97")  # of the ETH ordered
LATE_DEPOSIT_S: Final = 6 * HOUR
DELIVERED_TWICE: Final = 0.08
NEVER_TOLD: Final = 0.06
QUESTIONS: Final = 4  # at once, and three times more
QUESTION_EVERY_S: Final = 300
CALLBACKS: Final = ("normal",) * 9 + ("silent",) * 3 + ("twice", "twice", "late", "expired", "early", "wrong")


class Peers:
    """Takes orders from Cloud Tasks, pays them, and calls back; moves exchanges along."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def take_task(self, task: OrderTask) -> None:
        """Plan a new task's delivery: at once as a rule, later when Cloud Tasks is slow."""
        random = self._fate("task", task.number)
        delay_s = random.choice((0, 0, 0, 1, 5, 60, 290, 400)) if self._is_odd else 0
        self._world.plan(delay_s, partial(self._deliver_order, task))
        if self._is_odd and self._is_deployed and random.random() < DELIVERED_TWICE:
            self._world.journal.faults["task delivered twice at once"] += 1
            self._world.plan(delay_s, partial(self._deliver_twin, task))

    def expire(self, exchange_id: str, number: int) -> None:
        """Plan the end of an exchange that nobody pays; now and then it is never told."""
        random = self._fate("expiry", number)
        after_s = random.randint(*self._world.history.conditions.expires_after_s)
        if self._is_odd and self._world.history.conditions.odd_deposits and random.random() < NEVER_TOLD:
            self._world.lasting.unpaid.add(exchange_id)
        else:
            self._world.plan(after_s, partial(self._expire, exchange_id))

    @property
    def _is_deployed(self) -> bool:
        return self._world.history.conditions.peer == "deployed"

    @property
    def _is_odd(self) -> bool:
        return self._world.history.conditions.odd_fates and not self._world.is_healed

    def _fate(self, kind: str, number: int | str) -> Random:
        return Random(f"{self._world.history.seed}/{kind}/{number}")

    # Orders

    def _deliver_order(self, task: OrderTask, running: "RunningAction") -> None:
        world, random = self._world, self._fate(f"delivery/{task.number}", task.attempts)
        if not world.servers.tasks.is_live(task):
            return
        task.attempts += 1
        is_down = self._is_odd and random.random() < 0.15
        status = 503 if is_down else self._accept(task)
        answer_lost = self._is_odd and random.random() < 0.1
        attempts_max = 1 if self._is_deployed else ATTEMPTS_MAX
        if (status == 200 and not answer_lost) or task.attempts >= attempts_max:
            world.servers.tasks.end(task, random, world.history.conditions.names_blocked_s)
        else:
            world.plan(backoff_s(task.attempts), partial(self._deliver_order, task))

    def _deliver_twin(self, task: OrderTask, running: "RunningAction") -> None:
        self._accept(task)

    def _accept(self, task: OrderTask) -> int:
        """Answer an order; as deployed, the same token again is paid again."""
        world, now = self._world, self._world.now
        token, _ = read_order(task.body)
        is_known = token in world.records.accepted
        if is_known and not self._is_deployed:
            return 200
        try:
            order = decrypt_microbatch_to_gchostpay1_token(token, [SIGNING_KEY], int(now.timestamp()))
        except UnreadableTokenError:
            return 400
        except UntrustedTokenError:
            return 401
        if self._is_deployed and world.servers.exchange.exchange(order.cn_api_id).status != "waiting":
            world.journal.counts["orders refused: not waiting"] += 1
            return 400
        if not is_known:
            world.records.accepted[token] = Accepted(order, now)
            world.journal.counts["orders accepted"] += 1
            world.rules.order_accepted(order)
        random = self._fate("wallet", task.number)
        if self._is_odd and random.random() < 0.06:
            world.journal.faults["wallet does not pay"] += 1
            world.records.dead_orders.add(token)
        else:
            self._plan_payment(order, task.number, random, is_again=is_known)
        return 200

    def _plan_payment(self, order: Order, number: int, random: Random, *, is_again: bool) -> None:
        world = self._world
        world.records.to_be_paid.add(order.cn_api_id)
        delay_s = 1 if world.is_healed else random.choice(world.history.conditions.wallet_delays_s)
        kind = self._deposit_kind(number)
        if kind != "whole":
            world.journal.faults[f"deposit: {kind}"] += 1
        if is_again:
            if kind == "whole":
                world.plan(delay_s, partial(self._pay_again, order))
        elif kind == "late":
            world.plan(LATE_DEPOSIT_S, partial(self._pay_too_late, order, number))
        else:
            world.plan(delay_s, partial(self._pay, order, number, kind))

    def _deposit_kind(self, number: int) -> str:
        is_odd = self._is_odd and self._world.history.conditions.odd_deposits
        return self._fate("deposit", number).choice(DEPOSITS) if is_odd else "whole"

    def _pay(self, order: Order, number: int, kind: str, running: "RunningAction") -> None:
        """Pay an order, and set its exchange going where ChangeNow sees the deposit."""
        world = self._world
        exchange = world.servers.exchange.exchange(order.cn_api_id)
        if exchange.status in FINAL:
            raise RuleBroken(PAID_ONCE, f"exchange {exchange.id} is paid after it is {exchange.status}")
        if exchange.id in world.records.paid_at:
            raise RuleBroken(PAID_ONCE, f"exchange {exchange.id} is paid a second time")
        tx_hash = transaction_hash()
        amount_eth = (order.from_amount * SHORT).quantize(UNIT_ETH) if kind == "short" else order.from_amount
        world.servers.exchange.loses_deposits = kind == "unseen"
        world.servers.exchange.deposit(order.payin_address, amount_eth, tx_hash)
        world.servers.exchange.loses_deposits = False
        world.records.paid_at[exchange.id] = world.now
        world.journal.counts["exchanges paid"] += 1
        if kind == "twice":
            self._pay_again(order, running)
        if kind != "unseen":
            world.spoil_once_paid(exchange.id)
            world.plan(MINUTE, partial(self._move_on, order, number, tx_hash))

    def _pay_again(self, order: Order, running: "RunningAction") -> None:
        """Pay for the same order once more: the deposit is ChangeNow's to keep or to send back, and moves nothing."""
        self._world.servers.exchange.deposit(order.payin_address, order.from_amount, transaction_hash())
        self._world.journal.counts["exchanges paid twice by GCHostPay1"] += 1

    def _pay_too_late(self, order: Order, number: int, running: "RunningAction") -> None:
        """Pay an exchange that has expired meanwhile; ChangeNow's support pays out some of these after all."""
        world, office = self._world, self._world.servers.exchange
        if office.exchange(order.cn_api_id).status == "waiting":
            self._pay(order, number, "whole", running)
            return
        tx_hash = transaction_hash()
        office.deposit(order.payin_address, order.from_amount, tx_hash)
        world.records.paid_at[order.cn_api_id] = world.now
        if self._fate("support", number).random() < 0.5:
            world.plan(2 * HOUR, partial(self._pay_late, order, number, tx_hash))

    # Exchanges

    def _expire(self, exchange_id: str, running: "RunningAction") -> None:
        if self._world.servers.exchange.exchange(exchange_id).status == "waiting":
            self._world.servers.exchange.expire(exchange_id)
            self._world.journal.faults["exchange expired"] += 1

    def _move_on(self, order: Order, number: int, tx_hash: str, running: "RunningAction") -> None:
        """Send a paid exchange on its course."""
        world, office, cn_api_id = self._world, self._world.servers.exchange, order.cn_api_id
        random = self._fate("course", number)
        more = LATE_COURSES if world.history.conditions.odd_deposits else ()
        course = random.choice(COURSES + more) if self._is_odd else "finish"
        course = (not world.is_healed and world.history.conditions.course) or course
        if course != "finish":
            world.journal.faults[f"exchange: {course}"] += 1
        office.advance(cn_api_id)
        if course in ("fail", "refund"):
            getattr(office, course)(cn_api_id)
            return
        if course == "late":
            office.fail(cn_api_id)
            world.plan(2 * HOUR, partial(self._pay_late, order, number, tx_hash))
            return
        delay_s = random.randint(2 * MINUTE, 30 * MINUTE) if self._is_odd else MINUTE
        if course == "verify":
            office.verify(cn_api_id)
            delay_s += random.randint(MINUTE, 4 * HOUR)
        if course == "slow":
            delay_s += random.randint(HOUR, 4 * HOUR)
        world.plan(delay_s, partial(self._finish, order, number, tx_hash, course))

    def _pay_late(self, order: Order, number: int, tx_hash: str, running: "RunningAction") -> None:
        """ChangeNow's support pays out what had failed."""
        world, office = self._world, self._world.servers.exchange
        amount_usdt = world.market.paid_out(office.exchange(order.cn_api_id).pair, order.from_amount)
        office.revive(order.cn_api_id, amount_usdt)
        self._plan_callbacks(order, number, tx_hash, amount_usdt)

    def _finish(self, order: Order, number: int, tx_hash: str, course: str, running: "RunningAction") -> None:  # noqa: PLR0917
        world, office = self._world, self._world.servers.exchange
        random = self._fate("amount", number)
        exchange = office.exchange(order.cn_api_id)
        amount_usdt = world.market.paid_out(exchange.pair, exchange.amount_from or order.from_amount)
        if self._is_odd:
            factor = (
                Decimal(random.choice((3, 20))) / 10
                if course == "strange"
                else Decimal(random.randint(980, 1020)) / 1000
            )
            amount_usdt = (amount_usdt * factor).quantize(Decimal("1e-6"))
        amount_usdt = max(amount_usdt, Decimal("0.000001"))
        office.finish(order.cn_api_id, amount_usdt)
        world.journal.counts["exchanges finished"] += 1
        if course == "null":
            office._exchanges[order.cn_api_id].amount_to = None
            world.plan(random.randint(MINUTE, HOUR), partial(self._show_amount, order, number, tx_hash, amount_usdt))
        else:
            self._plan_callbacks(order, number, tx_hash, amount_usdt)

    def _show_amount(  # noqa: PLR0917
        self, order: Order, number: int, tx_hash: str, amount_usdt: Decimal, running: "RunningAction"
    ) -> None:
        exchange = self._world.servers.exchange._exchanges[order.cn_api_id]
        exchange.amount_to = amount_usdt
        exchange.history.append((exchange.status, self._world.now))
        self._plan_callbacks(order, number, tx_hash, amount_usdt)

    # Callbacks

    def _plan_callbacks(self, order: Order, number: int, tx_hash: str, amount_usdt: Decimal) -> None:
        world, random = self._world, self._fate("callback", number)
        manner = random.choice(CALLBACKS) if self._is_odd else "normal"
        manner = (not world.is_healed and world.history.conditions.manner) or manner
        if manner != "normal":
            world.journal.faults[f"callback: {manner}"] += 1
        callback = self._callback(order, tx_hash, amount_usdt)
        soon_s: int | None = random.randint(0, 2 * MINUTE)
        if self._is_deployed and not world.history.conditions.manner:
            soon_s = self._next_question_s(order)
        if manner == "silent" or soon_s is None:
            return
        if manner == "wrong":
            wrong = self._callback(order, tx_hash, amount_usdt + Decimal("0.01"), is_true=False)
            self.call_back(soon_s, wrong)
        if manner == "early":
            odd = self._callback(order, tx_hash, amount_usdt * 2, is_true=False)
            self.call_back(0, odd)
        delay_s = {"late": random.randint(HOUR, 20 * HOUR), "expired": random.randint(26 * HOUR, 40 * HOUR)}
        self.call_back(delay_s.get(manner, soon_s), callback)
        if manner == "twice":
            self.call_back(soon_s + random.choice((0, 1, 3 * HOUR)), callback)

    def _next_question_s(self, order: Order) -> int | None:
        """When GCHostPay1 as deployed asks next and hears of the end; None where it has asked its last."""
        since_s = int((self._world.now - self._world.records.paid_at[order.cn_api_id]).total_seconds())
        asked = -(-since_s // QUESTION_EVERY_S)
        if asked >= QUESTIONS:
            self._world.journal.faults["three questions, then silence"] += 1
            return None
        return asked * QUESTION_EVERY_S - since_s

    def _callback(self, order: Order, tx_hash: str, amount_usdt: Decimal, *, is_true: bool = True) -> Callback:
        says = Execution(order.batch_conversion_id, order.cn_api_id, tx_hash, amount_usdt)
        letter = Letter(says, self._world.now)
        return Callback(order.batch_conversion_id, letter.seal(), letter, is_true)

    def call_back(self, delay_s: int, callback: Callback, attempt: int = 1) -> None:
        """Plan a callback's delivery, which Cloud Tasks repeats until it is taken."""
        self._world.plan(delay_s, partial(self._deliver_callback, callback, attempt))

    def _deliver_callback(self, callback: Callback, attempt: int, running: "RunningAction") -> None:
        status = self._world.call_back(callback, running)
        if status != 200 and attempt < CALLBACK_ATTEMPTS_MAX:
            delay_s = min(CALLBACK_BACKOFF_S * 4**attempt, 2 * HOUR)
            self.call_back(delay_s, callback, attempt + 1)
