"""The sandbox's world: the architecture document's example, its account, functions that die."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.demo.account import Account, find_problems, take_account
from sandbox.peers.database import add_client
from sandbox.wire.google_clients import tasks_client
from sandbox.world.addresses import BATCH_QUEUE, RESPONSE_QUEUE, NoWorldError, find_world, queue_path
from sandbox.world.function_process import FunctionError
from sandbox.world.world import StillWaitingError, Wishes, World

pytestmark = pytest.mark.timeout(180)

UNFINISHED = "SELECT 1 FROM batch_conversions WHERE conversion_status NOT IN ('completed', 'failed')"
BATCHES = "SELECT conversion_status FROM batch_conversions"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world without a fee, in which the example's batch has been completed."""
    with World(Wishes(fee_pct=Decimal(0))) as world:
        world.changenow.next_amount_to = Decimal("48.50")
        for amount_usd in ("10.00", "15.00", "25.00"):
            world.pay(amount_usd)
        world.trigger()
        world.pubsub.wait_delivered(30)
        world.wait_for(lambda: world.query(BATCHES) and not world.query(UNFINISHED), "the batch")
        world.cloud_tasks.wait_idle(30)
        add_client(world.database_url, "client-1", "20.00")
        world.gcbatchprocessor.tick()
        yield world


def test_the_architecture_documents_example(world: World) -> None:
    """$10, $15 and $25 and 48.50 USDT received: shares of 9.70, 14.55 and 24.25."""
    account = take_account(world)

    assert [payment.share_usdt for payment in account.payments] == [
        Decimal("9.70"),
        Decimal("14.55"),
        Decimal("24.25"),
    ]
    assert [(batch.total_usd, batch.received_usdt) for batch in account.batches] == [(Decimal(50), Decimal("48.5"))]
    assert find_problems(account) == []


def test_the_log_lines_of_both_functions_are_read(world: World) -> None:
    """The opening sentence from the one, the completion from the other."""
    check = [line["message"] for line in world.logs("check_threshold")]
    callback = [line["event"] for line in world.logs("swap_executed")]

    assert "Total pending ($50.00) >= Threshold ($20.00) - creating batch" in check
    assert "Batch conversion created" in check
    assert "batch_completed" in callback


def test_an_order_is_attempted_once_and_a_callback_ten_times(world: World) -> None:
    """The deployed GCHostPay1 pays twice when an order comes twice; a callback may come for 24 hours."""
    with tasks_client(world.cloud_tasks.address) as client:
        names = (queue_path(BATCH_QUEUE), queue_path(RESPONSE_QUEUE))
        configs: list[Any] = [client.get_queue(name=name).retry_config for name in names]
    orders, responses = configs
    assert (orders.max_attempts, orders.max_retry_duration) == (1, timedelta())
    assert (responses.max_attempts, responses.max_retry_duration) == (10, timedelta(hours=24))


def shares_swapped(account: Account) -> Account:
    first, second, *rest = account.payments
    swapped = (
        replace(first, amount_usdt=second.amount_usdt),
        replace(second, amount_usdt=first.amount_usdt),
    )
    return replace(account, payments=[*swapped, *rest])


def share_short(account: Account) -> Account:
    first, *rest = account.payments
    short = replace(first, amount_usdt=(first.amount_usdt or 0) - Decimal("0.00000001"))
    return replace(account, payments=[short, *rest])


def payment_left_behind(account: Account) -> Account:
    first, *rest = account.payments
    return replace(account, payments=[replace(first, status="swapping"), *rest])


def payment_outside(account: Account) -> Account:
    first, *rest = account.payments
    return replace(account, payments=[replace(first, batch=None, status="pending"), *rest])


def paid_twice(account: Account) -> Account:
    (exchange,) = account.exchanges
    exchange = exchange.copy()
    exchange.deposits *= 2
    return replace(account, exchanges=[exchange], ledger=account.ledger * 2)


def paid_otherwise(account: Account) -> Account:
    (exchange,) = account.exchanges
    exchange = exchange.copy()
    exchange.deposits = [replace(exchange.deposits[0], amount_eth=Decimal(50))]
    return replace(account, exchanges=[exchange])


def paid_out_less(account: Account) -> Account:
    (exchange,) = account.exchanges
    exchange = exchange.copy()
    exchange.amount_to = Decimal("48.40")
    return replace(account, exchanges=[exchange])


def never_settled(account: Account) -> Account:
    (batch,) = account.batches
    return replace(account, batches=[replace(batch, status="swapping", received_usdt=None)])


def nobodys_exchange(account: Account) -> Account:
    exchange = account.exchanges[0].copy()
    exchange.id = "0123456789abcd"
    return replace(account, exchanges=[*account.exchanges, exchange])


def sent_twice(account: Account) -> Account:
    return replace(account, payouts=account.payouts * 2)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (shares_swapped, "is not its proportion"),
        (share_short, "shares sum to 48.49999999, received were 48.5"),
        (payment_left_behind, "payment 1 is claimed and swapping"),
        (payment_outside, "its payments do not sum to 50"),
        (paid_twice, "was paid for 2 times by GCHostPay1, 2 deposits arrived"),
        (paid_otherwise, "was to cost"),
        (paid_out_less, "ChangeNow paid out 48.40, not 48.5"),
        (never_settled, "is swapping, not completed"),
        (sent_twice, "client-1 was sent 97.00000000 USDT, its paid payments hold 48.50000000"),
        (nobodys_exchange, "exchange 0123456789abcd was paid and belongs to no batch"),
    ],
)
def test_the_account_finds_what_is_wrong(world: World, damage: Callable[[Account], Account], problem: str) -> None:
    """Each rule of money, broken in an otherwise true account, is named."""
    problems = find_problems(damage(take_account(world)))

    assert any(problem in text for text in problems), problems


def test_a_killed_function_comes_back_at_its_address(world: World) -> None:
    """Its port stays, and nobody answers there meanwhile."""
    function = world.function("swap_executed")
    url = function.url
    function.kill()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health", timeout=5)
    function.start()
    function.ready()

    assert function.url == url
    assert requests.get(f"{url}/health", timeout=30).json()["status"] == "healthy"


def test_a_world_is_found_by_its_folder(world: World) -> None:
    """As the commands of the kept sandbox do."""
    assert find_world(world.folder) == world.addresses
    with pytest.raises(NoWorldError, match="no running sandbox"):
        find_world(world.folder / "nowhere")


def test_waiting_in_vain_ends(world: World) -> None:
    """The error names what was waited for."""
    with pytest.raises(StillWaitingError, match="a miracle has not happened within 0 s"):
        world.wait_for(lambda: None, "a miracle", timeout_s=0.05)


def test_a_world_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    """A function that does not come up is shown with what it wrote; the rest is stopped."""
    world = World(Wishes(environment={"PYTHONPATH": str(tmp_path)}))
    with pytest.raises(FunctionError, match="No module named 'shared'"):
        world.start()

    assert not world.postgres.running
    assert not world.folder.exists()
