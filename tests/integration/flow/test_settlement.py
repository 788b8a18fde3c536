"""The distribution in SQL gives the shares that the readable rule gives, to the last digit."""

import random
from decimal import Decimal
from typing import Any

import pytest

from sandbox.changenow.market import ETH_TO_USDT
from shared.errors import BatchConflict, RuleViolated
from shared.flow.batch.settlement import Distribution, Payout, Settlement, settle
from shared.flow.batches import lock_batch
from shared.model.money import distribute_usdt_proportionally, from_units, to_units
from tests.rig import Rig


def seeded_batch(rig: Rig, rows: list[tuple[str, Decimal]], amount_usdt: Decimal) -> dict[str, Any]:
    """Put payments (created_at, dollars) into a batch whose exchange has paid out *amount_usdt*."""
    total_usd = sum(dollars for _, dollars in rows)
    exchange = rig.peers.exchange.open_exchange(ETH_TO_USDT, Decimal("0.01"), "0x" + "1" * 40, None)
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id,"
        " payin_address, opened_because, accepted_usdt, amount_accepted_at)"
        " VALUES (gen_random_uuid(), CAST(%s AS numeric), 20, %s, %s, 'forced', CAST(%s AS numeric), NOW())",
        total_usd,
        exchange.id,
        exchange.payin_address,
        amount_usdt,
    )
    (batch,) = rig.sql("SELECT * FROM batch_conversions WHERE cn_api_id = %s", exchange.id)
    rig.sql(
        "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,"
        " accumulated_eth, client_wallet_address, client_payout_currency, client_payout_network, created_at,"
        " conversion_status, batch_conversion_id) SELECT 'client', 1, 9e7, 'eth', NOW(), dollars, '0xclient', 'usdt',"
        " 'eth', at, 'swapping', CAST(%s AS uuid) FROM UNNEST(CAST(%s AS timestamp[]), CAST(%s AS numeric[]))"
        " AS payment (at, dollars)",
        batch["batch_conversion_id"],
        [at for at, _ in rows],
        [dollars for _, dollars in rows],
    )
    rig.sql(
        "UPDATE batch_conversions SET conversion_status = 'swapping', task_enqueued_at = NOW()"
        " WHERE batch_conversion_id = CAST(%s AS uuid)",
        batch["batch_conversion_id"],
    )
    rig.peers.exchange.finish(exchange.id, amount_usdt)
    return batch


