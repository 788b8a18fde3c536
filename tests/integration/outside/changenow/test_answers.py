"""What is asked of ChangeNow, word for word, and what each of its answers is taken for: every edge, at the wire."""

import json
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import ExchangeUnavailable
from shared.model.exchange import CreatedExchange, Estimate, ExchangeState, Phase, Range
from tests.integration.outside.changenow.desk import PAYOUT, REFUND, Desk

LARGEST = Decimal("999999999999.99999999")
PAIR = {"fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth"}
MADE = {"id": "c3f2a1b0d9e8f7", "payinAddress": "0xb600"}

# What is asked


def test_estimates_are_asked_for_in_plain_decimals(desk: Desk) -> None:
    """ETH as it is, dollars as USDT with its six decimals, rounded down; the key goes along."""
    desk.say({"toAmount": 1})
    desk.client.estimate_usdt(Decimal("1E-8"))
    kind = {"flow": "standard", "type": "direct"}
    assert desk.asked.name == "GET /exchange/estimated-amount"
    assert desk.asked.query == {**PAIR, "fromAmount": "0.00000001", **kind}
    headers = desk.asked.headers
    assert (headers["x-changenow-api-key"], headers["accept"]) == ("the-key", "application/json")
    assert desk.client.estimate_eth(Decimal("25.12345699")) == Estimate(Decimal("25.123456"), Decimal(1))
    back = {"fromCurrency": "usdt", "fromNetwork": "eth", "toCurrency": "eth", "toNetwork": "eth"}
    assert desk.asked.query == {**back, "fromAmount": "25.123456", **kind}


def test_the_range_and_an_exchange_are_asked_for_by_their_names(desk: Desk) -> None:
    """The pair, and the id."""
    desk.say({"minAmount": 1})
    desk.client.get_range()
    assert (desk.asked.name, desk.asked.query) == ("GET /exchange/range", {**PAIR, "flow": "standard"})
    desk.say({"status": "new"})
    desk.find()
    assert (desk.asked.name, desk.asked.query) == ("GET /exchange/by-id", {"id": "an-id"})
    assert desk.client.get_page_url("an-id") == "https://changenow.io/exchange/txs/an-id"


def test_an_exchange_is_made_for_our_wallets(desk: Desk) -> None:
    """Every field of the request; what comes back is read."""
    desk.say({**MADE, "toAmount": 24.5})
    assert desk.make() == CreatedExchange(MADE["id"], MADE["payinAddress"], Decimal("24.5"))
    assert desk.asked.name == "POST /exchange"
    assert json.loads(desk.asked.body) == {
        **PAIR,
        "fromAmount": "0.00833333",
        "toAmount": "",
        "address": PAYOUT,
        "extraId": "",
        "refundAddress": REFUND,
        "refundExtraId": "",
        "flow": "standard",
        "type": "direct",
    }


# Amounts and fees


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("24.6", "24.6"),
        ('"24.6"', "24.6"),
        ('" 24.6 "', "24.6"),
        ("246e-1", "24.6"),
        ("1E-30", "1E-30"),
        (str(LARGEST), str(LARGEST)),
        (f'"{LARGEST}"', str(LARGEST)),
    ],
)
def test_an_amount_may_be_a_number_or_its_text(desk: Desk, written: str, amount: str) -> None:
    """To the last digit, up to what a column holds."""
    desk.say(f'{{"toAmount": {written}}}')
    assert desk.estimate() == Estimate(Decimal(1), Decimal(amount))


@pytest.mark.parametrize("written", ["null", '""', '"  "', "0", '"0.00"'])
def test_an_amount_that_is_not_known_yet(desk: Desk, written: str) -> None:
    """An estimate without one is none; an exchange has none until it is finished."""
    desk.say(f'{{"toAmount": {written}}}')
    with pytest.raises(ExchangeUnavailable, match="without toAmount"):
        desk.estimate()
    desk.say(f'{{"status": "waiting", "amountTo": {written}}}')
    assert desk.find().received_usdt is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1000000000000", "negative or larger"),
        ("-0.1", "negative or larger"),
        ('"much"', "no number as toAmount"),
        ("true", "no number as toAmount"),
        ('"NaN"', "no number as toAmount"),
        ("[1]", "no number as toAmount"),
    ],
)
def test_what_is_no_amount_is_no_answer(desk: Desk, written: str, said: str) -> None:
    """Nothing is decided on it, and the field is named."""
    desk.say(f'{{"toAmount": {written}}}')
    with pytest.raises(ExchangeUnavailable, match=said):
        desk.estimate()


@pytest.mark.parametrize(
    ("written", "fee"),
    [
        *[("0", Decimal(0)), ('" 0.25 "', Decimal("0.25")), (str(LARGEST), LARGEST)],
        *[("-0.1", None), ("1000000000000", None), ('"a lot"', None), ("null", None), ("{}", None)],
    ],
)
def test_a_fee_may_be_nothing_and_may_be_missing(desk: Desk, written: str, fee: Decimal | None) -> None:
    """No estimate fails for one that is odd; each is read under its own name."""
    desk.say(f'{{"toAmount": 5, "depositFee": {written}, "withdrawalFee": 2}}')
    assert desk.estimate() == Estimate(Decimal(1), Decimal(5), fee, Decimal(2))
    desk.say(f'{{"toAmount": 5, "depositFee": 2, "withdrawalFee": {written}}}')
    assert desk.estimate() == Estimate(Decimal(1), Decimal(5), Decimal(2), fee)


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ('"minAmount": 0.002, "maxAmount": 12.5', Range(Decimal("0.002"), Decimal("12.5"))),
        ('"minAmount": null, "maxAmount": null', Range(Decimal(0), None)),
        ('"minAmount": 0, "maxAmount": 1e30', Range(Decimal(0), Decimal("1e30"))),
    ],
)
def test_a_range_may_be_open_on_either_side(desk: Desk, written: str, limits: Range) -> None:
    """Some write no limit as a very large number."""
    desk.say(f"{{{written}}}")
    assert desk.client.get_range() == limits


