"""What dies, hangs or is cut while money is on its way: nothing lost, nothing twice, and all goes on by itself."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pytest
import requests

from ops.migrate import migrate
from sandbox import faults
from sandbox.faults import Faults
from sandbox.function_process import FunctionProcess
from sandbox.postgres import Postgres
from sandbox.pubsub import PubSub
from sandbox.tcp_proxy import TcpProxy
from tests.e2e.stage import Stage, running_stage
from tests.rig import PROJECT, Peers
from tests.sessions import open_session

pytestmark = pytest.mark.timeout(180)

T = TypeVar("T")

TOPIC = f"projects/{PROJECT}/topics/micro-batch-trigger"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/eventarc-check-threshold"
PATIENCE_S = 30.0
PAYMENTS = 60_000
CONNECT_S, STATEMENT_S, HTTP_S = 1, 2, 2
SETTINGS = {
    "HTTP_TIMEOUT_S": str(HTTP_S),
    "DATABASE_CONNECT_TIMEOUT_S": str(CONNECT_S),
    "DATABASE_STATEMENT_TIMEOUT_S": "60",  # a distribution on a slow machine
    "DATABASE_LOCK_TIMEOUT_S": "5",
}


def wait_for(look: Callable[[], T], what: str) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} has not happened"
        time.sleep(0.005)
    return seen


@dataclass
class Site:
    """Both functions with a proxy between them and a PostgreSQL that may be killed."""

    stage: Stage
    postgres: Postgres
    proxy: TcpProxy

    def revive(self) -> None:
        """Bring PostgreSQL back, and the test's own session with it."""
        if not self.postgres.running:
            self.postgres.start()
        self.stage.reconnect()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for these tests alone."""
    with Postgres() as server:
        migrate(lambda: open_session(server.url()))
        yield server


@pytest.fixture(scope="module")
def proxy(server: Postgres) -> Iterator[TcpProxy]:
    """What the functions take for PostgreSQL."""
    with TcpProxy(lambda: server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def running(
    server: Postgres, proxy: TcpProxy, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The processes, for all tests of this module."""
    seen = server.url().replace(f":{server.port}/", f":{proxy.port}/")
    folder = tmp_path_factory.mktemp("outages")
    with running_stage(server.url(), peers, folder, seen_database_url=seen, settings=SETTINGS) as stage:
        yield Site(stage, server, proxy)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """An empty database, everything up; whatever the processes wrote is looked at afterwards."""
    running.proxy.restore()
    running.proxy.forget()
    running.revive()
    for function in running.stage.functions:
        if not function.running:
            function.start()
    running.stage.reset()
    yield running
    running.proxy.restore()
    running.stage.spoken()


# PostgreSQL away


@pytest.fixture
def pubsub(site: Site) -> Iterator[PubSub]:
    """Pub/Sub with a push subscription to check_threshold, impatient."""
    with PubSub(redelivery_min_s=0.2, redelivery_max_s=0.2) as pubsub:
        pubsub.create_topic(TOPIC)
        pubsub.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=site.stage.check_threshold.url)
        yield pubsub


def test_database_away_and_back(site: Site, pubsub: PubSub) -> None:
    """A tick fails with 500 and comes again, a callback is told 503, health too; all heals without a restart."""
    stage = site.stage
    batch = stage.paid_out_batch()
    stage.rig.pay("30.00")
    token = stage.rig.response(batch, "48.50")
    assert stage.health().status_code == 200
    keepers = [function._keeper for function in stage.functions]

    site.postgres.kill()
    pubsub.publish(TOPIC, b"check")
    wait_for(lambda: len(pubsub.deliveries) >= 2, "a second delivery")
    assert {delivery.status for delivery in pubsub.deliveries} == {500}
    for path in ("/", "/swap-executed"):
        answer = stage.call_back(token, path)
        assert (answer.status_code, answer.json()["status"]) == (503, "error")
        assert int(answer.headers["Retry-After"]) > 0
    answer = stage.health()
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")

    site.revive()
    pubsub.wait_delivered(PATIENCE_S)
    assert pubsub.deliveries[-1].status == 200
    assert stage.call_back(token).json()["records_updated"] == 3
    assert stage.health().status_code == 200
    assert [row["conversion_status"] for row in stage.rig.batches()] == ["completed", "swapping"]
    stage.assert_money_in_place()
    assert {"database_unavailable", "callback_deferred", "batch_created", "batch_completed"} <= set(stage.events())
    assert keepers == [function._keeper for function in stage.functions]
    assert all(function.running for function in stage.functions)