def shares_of(rig: Rig, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Read a batch's payments and their shares."""
    return rig.sql(
        "SELECT id, created_at, accumulated_eth, accumulated_amount_usdt FROM payout_accumulation"
        " WHERE batch_conversion_id = %s",
        batch["batch_conversion_id"],
    )


def assert_split_as_specified(rig: Rig, batch: dict[str, Any], amount_usdt: Decimal) -> None:
    """Compare the stored shares with the specification's."""
    rows = shares_of(rig, batch)
    expected = {row["id"]: row["usdt_share"] for row in distribute_usdt_proportionally(rows, amount_usdt)}
    assert {row["id"]: row["accumulated_amount_usdt"] for row in rows} == expected
    assert sum(row["accumulated_amount_usdt"] for row in rows) == amount_usdt


def split_of(rows: list[dict[str, Any]], amount_usdt: Decimal) -> dict[str, Any]:
    """What the line of a completed batch has to tell of these payments, reckoned from the specification."""
    weights = [to_units(row["accumulated_eth"]) for row in rows]
    floors = [to_units(amount_usdt) * weight // sum(weights) for weight in weights]
    shares = [share["usdt_share"] for share in distribute_usdt_proportionally(rows, amount_usdt)]
    return {
        "payments": len(rows),
        "units_left_over": to_units(amount_usdt) - sum(floors),
        "smallest_share_usdt": min(shares),
        "largest_share_usdt": max(shares),
        "shares_usdt": amount_usdt,
    }


@pytest.mark.parametrize("seed", range(40))
def test_sql_and_specification_agree(rig: Rig, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Random sizes, dust beside fortunes, equal amounts and instants; the line tells what the split came to."""
    caplog.set_level("INFO")
    chance = random.Random(seed)
    count = chance.choice([1, 2, 3, 7, 50, 400])
    palette = [from_units(chance.randint(1, 10 ** chance.randint(1, 15))) for _ in range(chance.choice([1, 2, 400]))]
    instants = [
        f"2026-11-22 10:00:{second:02d}.{chance.randint(0, 1) * 5}" for second in range(chance.choice([1, 3, 60]))
    ]
    rows = [(chance.choice(instants), chance.choice(palette)) for _ in range(count)]
    amount_usdt = from_units(chance.choice([1, count, count - 1 or 1, chance.randint(1, 10**15)]))
    batch = seeded_batch(rig, rows, amount_usdt)
    done = rig.call_back(rig.response(batch, str(amount_usdt)))
    assert done.records_updated == count
    assert_split_as_specified(rig, batch, amount_usdt)
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "batch_completed"]
    split = split_of(shares_of(rig, batch), amount_usdt)
    assert split.items() <= line.fields.items()  # type: ignore[attr-defined]


def test_a_hundred_thousand_payments_sum_to_the_last_unit(rig: Rig) -> None:
    """Nothing is lost over 100,000 random payments, and no share strays a unit."""
    chance = random.Random(7)
    rows = [("2026-11-22 10:00:00", from_units(chance.randint(1, 10**11))) for _ in range(100_000)]
    amount_usdt = Decimal("48765432.123457")
    batch = seeded_batch(rig, rows, amount_usdt)
    rig.call_back(rig.response(batch, str(amount_usdt)))
    assert_split_as_specified(rig, batch, amount_usdt)


BUCKETS = 4096  # the first pass counts payments by the leading 12 bits of their remainders
FORTUNE_UNITS = 2**51  # from here on a quotient is kept modulo 2^62


def settle_directly(rig: Rig, batch: dict[str, Any], amount_usdt: Decimal) -> Distribution:
    """Complete a batch with an amount that no double carries, past the token and ChangeNow."""
    with rig.callback_dependencies.database.transaction() as transaction:
        locked = lock_batch(transaction, batch["batch_conversion_id"])
        assert locked is not None
        return settle(transaction, locked, Settlement(Payout(amount_usdt, None, None), "0xab", "callback"), rig.clock())


def weights_of(chance: random.Random, count: int, total_units: int) -> list[int]:
    """Cut a total into *count* random weights, with small and equal ones among them."""
    small = [chance.choice([1, 2, 3, BUCKETS, BUCKETS + 1, 7 * BUCKETS]) for _ in range(count // 2)]
    rest = total_units - sum(small)
    large = [rest // (count - len(small)) // chance.choice([1, 2, 3]) for _ in range(count - len(small) - 1)]
    return [*small, *large, rest - sum(large)]


@pytest.mark.parametrize("seed", range(30))
def test_remainders_at_the_borders_of_buckets(rig: Rig, seed: int) -> None:
    """Remainders that are a bucket's lowest, or one weight beside it, are put into the right order."""
    chance = random.Random(seed)
    width = chance.randint(10**6, 10**11)
    total_units = BUCKETS * width  # then an amount of a multiple of the width leaves multiples of the width
    amount_units = width * chance.choice([1, 3, 1365, 4095, 4097, 2 * BUCKETS + 5]) + chance.choice([-1, 0, 1])
    weights = weights_of(chance, chance.choice([2, 5, 60, 300]), total_units)
    rows = [(f"2026-11-22 10:00:0{chance.randint(0, 3)}", from_units(weight)) for weight in weights]
    batch = seeded_batch(rig, rows, from_units(amount_units))
    distribution = settle_directly(rig, batch, from_units(amount_units))
    assert_split_as_specified(rig, batch, from_units(amount_units))
    assert distribution._asdict() == split_of(shares_of(rig, batch), from_units(amount_units))


@pytest.mark.parametrize(
    "amount_units",
    [
        FORTUNE_UNITS - 1,
        FORTUNE_UNITS,
        FORTUNE_UNITS + 1,
        2**63 - 1,
        2**63,
        2**66 + 4321,
        99_999_999_999_999_999_999,
    ],
)
@pytest.mark.parametrize("count", [1, 2, 7, 97])
def test_fortunes(rig: Rig, amount_units: int, count: int) -> None:
    """Amounts up to the largest that can be stored are split as exactly as small ones."""
    chance = random.Random(amount_units + count)
    weights = [chance.randint(1, 10 ** chance.randint(1, 16)) for _ in range(count)]
    if count == 2:
        weights = [1, 10**19]  # all but everything to one payment
    rows = [("2026-11-22 10:00:00", from_units(weight)) for weight in weights]
    batch = seeded_batch(rig, rows, from_units(amount_units))
    distribution = settle_directly(rig, batch, from_units(amount_units))
    assert_split_as_specified(rig, batch, from_units(amount_units))
    assert distribution._asdict() == split_of(shares_of(rig, batch), from_units(amount_units))


@pytest.mark.parametrize("left_over", [0, 1, 1999, 2000, 2998])
def test_equal_payments_share_the_last_units_by_age(rig: Rig, left_over: int) -> None:
    """Where every remainder is the same, the oldest payments get the units left over, whatever their order by id."""
    chance = random.Random(left_over)
    rows = [(f"2026-11-22 10:{chance.randint(0, 59):02d}:00", Decimal(10)) for _ in range(2999)]
    amount_usdt = from_units(2999 * 5 + left_over)
    batch = seeded_batch(rig, rows, amount_usdt)
    settle_directly(rig, batch, amount_usdt)
    by_age = sorted(shares_of(rig, batch), key=lambda row: (row["created_at"], row["id"]))
    shares = [row["accumulated_amount_usdt"] for row in by_age]
    assert shares == [from_units(6)] * left_over + [from_units(5)] * (2999 - left_over)


@pytest.mark.parametrize("missing_usd", [1, 10, 20])
def test_payments_that_are_not_the_total_are_refused_whatever_is_missing(rig: Rig, missing_usd: int) -> None:
    """No payment to give a last unit to is no reason to stumble: the database says no."""
    rows = [("2026-11-22 10:00:00", Decimal(dollars)) for dollars in (1, 10, 20)]
    batch = seeded_batch(rig, rows, Decimal(31))
    rig.sql("ALTER TABLE payout_accumulation DISABLE TRIGGER payout_accumulation_claimed_kept")
    rig.sql("DELETE FROM payout_accumulation WHERE accumulated_eth = %s", Decimal(missing_usd))
    with pytest.raises(RuleViolated, match="its payments sum to"):
        settle_directly(rig, batch, Decimal("30.99999999"))


def test_the_database_refuses_a_total_that_is_not_its_payments(rig: Rig) -> None:
    """A batch whose payments do not sum to its total is not completed, and nothing is written."""
    batch = seeded_batch(rig, [("2026-11-22 10:00:00", Decimal(10)), ("2026-11-22 10:00:00", Decimal(20))], Decimal(30))
    rig.sql("ALTER TABLE payout_accumulation DISABLE TRIGGER payout_accumulation_claimed_kept")
    rig.sql("DELETE FROM payout_accumulation WHERE accumulated_eth = 10")
    with pytest.raises(BatchConflict, match="nothing was written"):
        rig.call_back(rig.response(batch, "30"))
    assert [row["accumulated_amount_usdt"] for row in shares_of(rig, batch)] == [None]
    assert rig.batches()[0]["conversion_status"] == "swapping"
