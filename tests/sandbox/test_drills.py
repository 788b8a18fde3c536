"""Every drill makes something go wrong in a running world, and its end makes it right again."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.changenow.market import ETH_TO_USDT
from sandbox.drills.server import DRILLS, DrillServer
from sandbox.peers.gchostpay1 import CHANGED, Behaviour
from sandbox.wire.google_clients import tasks_client
from sandbox.world.addresses import POLICY_SECRET, PROJECT, RESPONSE_QUEUE, THRESHOLD_SECRET, queue_path
from sandbox.world.world import World

pytestmark = pytest.mark.timeout(180)

TIMEOUT_S = 5
PENDING = "SELECT id FROM payout_accumulation WHERE conversion_status = 'pending'"


@dataclass
class Scene:
    """A world and the server of its drills."""

    world: World
    drills: DrillServer

    def order(self, method: str, name: str = "") -> requests.Response:
        return requests.request(method, f"{self.drills.url}/{name}", timeout=30)

    def going_on(self) -> list[str]:
        return [each["name"] for each in requests.get(self.drills.url, timeout=TIMEOUT_S).json() if each["going_on"]]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """With one batch completed, so that there is an order and an exchange, and one payment pending."""
    with World() as world, DrillServer(world) as drills:
        world.pay("30.00")
        world.trigger()
        world.wait_for(
            lambda: world.query("SELECT 1 FROM batch_conversions WHERE conversion_status = 'completed'"), "a batch"
        )
        world.pay("5.00")
        yield Scene(world, drills)


def answers_range(world: World) -> int:
    """ChangeNow's status for a simple question, 0 when it does not answer."""
    query = {"fromCurrency": "eth", "toCurrency": "usdt", "flow": "standard"}
    headers = {"x-changenow-api-key": world.changenow.api_key}
    try:
        return requests.get(
            f"{world.changenow.url}/exchange/range", params=query, headers=headers, timeout=TIMEOUT_S
        ).status_code
    except requests.ConnectionError:
        return 0


def ask_for_newest(world: World) -> requests.Response:
    query = {"id": world.changenow.exchanges[-1].id}
    headers = {"x-changenow-api-key": world.changenow.api_key}
    return requests.get(f"{world.changenow.url}/exchange/by-id", params=query, headers=headers, timeout=TIMEOUT_S)


def answers_newest(world: World) -> int:
    return ask_for_newest(world).status_code


def tells_amount(world: World) -> bool:
    """Whether an exchange that is finished says what it paid out."""
    exchange = world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    world.changenow.finish(exchange.id, Decimal("24.50"))
    document = ask_for_newest(world).json()
    assert document["status"] == "finished"
    return document["amountTo"] is not None


def listens(address: str) -> bool:
    parts = urlsplit(f"//{address}")
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def ends_after_deposit(world: World) -> str:
    """Where an exchange comes to rest once its deposit has been seen."""
    resting = {"finished", world.changenow.schedule.ends_as}
    if world.changenow.schedule.exchanging_s is None:
        resting.add("exchanging")
    exchange = world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    world.changenow.deposit(exchange.payin_address, Decimal("0.01"), "0x" + "2" * 64)

    def look() -> str:
        status = world.changenow.exchange(exchange.id).status
        return status if status in resting else ""

    return world.wait_for(look, "the end of an exchange")


def first_status(world: World) -> str:
    exchange = world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    return world.changenow.exchange(exchange.id).status


def deposit_is_seen(world: World) -> bool:
    exchange = world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    world.changenow.deposit(exchange.payin_address, Decimal("0.01"), "0x" + "2" * 64)
    return world.changenow.exchange(exchange.id).seen_deposit is not None


def behaviour(world: World) -> Behaviour:
    return world.gchostpay1.behaviour


def locked_payments(world: World) -> int:
    return len(world.query(PENDING)) - len(world.query(f"{PENDING} FOR UPDATE SKIP LOCKED"))


def queue_state(world: World) -> str:
    with tasks_client(world.cloud_tasks.address) as client:
        return str(client.get_queue(name=queue_path(RESPONSE_QUEUE)).state.name)


