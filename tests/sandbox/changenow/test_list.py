"""The ChangeNow stand-in's list of a partner's exchanges: chosen, sorted, paged, and kept from the wrong key."""

from typing import Any

import pytest
import requests

from sandbox.changenow.server import ChangeNow
from tests.sandbox.changenow.client import HASH, WALLET, Clock, ask, create, numbers

LIST = "/exchanges"


@pytest.fixture
def ids(changenow: ChangeNow, clock: Clock) -> list[str]:
    """Three exchanges, a minute apart."""
    made = []
    for _ in range(3):
        made.append(create(changenow).json()["id"])
        clock.pass_by(60)
    return made


def listed(changenow: ChangeNow, **query: str) -> list[str]:
    """The ids of the rows that fit."""
    return [row["requestId"] for row in numbers(ask(changenow, LIST, query))["exchanges"]]


def test_a_row_has_names_of_its_own(changenow: ChangeNow, ids: list[str]) -> None:
    """requestId is the id of by-id; what was sent and what was paid out are objects."""
    exchange = changenow.exchange(ids[0])
    changenow.deposit(exchange.payin_address, exchange.expected_amount_from, HASH)
    changenow.finish(ids[0])
    document = numbers(ask(changenow, LIST, {"requestId": ids[0]}))
    (row,) = document["exchanges"]
    finished = changenow.exchange(ids[0])
    assert document["count"] == 1
    assert (row["status"], row["flow"]) == ("finished", "standard")
    assert row["payin"]["hash"] == HASH
    assert (row["payin"]["currency"], row["payin"]["amount"]) == ("eth", finished.amount_from)
    assert (row["payout"]["currency"], row["payout"]["amount"]) == ("usdt", finished.amount_to)
    assert (row["payout"]["address"], row["payout"]["hash"]) == (WALLET, finished.payout_hash)
    assert "id" not in row


def test_the_newest_come_first_unless_asked_otherwise(changenow: ChangeNow, ids: list[str]) -> None:
    """And a page of them at a time; the count is of all that fit."""
    assert listed(changenow) == ids[::-1]
    assert listed(changenow, sortDirection="ASC", limit="2") == ids[:2]
    assert listed(changenow, sortDirection="ASC", limit="2", offset="2") == ids[2:]
    assert listed(changenow, offset="3") == []
    assert numbers(ask(changenow, LIST, {"limit": "1"}))["count"] == 3


def test_a_period_a_state_and_an_address_choose(changenow: ChangeNow, clock: Clock, ids: list[str]) -> None:
    """As written by the documents."""
    changenow.expire(ids[1])
    assert listed(changenow, statuses="expired,failed") == [ids[1]]
    assert listed(changenow, dateFrom="2026-11-22T09:01:00.000Z", dateTo="2026-11-22T09:01:30.000Z") == [ids[1]]
    assert listed(changenow, dateField="updatedAt", dateFrom="2026-11-22T09:02:30.000Z") == [ids[1]]
    assert listed(changenow, payoutAddress=WALLET) == ids[::-1]
    assert listed(changenow, payoutAddress="0x" + "3" * 40) == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "100"},
        {"limit": "ten"},
        {"offset": "-1"},
        {"sortDirection": "up"},
        {"sortField": "id"},
        {"dateFrom": "yesterday"},
    ],
    ids=str,
)
def test_what_is_not_understood_is_refused(changenow: ChangeNow, ids: list[str], query: dict[str, Any]) -> None:
    """With an error body."""
    answer = ask(changenow, LIST, query)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_params")


def test_a_private_key_keeps_the_list_from_the_other(changenow: ChangeNow, ids: list[str]) -> None:
    """Everything else goes on with the ordinary key."""
    changenow.private_api_key = "the-private-one"
    assert ask(changenow, LIST, {}).status_code == 403
    assert ask(changenow, "/exchange/by-id", {"id": ids[0]}).status_code == 200
    private = {"x-changenow-api-key": "the-private-one"}
    assert len(requests.get(changenow.url + LIST, headers=private, timeout=5).json()["exchanges"]) == 3