def test_an_unreachable_database_is_never_nothing_pending(site: Site) -> None:
    """Rule 6: no line of a failed check speaks of a pending total, and no row is left that does."""
    site.stage.rig.pay("30.00")
    site.postgres.kill()
    assert site.stage.tick().status_code == 500
    assert site.stage.events() == ["database_unavailable"]
    assert "pending" not in "\n".join(site.stage.written())
    site.revive()
    assert site.stage.rig.checks() == []


def test_a_database_that_was_restarted_costs_no_delivery(site: Site) -> None:
    """Connections of the server before are found dead and replaced within the request."""
    batch = site.stage.paid_out_batch()
    site.stage.health()
    site.postgres.restart()
    site.stage.reconnect()
    assert site.stage.tick().status_code == 200
    assert site.stage.call_back(site.stage.rig.response(batch, "48.50")).json()["records_updated"] == 3
    assert "database_unavailable" not in site.stage.events()


# A large distribution, interrupted


def large_batch(stage: Stage) -> dict[str, Any]:
    """A batch of 60,000 payments of uneven dollars, swapped for an amount that divides by nothing."""
    stage.rig.sql(
        "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,"
        " accumulated_eth, client_wallet_address, client_payout_currency, client_payout_network, created_at)"
        " SELECT 'client', number, 1, 'eth', NOW(), 0.5 + CAST(number AS numeric) / 70001, '0x', 'usdt', 'eth',"
        " TIMESTAMP '2026-01-01' + MOD(number, 1000) * INTERVAL '1 second' FROM generate_series(1, %s) AS number",
        PAYMENTS,
    )
    assert stage.tick().status_code == 200
    (batch,) = stage.rig.batches()
    assert batch["payments_count"] == PAYMENTS
    stage.rig.pay_out(batch, "54321.123457")
    return batch


def distributing(stage: Stage) -> list[dict[str, Any]]:
    """The sessions in which shares are being written at this moment."""
    return stage.rig.sql(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query_start < clock_timestamp() - INTERVAL '50 ms'"
        " AND query LIKE %s AND pid <> pg_backend_pid()",
        "%UPDATE payout_accumulation%accumulated_amount_usdt%",
    )


def counts(stage: Stage) -> list[dict[str, Any]]:
    """How many payments are in which state, and how many of them have a share."""
    return stage.rig.sql(
        "SELECT conversion_status AS status, COUNT(*) AS payments, COUNT(accumulated_amount_usdt) AS shares"
        " FROM payout_accumulation GROUP BY 1 ORDER BY 1"
    )


def test_sixty_thousand_payments_are_distributed_all_or_none(site: Site) -> None:
    """Interrupted in the middle (connection, function, PostgreSQL) nothing is written; then, by one delivery, all."""
    stage = site.stage
    batch = large_batch(stage)
    token = stage.rig.response(batch, "54321.123457")
    untouched = [{"status": "swapping", "payments": PAYMENTS, "shares": 0}]

    def kill_function() -> None:
        stage.swap_executed.kill()
        stage.swap_executed.start()
        stage.swap_executed.ready()

    def kill_database() -> None:
        site.postgres.kill()
        site.revive()

    with ThreadPoolExecutor(1) as pool:
        for interrupt, status_code in ((site.proxy.cut_all, 503), (kill_function, None), (kill_database, 503)):
            delivery = pool.submit(stage.call_back, token)
            wait_for(lambda: distributing(stage), "the distribution")
            interrupt()
            if status_code is None:
                with pytest.raises(requests.ConnectionError):
                    delivery.result()
            else:
                assert delivery.result().status_code == status_code
            wait_for(lambda: not distributing(stage), "the end of the distribution")
            assert counts(stage) == untouched
            assert stage.rig.batches()[0]["conversion_status"] == "swapping"

    assert stage.call_back(token).json()["records_updated"] == PAYMENTS
    assert counts(stage) == [{"status": "completed", "payments": PAYMENTS, "shares": PAYMENTS}]
    (exact,) = stage.rig.sql(
        "SELECT SUM(accumulated_amount_usdt) = 54321.123457 AS sums,"
        " BOOL_AND(ABS(accumulated_amount_usdt * total_eth_usd - accumulated_eth * 54321.123457)"
        " < 0.00000001 * total_eth_usd) AS within_a_unit"
        " FROM payout_accumulation JOIN batch_conversions USING (batch_conversion_id)"
    )
    assert exact == {"sums": True, "within_a_unit": True}
    assert stage.call_back(token).json()["records_updated"] == 0


