"""The ChangeNow stand-in keeps to the contract of the real API, as its clients have seen it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.changenow.exchange import Schedule
from sandbox.changenow.market import ETH_TO_USDT, USDT_TO_ETH, Market
from sandbox.changenow.server import ChangeNow
from sandbox.wire.faults import cut, lose_answer, status

KEY = {"x-changenow-api-key": "changenow-sandbox-key"}
HASH = "0x" + "ab" * 32
WALLET = "0x" + "1" * 40
ETH_TO_USDT_QUERY = {
    "fromCurrency": "eth",
    "fromNetwork": "eth",
    "toCurrency": "usdt",
    "toNetwork": "eth",
    "flow": "standard",
}
CREATE = {
    **ETH_TO_USDT_QUERY,
    "fromAmount": "0.0165",
    "toAmount": "",
    "address": WALLET,
    "refundAddress": "0x" + "2" * 40,
    "type": "direct",
}


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changenow(clock: Clock) -> Iterator[ChangeNow]:
    with ChangeNow(clock=clock) as server:
        yield server


def ask(changenow: ChangeNow, path: str, query: dict[str, str]) -> requests.Response:
    return requests.get(f"{changenow.url}{path}", params=query, headers=KEY, timeout=5)


def numbers(answer: requests.Response) -> dict[str, Any]:
    """The document with every JSON number a Decimal."""
    document: dict[str, Any] = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)
    return document


def create(changenow: ChangeNow, **changes: Any) -> requests.Response:
    return requests.post(f"{changenow.url}/exchange", json={**CREATE, **changes}, headers=KEY, timeout=5)


def by_id(changenow: ChangeNow, exchange_id: str) -> dict[str, Any]:
    return numbers(ask(changenow, "/exchange/by-id", {"id": exchange_id}))


def test_an_estimate_is_what_arrives_after_all_fees(changenow: ChangeNow) -> None:
    """0.02 ETH at 3000 with 0.5 % and both network fees: (0.02 - 0.00002) * 3000 * 0.995 - 0.25."""
    answer = ask(changenow, "/exchange/estimated-amount", {**ETH_TO_USDT_QUERY, "fromAmount": "0.02"})

    assert answer.status_code == 200
    document = numbers(answer)
    assert document["toAmount"] == Decimal("59.3903")
    assert document["fromAmount"] == Decimal("0.02")
    assert (document["type"], document["flow"], document["rateId"]) == ("direct", "standard", None)
    assert document["depositFee"] == Decimal("0.00002")


def test_an_estimate_moves_with_the_price(changenow: ChangeNow) -> None:
    """A price set while the server runs holds for the next estimate."""
    query = {**ETH_TO_USDT_QUERY, "fromAmount": "0.02"}
    before = numbers(ask(changenow, "/exchange/estimated-amount", query))["toAmount"]
    changenow.market.eth_price_usd = Decimal("1500")
    after = numbers(ask(changenow, "/exchange/estimated-amount", query))["toAmount"]

    assert after == Decimal("29.57015")
    assert after < before


def test_dollars_are_estimated_in_ether_both_ways(changenow: ChangeNow) -> None:
    """A reverse estimate says what to send; sending it brings at least what was asked for."""
    query = {"fromCurrency": "usdt", "toCurrency": "eth"}
    direct = numbers(ask(changenow, "/exchange/estimated-amount", {**query, "fromAmount": "50"}))
    back = {**ETH_TO_USDT_QUERY, "type": "reverse", "toAmount": "50"}
    reverse = numbers(ask(changenow, "/exchange/estimated-amount", back))

    assert direct["toAmount"] == Decimal("0.01648041")
    assert reverse["toAmount"] == Decimal(50)
    assert changenow.market.direct(ETH_TO_USDT, reverse["fromAmount"]) >= 50
    a_unit_less = reverse["fromAmount"] - Decimal("1e-8")
    assert changenow.market.direct(ETH_TO_USDT, a_unit_less) < 50


def test_amounts_leave_as_javascript_writes_numbers(changenow: ChangeNow) -> None:
    """JSON numbers, not texts, without trailing zeros, in exponent notation below 0.000001."""
    changenow.market.min_eth = Decimal("0.00000050")
    body = ask(changenow, "/exchange/range", ETH_TO_USDT_QUERY).text

    assert '"minAmount": 5e-7' in body
    assert '"maxAmount": null' in body


def test_the_range_has_a_maximum_only_when_there_is_one(changenow: ChangeNow) -> None:
    """The limits are in the currency that is sent."""
    changenow.market.max_eth = Decimal("2.5")
    document = numbers(ask(changenow, "/exchange/range", ETH_TO_USDT_QUERY))

    assert (document["minAmount"], document["maxAmount"]) == (Decimal("0.0005"), Decimal("2.5"))
    assert changenow.market.minimum(USDT_TO_ETH) == Decimal("1.5")
    least = numbers(ask(changenow, "/exchange/min-amount", ETH_TO_USDT_QUERY))
    assert least["minAmount"] == Decimal("0.0005")
    assert "maxAmount" not in least


@pytest.mark.parametrize("key", [None, "another-key"])
def test_a_missing_or_wrong_key_is_refused(changenow: ChangeNow, key: str | None) -> None:
    """Estimates and ranges answer 401, exchanges 403 invalid_api_key."""
    headers = {} if key is None else {"x-changenow-api-key": key}
    query = {**ETH_TO_USDT_QUERY, "fromAmount": "0.02"}

    for path in ("estimated-amount", "range"):
        url = f"{changenow.url}/exchange/{path}"
        assert requests.get(url, params=query, headers=headers, timeout=5).status_code == 401
    made = requests.post(f"{changenow.url}/exchange", json=CREATE, headers=headers, timeout=5)
    assert (made.status_code, made.json()["error"]) == (403, "invalid_api_key")
    assert changenow.exchanges == []


def test_a_created_exchange_has_an_address_of_its_own(changenow: ChangeNow) -> None:
    """The answer carries numbers, the addresses given, and no status."""
    answer = create(changenow)
    document = numbers(answer)

    assert answer.status_code == 200
    assert document["fromAmount"] == Decimal("0.0165")
    assert document["payoutAddress"] == WALLET
    assert document["refundAddress"] == CREATE["refundAddress"]
    assert "status" not in document
    assert document["payinAddress"] != numbers(create(changenow))["payinAddress"]
    assert [e.expected_amount_from for e in changenow.exchanges] == [Decimal("0.0165")] * 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fromAmount": 0.0165}, "not_valid_params"),
        ({"fromAmount": "1.65e-2"}, "not_valid_params"),
        ({"fromAmount": "1E-8"}, "not_valid_params"),
        ({"fromAmount": "-1"}, "not_valid_params"),
        ({"fromAmount": ""}, "not_valid_params"),
        ({"fromAmount": "0.0004"}, "deposit_too_small"),
        ({"fromAmount": "3"}, "out_of_range"),
        ({"address": "0x12"}, "not_valid_address"),
        ({"address": ""}, "not_valid_params"),
        ({"refundAddress": "nowhere"}, "not_valid_refund_address"),
        ({"toCurrency": "usdterc20"}, "not_valid_params"),
        ({"flow": "fixed-rate"}, "fixed_rate_not_enabled"),
    ],
)
def test_a_bad_request_makes_no_exchange(changenow: ChangeNow, changes: dict[str, Any], code: str) -> None:
    """Amounts are texts without exponent, within the range; addresses are Ethereum's."""
    changenow.market.max_eth = Decimal("2.5")
    answer = create(changenow, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert changenow.exchanges == []


def test_an_unknown_exchange_is_not_found(changenow: ChangeNow) -> None:
    """404 with the error's code."""
    answer = ask(changenow, "/exchange/by-id", {"id": "0123456789abcd"})

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_an_exchange_lives_from_waiting_to_finished(changenow: ChangeNow, clock: Clock) -> None:
    """It waits for the deposit, walks through the states, and tells amountTo only at the end."""
    changenow.schedule = Schedule(confirming_s=10, exchanging_s=20, sending_s=30)
    made = numbers(create(changenow))
    clock.pass_by(3600)
    waiting = by_id(changenow, made["id"])
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    seen = [by_id(changenow, made["id"])]
    for seconds in (10, 20, 30):
        clock.pass_by(seconds)
        seen.append(by_id(changenow, made["id"]))

    assert (waiting["status"], waiting["amountFrom"], waiting["payinHash"]) == (
        "waiting",
        None,
        None,
    )
    assert [e["status"] for e in seen] == ["confirming", "exchanging", "sending", "finished"]
    assert [e["amountTo"] for e in seen[:3]] == [None] * 3
    assert [e["amountFrom"] for e in seen] == [Decimal("0.0165")] * 4
    assert seen[0]["depositReceivedAt"] == "2026-11-22T10:00:00.000Z"
    assert seen[3]["updatedAt"] == "2026-11-22T10:01:00.000Z"
    assert seen[3]["payinHash"] == HASH
    assert len(seen[3]["payoutHash"]) == 66


def test_what_arrives_differs_from_what_was_expected(changenow: ChangeNow, clock: Clock) -> None:
    """Slippage takes 0.2 % of the expected amount, to six places."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(60)
    finished = by_id(changenow, made["id"])

    assert finished["expectedAmountTo"] == Decimal("48.9428")
    assert finished["amountTo"] == Decimal("48.844914")


def test_a_test_can_say_what_comes_out(changenow: ChangeNow, clock: Clock) -> None:
    """The amount set holds for one exchange, the next to finish."""
    changenow.next_amount_to = Decimal("48.50")
    amounts = []
    for _ in range(2):
        made = numbers(create(changenow))
        changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
        clock.pass_by(60)
        amounts.append(by_id(changenow, made["id"])["amountTo"])

    assert amounts == [Decimal("48.5"), Decimal("48.844914")]


def test_the_deposit_decides_what_is_exchanged(changenow: ChangeNow, clock: Clock) -> None:
    """Half of the expected coins bring what half of them are worth."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.00825"), HASH)
    clock.pass_by(60)
    finished = by_id(changenow, made["id"])

    assert finished["amountFrom"] == Decimal("0.00825")
    assert finished["amountTo"] < finished["expectedAmountTo"] / 2


