"""One of the three does not answer: the others are compared, it is said, and the exit code says to try again."""

import json
from typing import Any

import pytest

from ops.situation.reconciliation.sources import FAILURES_MAX
from sandbox.chain.node import ChainNode, calls
from sandbox.chain.treasury import PayoutFault
from sandbox.wire.faults import body, status
from tests.ops.account.reconciliation.history import History, Swap
from tests.ops.account.reconciliation.test_differences import found
from tests.ops.conftest import Shell

NO_ANSWERS = (
    status(503),
    status(200, body=b"<html>"),
    body(b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "missing trie node"}}'),
    body(b'{"jsonrpc": "2.0", "id": 1, "result": {"blockNumber": "0x1"}}'),
    body(b'{"jsonrpc": "2.0", "id": 1, "result": {"blockNumber": "one"}}'),
    body(b"[]"),
)
BY_ID = "GET /exchange/by-id"


def asks_for(request: Any, swap: Swap) -> bool:
    """Whether ChangeNow is asked about the exchange of a swap."""
    return bool(request.query["id"] == swap.exchange.id)


def test_without_a_node_two_of_three_are_compared(history: History, shell: Shell, three: Shell) -> None:
    """It says so, and is content; with a node, the same batches are compared once more."""
    history.complete(PayoutFault.MISSING)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ETHEREUM_RPC_URL")
        typed = shell("reconcile")
        assert "(two of three: ETHEREUM_RPC_URL is not set)" in typed.out
        assert typed.code == 0
        assert shell("reconcile", "--json").document["sources"] == ["ours", "ChangeNow"]
    assert three("reconcile").code == 1


def test_a_node_that_is_away(history: History, three: Shell) -> None:
    """The chain is not asked; what ChangeNow's word shows is found all the same."""
    history.complete()
    bad = history.complete()
    history.changenow.restate(bad.exchange.id, bad.exchange.amount_from)
    history.node.stop()
    typed = three("reconcile", "--json")
    assert [finding["word"] for finding in found(typed)] == ["amount_differs"]
    assert typed.code == 1
    assert three("reconcile", "--settled", bad.name, "--why", "x", "--yes").code == 3
    history.node.start()
    assert [finding["word"] for finding in found(three("reconcile", "--json"))] == ["amount_differs"]


def test_only_the_node_is_away(history: History, three: Shell) -> None:
    """Nothing differs as far as can be seen: 3, not 0."""
    history.complete()
    history.node.stop()
    typed = three("reconcile")
    assert typed.code == 3
    assert "not asked: the Ethereum node does not answer" in typed.out
    history.node.start()
    assert three("reconcile").code == 0


def test_one_transaction_of_which_the_node_tells_nothing(history: History, three: Shell) -> None:
    """That batch is compared by two of three, the others by all; whatever comes instead of an answer."""
    odd, bad = history.complete(), history.complete(PayoutFault.MISSING)
    receipt = calls("eth_getTransactionReceipt", odd.exchange.payout_hash or "")
    for answer in NO_ANSWERS:
        history.node.faults.add("POST /", answer, times=None, where=receipt)
        typed = three("reconcile", "--json")
        assert [finding["batch_conversion_id"] for finding in found(typed)] == [bad.name], answer
        assert len(typed.document["not_asked"]) == 1, answer
        history.node.faults.clear()
    assert three("reconcile", "--json").document["not_asked"] == {}


def test_a_node_that_keeps_no_old_states(history: History, three: Shell) -> None:
    """Second deposits cannot be looked for: everything else is compared, and it is said."""
    history.complete()
    history.node.faults.add("POST /", status(500), times=None, where=calls("eth_getTransactionCount"))
    typed = three("reconcile", "--json")
    assert found(typed) == []
    (note,) = typed.document["not_asked"]
    assert note.startswith("second deposits were not looked for")
    assert typed.code == 3


def test_a_node_of_another_chain_is_refused(history: History, three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a test net every payout would be missing."""
    history.complete()
    monkeypatch.setenv("ETHEREUM_CHAIN_ID", "11155111")
    typed = three("reconcile")
    assert typed.code == 1
    assert "the Ethereum node is of chain 1, not 11155111" in typed.err


def test_one_exchange_that_changenow_will_not_tell_of(history: History, three: Shell) -> None:
    """The others are compared; this one is not forgotten."""
    odd, _ = history.complete(), history.complete()
    history.changenow.faults.add(BY_ID, status(403), times=None, where=lambda request: asks_for(request, odd))
    typed = three("reconcile", "--json")
    assert (typed.code, typed.document["matched"], typed.document["open"]) == (3, 1, 1)
    history.changenow.faults.clear()
    assert three("reconcile", "--json").document["batches"] == 2


def test_changenow_is_away(history: History, three: Shell) -> None:
    """After some failures in a row nobody is asked for any further batch."""
    for _ in range(FAILURES_MAX + 12):
        history.complete()
    history.changenow.faults.add(BY_ID, status(403), times=None)
    history.changenow.requests.clear()
    typed = three("reconcile", "--json")
    assert typed.code == 3
    assert len(history.changenow.requests) <= FAILURES_MAX + 8
    assert typed.document["matched"] == 0


@pytest.mark.usefixtures("kept_logging")
def test_the_nightly_run_writes_one_line(history: History, node: ChainNode, three: Shell) -> None:
    """As the functions write theirs: an alert watches the event, and no key is in it."""
    history.complete()
    typed = three("reconcile", "--log")
    line = json.loads(typed.out)
    assert (line["event"], line["severity"], typed.code) == ("reconciliation_completed", "INFO", 0)
    bad = history.complete(PayoutFault.ELSEWHERE)
    typed = three("reconcile", "--log")
    line = json.loads(typed.out)
    assert (line["event"], line["severity"], typed.code) == ("reconciliation_unexplained", "ERROR", 1)
    assert (line["unexplained"], line["first_findings"]) == (1, f"unexplained {bad.name}")
    node.stop()
    typed = three("reconcile", "--log", "--since", "1h")
    line = json.loads(typed.out)
    assert (line["event"], line["severity"], typed.code) == ("reconciliation_incomplete", "WARNING", 3)
    assert node.url not in typed.out
