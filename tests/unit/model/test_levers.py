"""The levers at their edges: the largest and smallest values, what each refusal names, and what goes on record."""

from decimal import Decimal

import pytest

from shared.errors import LeverInvalid
from shared.model.money import AMOUNT_MAX, UNIT
from shared.model.policy import (
    DEFAULT_THRESHOLD_USD,
    POLICY_SECRET,
    THRESHOLD_SECRET,
    CostRatio,
    Policy,
    PolicyInForce,
    PolicySource,
    parse_policy,
    parse_threshold,
    policy_on_record,
    policy_text,
)

LARGEST = "999999999999.99999999"


def test_the_names_and_defaults_are_the_documented_ones() -> None:
    """The secrets' names are the operators'; a policy that says nothing tolerates 20 % and two lost deposits."""
    assert (THRESHOLD_SECRET, POLICY_SECRET) == ("MICRO_BATCH_THRESHOLD_USD", "MICRO_BATCH_POLICY")
    assert Decimal(20) == DEFAULT_THRESHOLD_USD
    policy = Policy()
    assert (policy.paused, policy.quote_deviation_pct, policy.max_lost_deposits) == (False, Decimal(20), 2)


@pytest.mark.parametrize("payload", ["0.00000001", "1", LARGEST])
def test_a_threshold_may_be_anything_that_can_be_summed(payload: str) -> None:
    """From a unit to what a column holds."""
    assert parse_threshold(payload.encode()) == Decimal(payload)


@pytest.mark.parametrize("payload", ["0", "-0.00000001", "1000000000000"])
def test_a_threshold_beyond_is_refused(payload: str) -> None:
    """Nothing, less than nothing, more than there can be."""
    with pytest.raises(LeverInvalid, match=r"not above 0|not at most 999999999999\.9"):
        parse_threshold(payload.encode())


@pytest.mark.parametrize(
    ("document", "policy"),
    [
        ('{"max_age_hours": "0.5"}', Policy(max_age_hours=Decimal("0.5"))),
        ('{"max_age_hours": 0.00000001}', Policy(max_age_hours=UNIT)),
        (f'{{"max_batch_usd": {LARGEST}}}', Policy(max_batch_usd=AMOUNT_MAX)),
        ('{"max_payments": 1}', Policy(max_payments=1)),
        ('{"max_in_flight": 999999999}', Policy(max_in_flight=999_999_999)),
        ('{"quote_deviation_pct": 100}', Policy(quote_deviation_pct=Decimal(100))),
        ('{"max_lost_deposits": 1}', Policy(max_lost_deposits=1)),
        (
            '{"cost_ratio": {"tau_hours": 0.00000001, "start": 1}}',
            Policy(cost_ratio=CostRatio(start=Decimal(1), tau_hours=UNIT)),
        ),
        (
            '{"max_age_hours": null, "max_payments": null, "max_batch_usd": null, "max_in_flight": null}',
            Policy(),
        ),
    ],
)
def test_the_edges_of_a_policy_are_read(document: str, policy: Policy) -> None:
    """The least and the most of each key; null switches a rule off."""
    assert parse_policy(document.encode()) == policy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("paused", value) for value in ("null", "0", '"true"')),
        *(("max_age_hours", value) for value in ("0", "true", "[]", '"x"', "1000000000000")),
        *(("max_batch_usd", value) for value in ("0", "false", "-1")),
        *(("max_payments", value) for value in ("1000000000", "0", "-1", "false", '"5"')),
        *(("max_in_flight", value) for value in ("1000000000", "1.0")),
        *(("quote_deviation_pct", value) for value in ("100.00000001", "null", "0")),
        *(("max_lost_deposits", value) for value in ("null", "0", "1000000000", "true")),
    ],
)
def test_a_refusal_names_its_key(key: str, value: str) -> None:
    """One value out of bounds, and which."""
    with pytest.raises(LeverInvalid, match=f"the policy's {key} is not"):
        parse_policy(f'{{"{key}": {value}}}'.encode())


@pytest.mark.parametrize(
    ("start", "tau_hours", "said"),
    [
        ("true", "12", r"cost_ratio\.start is not a number"),
        ("0", "12", r"cost_ratio\.start is not above 0"),
        ("0.05", '"x"', r"cost_ratio\.tau_hours is not a number"),
        ("1.00000001", "12", "cost_ratio needs a start above 0 and up to 1"),
        ("null", "12", "cost_ratio needs a start"),
        ("0.05", "null", "cost_ratio needs a start"),
    ],
)
def test_a_cost_rule_names_what_is_wrong_in_it(start: str, tau_hours: str, said: str) -> None:
    """Which of its two figures, or that they do not make a rule."""
    with pytest.raises(LeverInvalid, match=f"the policy's {said}"):
        parse_policy(f'{{"cost_ratio": {{"start": {start}, "tau_hours": {tau_hours}}}}}'.encode())


def test_unknown_keys_are_named_in_their_order() -> None:
    """So that an operator finds the typing mistake."""
    with pytest.raises(LeverInvalid, match=r"the policy has unknown keys: colour, pause$"):
        parse_policy(b'{"pause": true, "colour": 1, "max_payments": 5}')


def test_a_policy_is_written_without_exponents() -> None:
    """Whatever notation it was read in."""
    text = policy_text(parse_policy(b'{"max_batch_usd": "1e3", "max_age_hours": 1e-7}'))
    assert '"max_batch_usd": "1000"' in text
    assert '"max_age_hours": "0.0000001"' in text


def test_what_is_in_force_is_what_the_next_check_goes_on_with() -> None:
    """A document, its absence, or nothing: on record and back."""
    document = PolicyInForce(Policy(paused=True, max_payments=7), PolicySource.DOCUMENT)
    absent, nothing = PolicyInForce(Policy(), PolicySource.ABSENT), PolicyInForce(Policy(), PolicySource.NONE)
    assert policy_on_record(document.recorded) == document
    assert (absent.recorded, policy_on_record(absent.recorded)) == ("{}", absent)
    assert (nothing.recorded, policy_on_record(nothing.recorded)) == (None, nothing)
    assert (document.to_decide_on, absent.to_decide_on, nothing.to_decide_on) == (document.policy, Policy(), None)


def test_a_record_that_nobody_can_read_any_more_is_nothing() -> None:
    """An older version's key, say: then nothing is opened."""
    assert policy_on_record('{"max_age_days": 3}') == PolicyInForce(Policy(), PolicySource.NONE)
