"""An exchange at ChangeNow that no batch knows is found where ChangeNow's list can be had."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.chain.accounts import STRANGER
from sandbox.wire.faults import body, status
from tests.ops.account.reconciliation.history import History
from tests.ops.account.reconciliation.test_differences import found
from tests.ops.conftest import Shell
from tests.rig import WALLET_USDT

LIST = "GET /exchanges"
PRIVATE_KEY = "a-private-key-for-tests"
NO_LISTS: tuple[Any, ...] = (
    status(503),
    status(200, body=b"<html>"),
    body(b'{"count": 1}'),
    body(b'{"count": 1, "exchanges": [{"status": "finished"}]}'),
    body(b'{"count": 1, "exchanges": [7]}'),
    body(b'{"count": 1, "exchanges": [{"requestId": "\\u001b[2J", "status": []}]}'),
    body(b"[]"),
)


def test_an_exchange_that_no_batch_knows_is_found(history: History, three: Shell) -> None:
    """Among those of batches, and by its id: paid with our key, to our wallet, for nobody."""
    history.complete()
    foreign = history.pay_foreign()
    history.complete()
    typed = three("reconcile", "--json")
    (finding,) = found(typed)
    assert (finding["word"], finding["cn_api_id"], finding["batch_conversion_id"]) == ("unexplained", foreign.id, None)
    assert finding["what"] == "exchange that no batch knows"
    assert foreign.deposits[0].tx_hash in finding["detail"]
    assert (typed.code, typed.document["unexplained"], typed.document["matched"]) == (1, 1, 2)
    assert typed.document["exchanges_listed"] == 3
    out = three("reconcile").out
    assert f"  exchange {foreign.id}  exchange that no batch knows" in out
    assert f"./microbatch reconcile --settled-exchange {foreign.id} --why REASON" in out


def test_what_is_nobodys_money_is_no_finding(history: History, three: Shell) -> None:
    """Not paid, expired without a deposit, paying out elsewhere, or made before our first batch."""
    before = history.pay_foreign()
    history.changenow._exchanges[before.id].created_at -= timedelta(hours=1)
    swap = history.complete()
    history.changenow._exchanges[swap.exchange.id].payout_address = WALLET_USDT.lower()  # as others spell it
    history.changenow.expire(history.pay_foreign(deposits=0).id)
    history.pay_foreign(deposits=0)
    history.pay_foreign(payout_address=STRANGER)
    typed = three("reconcile", "--json")
    assert (typed.code, found(typed), typed.document["exchanges_listed"]) == (0, [], 4), typed.out


def test_it_can_be_dealt_with(history: History, three: Shell) -> None:
    """With a reason, once it is there; what changes about it afterwards is told anew."""
    history.complete()
    foreign = history.pay_foreign()
    settle = ("reconcile", "--settled-exchange", foreign.id)
    assert three(*settle, "--yes").code == 2
    assert three("reconcile", "--settled-exchange", "0" * 14, "--why", "x", "--yes").code == 1
    assert three(*settle, "--why", "x", "--settled", "#1", "--yes").code == 2
    answer = three(*settle, "--why", "a trial of ours", "--yes", "--json").document
    assert (answer["cn_api_id"], len(answer["settled"])) == (foreign.id, 1)
    again = three("reconcile", "--json")
    assert (again.code, found(again), again.document["settled"]) == (0, [], 1)
    (act,) = three("acts", "--json").document["acts"]
    assert (act["act"], act["why"], act["batch_conversion_id"]) == ("reconcile settled", "a trial of ours", None)
    assert foreign.amount_to is not None
    history.changenow.restate(foreign.id, foreign.amount_to + 1)
    assert [finding["cn_api_id"] for finding in found(three("reconcile", "--json"))] == [foreign.id]


def test_more_than_a_page_is_read(history: History, three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page up to the last, whatever ChangeNow makes of the limit."""
    monkeypatch.setattr("ops.outside.exchange_list.PAGE", 2)
    for _ in range(3):
        history.complete()
    foreign = [history.pay_foreign().id for _ in range(2)]
    typed = three("reconcile", "--json")
    assert {finding["cn_api_id"] for finding in found(typed)} == set(foreign)
    assert typed.document["exchanges_listed"] == 5
    monkeypatch.setattr("ops.situation.reconciliation.foreign.LISTED_MAX", 3)
    bounded = three("reconcile", "--json").document
    assert any("more than 3 rows" in note for note in bounded["not_asked"])


def test_a_key_that_may_not_list(history: History, three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner with a private key lists with that one alone: it is said, and the batches are compared by id."""
    history.complete()
    foreign = history.pay_foreign()
    history.changenow.private_api_key = PRIVATE_KEY
    typed = three("reconcile", "--json")
    assert (typed.code, found(typed), typed.document["matched"]) == (0, [], 1)
    assert typed.document["list_refused"] == "403 forbidden"
    assert "ChangeNow keeps its list from this key (403 forbidden)" in three("reconcile").out
    assert three("reconcile", "--settled-exchange", foreign.id, "--why", "x", "--yes").code == 1
    monkeypatch.setenv("CHANGENOW_PRIVATE_API_KEY", PRIVATE_KEY)
    typed = three("reconcile", "--json")
    assert [finding["cn_api_id"] for finding in found(typed)] == [foreign.id]


@pytest.mark.parametrize("answer", NO_LISTS, ids=range(len(NO_LISTS)))
def test_no_list_for_now(history: History, three: Shell, answer: Any) -> None:
    """The batches are compared; the exit code says to try again."""
    history.complete()
    foreign = history.pay_foreign()
    history.changenow.faults.add(LIST, answer, times=None)
    typed = three("reconcile", "--json")
    assert (typed.code, found(typed), typed.document["matched"]) == (3, [], 1)
    assert [note.startswith("ChangeNow's list was not read") for note in typed.document["not_asked"]] == [True]
    assert three("reconcile", "--settled-exchange", foreign.id, "--why", "x", "--yes").code == 3
    history.changenow.faults.clear()
    assert len(found(three("reconcile", "--json"))) == 1


def test_the_nightly_line_names_it(history: History, three: Shell, kept_logging: None) -> None:
    """As the alert's reader sees it."""
    history.complete()
    foreign = history.pay_foreign()
    typed = three("reconcile", "--log")
    assert typed.code == 1
    assert f"unexplained {foreign.id}" in typed.out