# The connection cut


def checking(stage: Stage) -> list[dict[str, Any]]:
    """The sessions that hold the lock of a check; PostgreSQL ends one within milliseconds of its connection's end."""
    return stage.rig.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")


NEVER_SENT = b"\0" * 99


def cut_everywhere(site: Site, pattern: bytes, *, after: bool) -> Iterator[int]:
    """Yield once for each time that *pattern* is sent in what the caller then does, with a cut waiting there."""
    for passes in itertools.count():
        site.stage.reset()
        site.proxy.restore()
        site.proxy.forget()
        site.proxy.cut_when(pattern, passes=passes, after=after)
        yield passes
        if not site.proxy.sprung:
            return


PLACES = pytest.mark.parametrize(("pattern", "after"), [(b"COMMIT", False), (b"", True)], ids=["commits", "everything"])


@PLACES
def test_the_connection_cut_anywhere_in_a_check(site: Site, pattern: bytes, after: bool) -> None:
    """Commits that never arrive, and anything that is done and not heard of: the next check goes on from there."""
    places = 0
    for places in cut_everywhere(site, pattern, after=after):
        site.stage.rig.pay("10.00", "15.00")
        first = site.stage.tick()
        # The first statement finds out that an idle connection is dead, and goes out on a new one.
        survives = places == 0 and not pattern
        assert first.status_code == (500 if site.proxy.sprung and not survives else 200)
        site.proxy.restore()
        wait_for(lambda: not checking(site.stage), "the end of the session that was cut")
        assert site.stage.tick().status_code == 200
        site.stage.assert_ordered_once()
    assert places > 5