def test_a_second_deposit_is_recorded_and_changes_nothing(changenow: ChangeNow) -> None:
    """So that a payment made twice is seen."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), "0x" + "cd" * 32)
    exchange = changenow.exchange(made["id"])

    assert [d.tx_hash for d in exchange.deposits] == [HASH, "0x" + "cd" * 32]
    assert exchange.amount_from == Decimal("0.0165")


def test_another_process_deposits_over_http(changenow: ChangeNow) -> None:
    """The chain's path takes the address, the amount and the transaction."""
    made = numbers(create(changenow))
    deposit = {"payin_address": made["payinAddress"], "amount_eth": "0.0165", "tx_hash": HASH}
    url = f"{changenow.url}/_chain/deposit"
    answer = requests.post(url, json=deposit, timeout=5)
    lost = requests.post(url, json={**deposit, "payin_address": WALLET}, timeout=5)

    assert answer.json() == {"exchange_id": made["id"]}
    assert lost.status_code == 404
    assert [d.amount_eth for d in changenow.exchange(made["id"]).deposits] == [Decimal("0.0165")]


def test_an_exchange_is_new_before_it_waits(changenow: ChangeNow, clock: Clock) -> None:
    """For as long as the schedule says: GCHostPay1 refuses it meanwhile."""
    changenow.schedule = Schedule(new_s=30)
    made = numbers(create(changenow))
    assert by_id(changenow, made["id"])["status"] == "new"
    clock.pass_by(30)
    assert by_id(changenow, made["id"])["status"] == "waiting"


