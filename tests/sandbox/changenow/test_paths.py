"""The ChangeNow stand-in keeps to the contract of the real API, as its clients have seen it."""

import itertools
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.changenow.market import ETH_TO_USDT, USDT_TO_ETH, Market
from sandbox.changenow.server import ChangeNow
from sandbox.wire.faults import cut, drip, lose_answer, status
from tests.sandbox.changenow.client import CREATE, ETH_TO_USDT_QUERY, HASH, KEY, WALLET, ask, by_id, create, numbers


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
            {"fee_pct": "1e999999"},
            {"eth_price_usd": 0},
            7,
        )
        refused = [requests.post(url, json=document, timeout=5) for document in bad]

        assert numbers(answer)["eth_price_usd"] == Decimal("2500.5")
        assert changenow.market == Market(min_eth=Decimal("0.001"), eth_price_usd=Decimal("2500.5"))
        assert [each.status_code for each in refused] == [400] * 7
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


def test_an_answer_drips_and_never_comes_whole(changenow: ChangeNow) -> None:
    """The exchange is made, a head comes, and then byte after byte until the client has had enough."""
    changenow.faults.add(method="POST /exchange", action=drip(0.001))
    with requests.post(f"{changenow.url}/exchange", json=CREATE, headers=KEY, timeout=5, stream=True) as answer:
        arrived = b"".join(itertools.islice(answer.iter_content(1), 20))

    assert (answer.status_code, arrived) == (200, b" " * 20)
    assert len(changenow.exchanges) == 1
    assert create(changenow).status_code == 200


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