@PLACES
def test_the_connection_cut_anywhere_in_a_callback(site: Site, pattern: bytes, after: bool) -> None:
    """503 or 200, all or nothing, and the next delivery ends it; the shares are written once."""
    stage, places = site.stage, 0
    for places in cut_everywhere(site, NEVER_SENT, after=after):  # nothing is cut while the batch is made
        batch = stage.paid_out_batch()
        token = stage.rig.response(batch, "48.50")
        site.proxy.cut_when(pattern, passes=places, after=after)
        answer = stage.call_back(token)
        site.proxy.restore()
        assert answer.status_code == 200 or (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
        was_done = stage.rig.batches()[0]["conversion_status"] == "completed"
        assert was_done or answer.status_code == 503
        stage.assert_money_in_place()
        again = stage.call_back(token)
        assert (again.status_code, again.json()["records_updated"]) == (200, 0 if was_done else 3)
        stage.assert_money_in_place()
    assert places > 1


# A connection that swallows everything


@pytest.fixture(scope="module")
def impatient(
    server: Postgres, proxy: TcpProxy, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The functions again, with time-outs of seconds."""
    seen = server.url().replace(f":{server.port}/", f":{proxy.port}/")
    folder = tmp_path_factory.mktemp("impatient")
    settings = {**SETTINGS, "DATABASE_STATEMENT_TIMEOUT_S": str(STATEMENT_S)}
    if not server.running:
        server.start()
    with running_stage(server.url(), peers, folder, seen_database_url=seen, settings=settings) as stage:
        yield stage


def test_a_black_hole_holds_nobody_up(site: Site, impatient: Stage) -> None:
    """Idle connections gone silent cost one probe, new ones one connect time-out, and then the answer is given."""
    impatient.reconnect()
    impatient.reset()
    batch = impatient.paid_out_batch()
    token = impatient.rig.response(batch, "48.50")
    with ThreadPoolExecutor(4) as pool:  # so that several connections lie idle
        list(pool.map(lambda _: impatient.health(), range(4)))
    site.proxy.black_hole()
    asked: tuple[tuple[Callable[[], requests.Response], int], ...] = (
        (impatient.tick, 500),
        (partial(impatient.call_back, token), 503),
        (impatient.health, 503),
    )
    for ask, status_code in asked:
        started_at = time.monotonic()
        assert ask().status_code == status_code
        assert time.monotonic() - started_at < 2 * CONNECT_S + 1.5
    site.proxy.restore()
    assert impatient.tick().status_code == 200
    assert impatient.call_back(token).json()["records_updated"] == 3
    impatient.spoken()


def test_silence_in_the_middle_of_a_statement_ends_in_time(site: Site, impatient: Stage) -> None:
    """The server answers no more while it works: the driver gives up after the statement's own time-out."""
    impatient.reconnect()
    impatient.reset()
    batch = impatient.paid_out_batch()
    token = impatient.rig.response(batch, "48.50")
    impatient.rig.sql("BEGIN")
    impatient.rig.sql("SELECT 1 FROM payout_accumulation FOR UPDATE")  # the distribution has to wait
    with ThreadPoolExecutor(1) as pool:
        started_at = time.monotonic()
        delivery = pool.submit(impatient.call_back, token)
        wait_for(lambda: waiting_for_a_lock(impatient), "the distribution")
        site.proxy.black_hole()
        assert delivery.result().status_code == 503
        assert time.monotonic() - started_at < STATEMENT_S + CONNECT_S + 1.5
    impatient.rig.sql("ROLLBACK")
    site.proxy.restore()
    assert impatient.call_back(token).json()["records_updated"] == 3
    impatient.assert_money_in_place()


def waiting_for_a_lock(stage: Stage) -> list[dict[str, Any]]:
    """The functions' sessions that wait for somebody else's rows."""
    return stage.rig.sql(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'micro_batch'"
    )


def test_a_slow_network_is_only_slow(site: Site) -> None:
    """Twenty milliseconds each way: the same end, one round trip at a time."""
    batch = site.stage.paid_out_batch()
    site.proxy.forget()
    site.proxy.delay_s = 0.01
    assert site.stage.call_back(site.stage.rig.response(batch, "48.50")).json()["records_updated"] == 3
    assert 0 < site.proxy.round_trips < 60


# Cloud Tasks away


def test_cloud_tasks_away_and_back(site: Site) -> None:
    """No order goes out and none is forgotten: the check ends well and says so; two checks at most, and it is out."""
    stage, tasks = site.stage, site.stage.rig.peers.tasks
    stage.rig.pay("10.00", "15.00")
    tasks.stop()
    try:
        assert stage.tick().status_code == 200
    finally:
        tasks.start()
    (batch,) = stage.rig.batches()
    assert (batch["conversion_status"], batch["task_enqueued_at"]) == ("swapping", None)
    assert "tasks_unavailable" in stage.events()
    stage.rig.pay("30.00")
    for _ in range(2):
        assert stage.tick().status_code == 200
    stage.assert_money_in_place()
    assert [row["conversion_status"] for row in stage.rig.batches()] == ["swapping"] * 2
    assert len(stage.rig.orders()) == 2


# Processes killed


def killed_while(function: FunctionProcess, work: Callable[[], object], faulty: Faults) -> None:
    """Let a process work until it meets a fault that keeps it waiting, kill it there, and start it anew."""
    met = len(faulty.taken)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        wait_for(lambda: len(faulty.taken) > met, "the fault")
        function.kill()
        with pytest.raises(requests.ConnectionError):
            working.result()
    function.start()
    function.ready()


@pytest.mark.parametrize("is_made", [False, True], ids=["before", "after"])
def test_check_killed_while_changenow_thinks(site: Site, is_made: bool) -> None:
    """Whether the exchange is made or not: it is never paid, the next check makes another, one order goes out."""
    stage, exchange = site.stage, site.stage.rig.peers.exchange
    stage.rig.pay("10.00", "15.00")
    known = len(exchange.exchanges)
    exchange.faults.add(method="POST /exchange", action=faults.delay(0.5) if is_made else faults.hang)
    killed_while(stage.check_threshold, stage.tick, exchange.faults)
    if is_made:
        wait_for(lambda: len(exchange.exchanges) > known, "the exchange")
    (batch,) = stage.rig.batches()
    assert (batch["conversion_status"], batch["cn_api_id"], stage.rig.orders()) == ("pending", None, [])
    assert stage.tick().status_code == 200
    assert stage.tick().status_code == 200
    batch = stage.assert_ordered_once()
    assert len(exchange.exchanges) - known == 1 + is_made
    assert exchange.exchanges[-1].id == batch["cn_api_id"]


@pytest.mark.parametrize("is_taken", [False, True], ids=["before", "after"])
def test_check_killed_while_cloud_tasks_thinks(site: Site, is_taken: bool) -> None:
    """Whether the task was taken or not: the same name goes out again, and exactly one order exists."""
    stage, tasks = site.stage, site.stage.rig.peers.tasks
    stage.rig.pay("10.00", "15.00")
    tasks.faults.add(method="CreateTask", action=faults.delay(0.3) if is_taken else faults.hang)
    killed_while(stage.check_threshold, stage.tick, tasks.faults)
    if is_taken:
        wait_for(stage.rig.orders, "the order")
    (batch,) = stage.rig.batches()
    assert (batch["order_prepared_at"] is not None, batch["task_enqueued_at"]) == (True, None)
    assert len(stage.rig.orders()) == is_taken
    assert stage.tick().status_code == 200
    assert stage.tick().status_code == 200
    assert stage.assert_ordered_once()["batch_conversion_id"] == batch["batch_conversion_id"]


def test_callback_killed_while_changenow_thinks(site: Site) -> None:
    """No row is locked over the question, nothing is written, and the next delivery completes the batch."""
    stage = site.stage
    batch = stage.paid_out_batch()
    token = stage.rig.response(batch, "48.50")
    before = stage.money()
    stage.rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.hang)
    killed_while(stage.swap_executed, lambda: stage.call_back(token), stage.rig.peers.exchange.faults)
    assert stage.money() == before
    assert stage.call_back(token).json()["records_updated"] == 3


# Two at once


def test_two_checks_at_once(site: Site) -> None:
    """While one waits for ChangeNow, the other says that it is in progress and ends well; one batch, one order."""
    stage = site.stage
    stage.rig.pay("10.00", "15.00")
    exchange = stage.rig.peers.exchange
    met = len(exchange.faults.taken)
    exchange.faults.add(method="POST /exchange", action=faults.delay(0.5))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stage.tick)
        wait_for(lambda: len(exchange.faults.taken) > met, "the first check's question")
        assert stage.tick().status_code == 200
        assert stage.reason() == "check_in_progress"
        assert first.result().status_code == 200
    stage.assert_ordered_once()
    assert sorted(row["reason"] for row in stage.rig.checks()) == ["check_in_progress", "threshold_reached"]