@pytest.mark.parametrize("ending", ["failed", "refunded", "verifying"])
def test_a_schedule_can_end_badly_after_the_deposit(changenow: ChangeNow, clock: Clock, ending: str) -> None:
    """What came in stays told, nothing is paid out; a verified one goes on when somebody lets it."""
    changenow.schedule = Schedule(ends_as=ending)
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(3600)
    told = by_id(changenow, made["id"])
    assert (told["status"], told["amountFrom"], told["amountTo"]) == (ending, Decimal("0.0165"), None)
    assert (told["refundAmount"] is not None) == (ending == "refunded")
    if ending == "verifying":
        changenow.schedule = Schedule()
        assert changenow.advance(made["id"]) == "exchanging"


def test_a_failed_exchange_can_be_paid_out_late(changenow: ChangeNow, clock: Clock) -> None:
    """By the schedule or by hand, days later; one that was refunded, or never paid, is not."""
    changenow.schedule = Schedule(ends_as="failed", paid_late_after_s=86400, expires_after_s=60)
    paid, unpaid = numbers(create(changenow)), numbers(create(changenow))
    changenow.deposit(paid["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(3600)
    assert [by_id(changenow, each["id"])["status"] for each in (paid, unpaid)] == ["failed", "expired"]
    clock.pass_by(86400)
    assert [by_id(changenow, each["id"])["status"] for each in (paid, unpaid)] == ["finished", "expired"]
    assert by_id(changenow, paid["id"])["amountTo"] == Decimal("48.844914")
    url = f"{changenow.url}/_exchange"
    revived = requests.post(url, json={"id": unpaid["id"], "verb": "revive", "amount": "48.5"}, timeout=5)
    assert numbers(revived)["amountTo"] == Decimal("48.5")
    again = requests.post(url, json={"id": unpaid["id"], "verb": "revive"}, timeout=5)
    assert (again.status_code, again.json()["error"]) == (409, "not_available")


def test_a_deposit_can_be_lost(changenow: ChangeNow) -> None:
    """The coins have left, and ChangeNow knows nothing of them."""
    changenow.loses_deposits = True
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    told = by_id(changenow, made["id"])
    assert (told["status"], told["payinHash"], told["amountFrom"]) == ("waiting", None, None)
    assert len(changenow.exchange(made["id"]).deposits) == 1


def test_an_exchange_is_moved_by_hand(changenow: ChangeNow) -> None:
    """One state at a time, then finished with a given amount, then never again."""
    changenow.schedule = Schedule.by_hand()
    exchange_id = numbers(create(changenow))["id"]
    states = [changenow.advance(exchange_id) for _ in range(3)]
    changenow.finish(exchange_id, amount_to=Decimal("47.123456"))

    assert states == ["confirming", "exchanging", "sending"]
    assert by_id(changenow, exchange_id)["amountTo"] == Decimal("47.123456")
    with pytest.raises(ValueError, match="stays so"):
        changenow.advance(exchange_id)
    with pytest.raises(ValueError, match="stays so"):
        changenow.fail(exchange_id)


@pytest.mark.parametrize(
    ("verb", "status_word"),
    [("fail", "failed"), ("expire", "expired"), ("verify", "verifying"), ("refund", "refunded")],
)
def test_an_exchange_can_end_badly(changenow: ChangeNow, verb: str, status_word: str) -> None:
    """No amountTo then; a refund tells what came back."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    url = f"{changenow.url}/_exchange"
    answer = requests.post(url, json={"id": made["id"], "verb": verb}, timeout=5)
    document = by_id(changenow, made["id"])

    assert answer.status_code == 200
    assert (document["status"], document["amountTo"]) == (status_word, None)
    assert document["refundAmount"] == (Decimal("0.01648") if verb == "refund" else None)


def test_an_exchange_nobody_pays_expires(changenow: ChangeNow, clock: Clock) -> None:
    """When the schedule says so; a deposit after that is recorded and does nothing."""
    changenow.schedule = Schedule(expires_after_s=1200)
    made = numbers(create(changenow))
    clock.pass_by(1201)
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)

    assert by_id(changenow, made["id"])["status"] == "expired"
    assert len(changenow.exchange(made["id"]).deposits) == 1


def test_the_market_moves_over_http() -> None:
    """Another process sets the price; an unknown name is refused."""
    with ChangeNow(market=Market(min_eth=Decimal("0.001"))) as changenow:
        url = f"{changenow.url}/_market"
        answer = requests.post(url, json={"eth_price_usd": "2500.5"}, timeout=5)
        bad: tuple[Any, ...] = (
            {"eth_price": "1"},
            {"eth_price_usd": "abc"},
            {"fee_pct": None},
            {"fee_pct": "NaN"},
            7,
        )
        refused = [requests.post(url, json=document, timeout=5) for document in bad]

        assert numbers(answer)["eth_price_usd"] == Decimal("2500.5")
        assert changenow.market == Market(min_eth=Decimal("0.001"), eth_price_usd=Decimal("2500.5"))
        assert [each.status_code for each in refused] == [400] * 5
        assert refused[1].json()["message"] == 'eth_price_usd is "abc": write a number such as 2500'


def test_faults_are_met_at_the_wire(changenow: ChangeNow) -> None:
    """A refused, a cut and a lost answer: only the lost one has made an exchange."""
    changenow.faults.add(method="POST /exchange", action=status(503, {"Retry-After": "1"}, "busy"))
    busy = create(changenow)
    assert (busy.status_code, busy.headers["Retry-After"], busy.text) == (503, "1", "busy")
    changenow.faults.add(method="POST /exchange", action=cut)
    with pytest.raises(requests.ConnectionError):
        create(changenow)
    assert changenow.exchanges == []
    changenow.faults.add(method="POST /exchange", action=lose_answer)
    with pytest.raises(requests.ConnectionError):
        create(changenow)
    assert len(changenow.exchanges) == 1


def test_connections_are_kept_alive_and_end_with_the_server() -> None:
    """Many requests on one session, and a stop that does not wait for idle clients."""
    with requests.Session() as session, ChangeNow() as changenow:
        for _ in range(3):
            answer = session.get(
                f"{changenow.url}/v2/exchange/range",
                params=ETH_TO_USDT_QUERY,
                headers=KEY,
                timeout=5,
            )
            assert answer.status_code == 200
    with pytest.raises(RuntimeError, match="ChangeNow has not been started"):
        _ = ChangeNow().url
    with pytest.raises(requests.ConnectionError):
        requests.get(changenow.url, timeout=5)


def test_it_comes_back_on_its_address_with_what_it_knew(changenow: ChangeNow) -> None:
    """An outage: nobody answers in between."""
    made = numbers(create(changenow))
    changenow.stop()
    with pytest.raises(requests.ConnectionError):
        create(changenow)
    changenow.start()
    assert by_id(changenow, made["id"])["payinAddress"] == made["payinAddress"]