Probe = Callable[[World], object]
WRONG: dict[str, tuple[Probe, object]] = {
    "changenow-away": (answers_range, 0),
    "changenow-slow": (lambda world: world.changenow.faults.waiting, float("inf")),
    "changenow-refusing": (answers_range, 401),
    "changenow-new": (first_status, "new"),
    "changenow-refunding": (ends_after_deposit, "refunded"),
    "changenow-failing": (ends_after_deposit, "failed"),
    "changenow-verifying": (ends_after_deposit, "verifying"),
    "changenow-paying-late": (lambda world: world.changenow.schedule.paid_late_after_s, 30.0),
    "changenow-hanging": (ends_after_deposit, "exchanging"),
    "changenow-losing-deposits": (deposit_is_seen, False),
    "changenow-forgetting": (answers_newest, 403),
    "changenow-amount-missing": (tells_amount, False),
    "gchostpay1-away": (lambda world: listens(world.gchostpay1.address), False),
    "gchostpay1-silent": (behaviour, Behaviour(silent=True)),
    "gchostpay1-calling-twice": (behaviour, Behaviour(twice=True)),
    "gchostpay1-not-paying": (behaviour, Behaviour(pay_fails=True)),
    "gchostpay1-paying-twice": (behaviour, Behaviour(pays_times=2)),
    "gchostpay1-paying-half": (behaviour, Behaviour(pays_share=Decimal("0.5"))),
    "gchostpay1-changed": (behaviour, CHANGED),
    "gchostpay1-without-identity": (
        lambda world: requests.post(f"{world.gchostpay1.endpoints.microbatch_url}/x", timeout=TIMEOUT_S).status_code,
        403,
    ),
    "gchostpay1-wrong-key": (lambda world: len(world.gchostpay1.signing_keys), 2),
    "responses-paused": (queue_state, "PAUSED"),
    "check-threshold-misconfigured": (
        lambda world: world.functions.check_threshold.environment["GCHOSTPAY1_URL"],
        "gchostpay1.example",
    ),
    "check-threshold-buggy": (lambda world: world.functions.check_threshold.root.name, "with-a-bug"),
    "table-hidden": (lambda world: world.query("SELECT to_regclass('threshold_checks') AS found")[0]["found"], None),
    "payment-without-dollars": (lambda world: len(world.query("SELECT 1 FROM unclaimable_payments")), 1),
    "database-away": (lambda world: world.postgres.running, False),
    "row-locked": (locked_payments, 1),
    "cloud-tasks-away": (lambda world: listens(world.cloud_tasks.address), False),
    "pubsub-away": (lambda world: listens(world.pubsub.address), False),
    "secret-manager-away": (lambda world: listens(world.secret_manager.address), False),
    "storage-away": (lambda world: listens(world.storage.address), False),
    "threshold-mistyped": (lambda world: world.secret_manager.newest(PROJECT, THRESHOLD_SECRET), b"2O.00"),
    "policy-mistyped": (lambda world: world.secret_manager.newest(PROJECT, POLICY_SECRET), b'{"paused": treu}'),
}
# They do one thing and have no end; a test of their own shows each.
AT_ONCE = {
    "changenow-restating",
    "changenow-reviving",
    "gchostpay1-order-twice",
    "claimed-payment-changed",
    "order-forgotten",
    "check-threshold-killed",
    "swap-executed-killed",
    "threshold-disabled",
}


def test_every_drill_is_tried() -> None:
    """None may be added without being shown to work."""
    assert WRONG.keys() | AT_ONCE == DRILLS.keys()


@pytest.mark.parametrize("name", WRONG)
def test_a_drill_goes_wrong_and_right_again(scene: Scene, name: str) -> None:
    """What is seen while it goes on is not what is seen before and after."""
    look, wrong = WRONG[name]
    assert look(scene.world) != wrong
    begun = scene.order("POST", name)
    assert (begun.status_code, begun.json()["message"]) == (200, f"{name}: {DRILLS[name].summary}")
    try:
        assert look(scene.world) == wrong
        assert scene.going_on() == [name]
        assert scene.order("POST", name).status_code == 409
    finally:
        assert scene.order("DELETE", name).status_code == 200
    assert look(scene.world) != wrong
    assert scene.going_on() == []


def test_a_claimed_payment_is_changed_by_hand(scene: Scene) -> None:
    """Past every rule, and back: the batch's total is its payments' sum again."""
    differs = """
    SELECT 1 FROM batch_conversions AS b WHERE conversion_status = 'swapping' AND total_eth_usd <>
      (SELECT SUM(accumulated_eth) FROM payout_accumulation AS p WHERE p.batch_conversion_id = b.batch_conversion_id)
    """
    scene.order("POST", "gchostpay1-silent")
    scene.world.pay("30.00")
    scene.world.trigger()
    scene.world.wait_for(
        lambda: scene.world.query("SELECT 1 FROM batch_conversions WHERE conversion_status = 'swapping'"), "a batch"
    )
    assert not scene.world.query(differs)
    assert scene.order("POST", "claimed-payment-changed").status_code == 200
    assert scene.world.query(differs)
    scene.order("DELETE")
    assert not scene.world.query(differs)