def test_a_check_and_a_second_process_at_once(site: Site, impatient: Stage) -> None:
    """Two instances get a tick each at the same time, over and over: never two batches for the same payments."""
    stage = site.stage
    for _ in range(3):
        stage.rig.pay("25.00")
        with ThreadPoolExecutor(4) as pool:
            ticks = [pool.submit(each.tick) for each in (stage, impatient, stage, impatient)]
            assert [tick.result().status_code for tick in ticks] == [200] * 4
    assert stage.tick().status_code == 200
    stage.assert_money_in_place()
    assert {row["conversion_status"] for row in stage.rig.payments()} == {"swapping"}
    assert len(stage.rig.orders()) == len(stage.rig.batches())


def test_a_callback_and_a_check_that_reconciles_at_once(site: Site, impatient: Stage) -> None:
    """Both find the exchange finished: one of them writes, and the other finds it done."""
    stage = site.stage
    for _ in range(3):
        stage.reset()
        batch = stage.paid_out_batch()
        stage.rig.sql("UPDATE batch_conversions SET task_enqueued_at = task_enqueued_at - INTERVAL '30 minutes'")
        with ThreadPoolExecutor(3) as pool:
            token = stage.rig.response(batch, "48.50")
            callbacks = [pool.submit(stage.call_back, token) for _ in range(2)]
            check = pool.submit(impatient.tick)
            answers = [callback.result() for callback in callbacks]
        assert check.result().status_code == 200
        assert {answer.status_code for answer in answers} <= {200, 503}
        stage.assert_money_in_place()
        assert [row["conversion_status"] for row in stage.rig.batches()] == ["completed"]
        assert len(stage.rig.sql("SELECT 1 FROM batch_state_changes WHERE to_status = 'completed'")) == 1


def test_payments_that_arrive_while_checks_run_are_never_lost(site: Site) -> None:
    """Inserted all the while: each is in the batch whose total counts it, or pending."""
    stage = site.stage
    with ThreadPoolExecutor(1) as pool:
        for _ in range(4):
            stage.rig.pay("25.00")
            check = pool.submit(stage.tick)
            while not check.done():
                stage.rig.pay("0.01")
            assert check.result().status_code == 200
    stage.assert_money_in_place()
    assert len(stage.rig.batches()) == 4
