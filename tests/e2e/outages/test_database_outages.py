"""PostgreSQL dies, is away or comes back while money is on its way: nothing lost, nothing twice, and all goes on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from sandbox.google.pubsub.server import PubSub
from tests.e2e.outages.site import PATIENCE_S, Site, wait_for
from tests.e2e.stage import Stage
from tests.rig import PROJECT

pytestmark = pytest.mark.timeout(180)

TOPIC = f"projects/{PROJECT}/topics/micro-batch-trigger"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/eventarc-check-threshold"
PAYMENTS = 60_000


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
    processes = [function.process_id for function in stage.functions]

    site.postgres.kill()
    pubsub.publish(TOPIC, b"check")
    wait_for(lambda: len(pubsub.deliveries) >= 2, "a second delivery")
    assert {delivery.status for delivery in pubsub.deliveries} == {500}
    for path in ("/", "/swap-executed"):
        answer = stage.call_back(token, path)
        assert (answer.status_code, answer.json()["status"]) == (503, "error")
        assert int(answer.headers["Retry-After"]) > 0
    wait_for(lambda: stage.health().status_code == 503, "the end of the seconds for which health is known")
    assert stage.health().json()["status"] == "unhealthy"

    site.revive()
    pubsub.wait_delivered(PATIENCE_S)
    assert pubsub.deliveries[-1].status == 200
    assert stage.call_back(token).json()["records_updated"] == 3
    wait_for(lambda: stage.health().status_code == 200, "health")
    assert [row["conversion_status"] for row in stage.rig.batches()] == ["completed", "swapping"]
    stage.assert_money_in_place()
    assert {"database_unavailable", "callback_deferred", "batch_created", "batch_completed"} <= set(stage.events())
    assert processes == [function.process_id for function in stage.functions]
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
        " SELECT 'client', number, 9e7, 'eth', NOW(), 0.5 + CAST(number AS numeric) / 70001, '0x', 'usdt', 'eth',"
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
        "SELECT conversion_status AS status, COUNT(*) AS payments,"
        " COUNT(*) FILTER (WHERE is_conversion_complete) AS shares FROM payout_accumulation GROUP BY 1 ORDER BY 1"
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