@pytest.mark.parametrize("written", ['"minAmount": 1000000000000', '"maxAmount": 1.1e30', '"maxAmount": -1'])
def test_a_range_beyond_all_measure_is_no_answer(desk: Desk, written: str) -> None:
    """Neither side may be."""
    desk.say(f"{{{written}}}")
    with pytest.raises(ExchangeUnavailable):
        desk.client.get_range()


# Exchanges

WORDS = {
    Phase.PREPARING: ("new",),
    Phase.WAITING: ("waiting",),
    Phase.UNDER_WAY: ("confirming", "exchanging", "sending", "verifying", "hold"),
    Phase.FINISHED: ("finished",),
    Phase.FAILED: ("failed", "expired"),
    Phase.REFUNDED: ("refunded",),
}


@pytest.mark.parametrize("phase", WORDS)
def test_each_word_of_changenows_is_a_phase(desk: Desk, phase: Phase) -> None:
    """In any case of its letters; one that nobody knows is under way."""
    for word in WORDS[phase]:
        for status in (word, word.upper()):
            desk.say({"status": status})
            assert (desk.find().phase, desk.find().status) == (phase, word)


def test_all_that_is_told_of_an_exchange_is_read(desk: Desk) -> None:
    """Each under its own name."""
    told = {"id": "an-id", "status": "finished", "amountTo": 24.5, "expectedAmountFrom": 0.009, "amountFrom": "0.0085"}
    hashes = {"payinHash": "0xa", "payoutHash": "0xb", "payoutAddress": "0xc", "refundHash": "0xd"}
    desk.say(told | hashes)
    amounts = (Decimal("24.5"), Decimal("0.009"), Decimal("0.0085"))
    expected = ExchangeState("an-id", "finished", Phase.FINISHED, *amounts, "0xa", "0xb", "0xc", "0xd")
    assert desk.find() == expected
    desk.say(told)
    nothing: dict[str, Any] = dict.fromkeys(("payin_hash", "payout_hash", "payout_address", "refund_hash"))
    assert desk.find() == expected._replace(**nothing)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[("0xab", "0xab"), (" 0xab\n", "0xab"), ("~" * 255, "~" * 255), ("!", "!")],
        *[("~" * 256, None), ("", None), ("0x ab", None), ("0xäb", None), ("\x7f", None), (5, None), (None, None)],
    ],
)
def test_a_text_is_one_that_a_token_and_a_column_hold(desk: Desk, written: Any, read: str | None) -> None:
    """Visible ASCII, 255 characters at most; anything else is not known, and an exchange without its id is none."""
    desk.say({"status": "waiting", "payinHash": written})
    assert desk.find().payin_hash == read
    desk.say({**MADE, "payinAddress": written})
    if read is None:
        with pytest.raises(ExchangeUnavailable, match="no payinAddress"):
            desk.make()
    else:
        assert desk.make().payin_address == read


def test_a_status_is_kept_as_long_as_its_column(desk: Desk) -> None:
    """Forty characters; one that is missing is no answer."""
    desk.say({"status": "x" * 41})
    assert desk.find().status == "x" * 40
    desk.say({"id": "an-id"})
    with pytest.raises(ExchangeUnavailable, match="no status"):
        desk.find()


def test_an_answer_about_another_exchange_is_no_answer(desk: Desk) -> None:
    """Whatever it says of that one."""
    desk.say({"id": "another", "status": "finished", "amountTo": 20})
    with pytest.raises(ExchangeUnavailable, match="another exchange"):
        desk.find()


@pytest.mark.parametrize(
    "odd", [{"payoutAddress": REFUND}, {"refundAddress": PAYOUT}, {"fromAmount": 0.00833334}, {"id": None}]
)
def test_an_exchange_that_is_not_the_one_asked_for_is_not_used(desk: Desk, odd: dict[str, Any]) -> None:
    """Another wallet, another amount, no name."""
    desk.say({**MADE, "payoutAddress": PAYOUT, "refundAddress": REFUND, "fromAmount": "0.00833333"} | odd)
    with pytest.raises(ExchangeUnavailable):
        desk.make()


def test_addresses_differ_in_case_alone(desk: Desk) -> None:
    """A checksum in their letters is no other wallet."""
    same = {"payoutAddress": f" {PAYOUT.lower()} ", "refundAddress": REFUND.upper(), "fromAmount": 0.00833333}
    desk.say(MADE | same)
    assert desk.make() == CreatedExchange(MADE["id"], MADE["payinAddress"], None)
    desk.say(MADE | {"payoutAddress": "", "refundAddress": None, "fromAmount": None})
    assert desk.make().estimated_usdt is None
