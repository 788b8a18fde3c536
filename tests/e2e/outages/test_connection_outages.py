"""The connection to PostgreSQL is cut, swallows everything or is slow: an answer in time, and nothing half done."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests

from tests.e2e.outages.site import CONNECT_S, STATEMENT_S, Site, wait_for
from tests.e2e.stage import Stage

pytestmark = pytest.mark.timeout(180)

Question = tuple[Callable[[], requests.Response], int]  # and the status that it is answered with

# The connection cut


def checking(stage: Stage) -> list[dict[str, Any]]:
    """The sessions that hold the lock of a check; PostgreSQL ends one within milliseconds of its connection's end."""
    return stage.rig.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")


def is_ordered(stage: Stage) -> bool:
    """Whether the batch's order is on record: what is cut after that, such as the lock's release, fails no check."""
    return any(row["task_enqueued_at"] for row in stage.rig.batches())


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
PLACES_MIN = {
    b"COMMIT": {"check": 2, "callback": 1},
    b"": {"check": 6, "callback": 2},
}  # single statements commit alone


@PLACES
def test_the_connection_cut_anywhere_in_a_check(site: Site, pattern: bytes, after: bool) -> None:
    """Commits that never arrive, and anything that is done and not heard of: the next check goes on from there."""
    places = 0
    site.stage.tick()  # leaves an idle connection
    for places in cut_everywhere(site, pattern, after=after):
        site.stage.rig.pay("10.00", "15.00")
        first = site.stage.tick()
        # The first statement finds out that an idle connection is dead, and goes out on a new one.
        survives = places == 0 and not pattern
        if not site.proxy.sprung or survives:
            assert first.status_code == 200
        else:
            assert first.status_code == 500 or is_ordered(site.stage)
        site.proxy.restore()
        wait_for(lambda: not checking(site.stage), "the end of the session that was cut")
        assert site.stage.tick().status_code == 200
        site.stage.assert_ordered_once()
    assert places >= PLACES_MIN[pattern]["check"]


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
    assert places >= PLACES_MIN[pattern]["callback"]


# A connection that swallows everything


def test_a_black_hole_holds_nobody_up(site: Site, impatient: Stage) -> None:
    """Idle connections gone silent cost one probe, new ones one connect time-out, and then the answer is given."""
    impatient.reconnect()
    impatient.reset()
    batch = impatient.paid_out_batch()
    token = impatient.rig.response(batch, "48.50")
    with ThreadPoolExecutor(4) as pool:  # so that several connections lie idle
        list(pool.map(lambda _: impatient.health(), range(4)))
    site.proxy.black_hole()
    asked: tuple[Question, ...] = (
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