def test_an_order_is_forgotten(scene: Scene) -> None:
    """Its payments wait again, and the next check orders nothing."""
    newest = "SELECT batch_conversion_id AS id FROM batch_conversions ORDER BY order_number DESC NULLS LAST LIMIT 1"
    (batch,) = scene.world.query(newest)
    assert scene.order("POST", "order-forgotten").status_code == 200
    assert not scene.world.query("SELECT 1 FROM batch_conversions WHERE batch_conversion_id = %s", batch["id"])
    scene.world.trigger(force=True)
    behind = "SELECT 1 FROM threshold_checks WHERE reason = 'database_behind'"
    scene.world.wait_for(lambda: scene.world.query(behind), "a check that notices")
    scene.order("DELETE", "order-forgotten")


def test_a_failed_exchange_is_revived(scene: Scene) -> None:
    """The newest that failed or expired; without one there is nothing to do."""
    exchange = scene.world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    scene.world.changenow.expire(exchange.id)
    assert scene.order("POST", "changenow-reviving").status_code == 200
    assert scene.world.changenow.exchange(exchange.id).status == "finished"
    scene.order("DELETE")


def test_a_payout_is_restated(scene: Scene) -> None:
    """A dollar more than what was paid, until the end."""
    exchange = scene.world.changenow.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    scene.world.changenow.finish(exchange.id, Decimal("24.50"))
    assert scene.order("POST", "changenow-restating").status_code == 200
    assert ask_for_newest(scene.world).json()["amountTo"] == 25.5
    scene.order("DELETE", "changenow-restating")
    assert ask_for_newest(scene.world).json()["amountTo"] == 24.5


def test_an_order_is_delivered_twice(scene: Scene) -> None:
    """The deployed service takes it again."""
    before = len(scene.world.gchostpay1.orders)
    assert scene.order("POST", "gchostpay1-order-twice").status_code == 200
    assert len(scene.world.gchostpay1.orders) == before + 1
    scene.order("DELETE")


@pytest.mark.parametrize("name", ["check_threshold", "swap_executed"])
def test_a_function_is_killed(scene: Scene, name: str) -> None:
    """The kept sandbox starts it again."""
    function = scene.world.function(name)
    assert scene.order("POST", f"{name.replace('_', '-')}-killed").status_code == 200
    assert not function.running
    function.start()
    function.ready()
    scene.order("DELETE")


def test_a_threshold_is_disabled(scene: Scene) -> None:
    """Its newest version cannot be read until the end."""
    scene.order("POST", "threshold-disabled")
    versions = scene.world.secret_manager._versions[f"projects/{PROJECT}/secrets/{THRESHOLD_SECRET}"]
    assert versions[-1].version.state.name == "DISABLED"
    scene.order("DELETE", "threshold-disabled")
    assert versions[-1].version.state.name == "ENABLED"


def test_all_that_goes_on_is_ended_at_once(scene: Scene) -> None:
    """`drill end` without a name; what does not go on cannot be ended by name."""
    for name in ("gchostpay1-silent", "changenow-new"):
        scene.order("POST", name)
    ended = scene.order("DELETE").json()["message"]
    assert ended == "ended: gchostpay1-silent, changenow-new"
    assert scene.order("DELETE").json()["message"] == "ended: nothing was going on"
    assert scene.order("DELETE", "changenow-new").status_code == 409
    assert scene.order("POST", "no-such-drill").status_code == 404


def test_what_cannot_go_wrong_yet_says_what_is_missing() -> None:
    """In a world without a payment."""
    with World() as world, DrillServer(world) as drills:
        for name in (
            "row-locked",
            "claimed-payment-changed",
            "changenow-forgetting",
            "changenow-restating",
            "changenow-reviving",
            "gchostpay1-order-twice",
        ):
            answer = requests.post(f"{drills.url}/{name}", timeout=TIMEOUT_S)
            assert answer.status_code == 409
            assert "yet" in answer.json()["message"] or "let one come in" in answer.json()["message"]
