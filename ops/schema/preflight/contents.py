"""What the rows are: odd ones are carried along as they are, and named with their ids and what to type."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pg8000.dbapi import Connection

from ops.schema.migration_run import execute
from ops.schema.preflight.finding import Finding
from shared.outside.statements import Statements

QUESTIONS: Final = Statements(Path(__file__).parent)
IDS_MAX: Final = 10

_NAMED: Final = """
WITH payment AS ({payments}), batch AS ({batches}), found AS ({question})
SELECT COUNT(*), (ARRAY_AGG(id ORDER BY id))[1:{ids_max}] FROM found
"""
# Our own sessions ask for UTC; what others get is what the database or their role says, as far as it says.
_ZONES: Final = """
SELECT SPLIT_PART(setting, '=', 2)
FROM pg_db_role_setting, UNNEST(setconfig) AS setting
WHERE setting ILIKE 'timezone=%'
    AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = CURRENT_DATABASE()))
UNION
SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'
ORDER BY 1
"""
_UTC: Final = {"utc", "etc/utc", "uct", "etc/uct", "gmt", "etc/gmt", "zulu", "etc/zulu", "universal", "etc/universal"}


@dataclass(frozen=True)
class Oddity:
    """A question of ``questions.sql``, and what is said of the rows that it finds."""

    name: str
    rows: str
    """Which rows these are."""
    becomes: str
    """What is done with them."""
    to_type: str | None = None


_COUNTED: Final = "never claimed, and counted in unclaimable_payments"

PAYMENTS: Final = (
    Oddity(
        "payments_waiting",
        "pending payments",
        "nothing is claimed until an operator has decided from when on payments are ours",
        "./microbatch cut-over",
    ),
    Oddity(
        "payment_status_unknown",
        "payments with a status that no service knows",
        _COUNTED,
        "UPDATE payout_accumulation SET conversion_status = 'pending' WHERE id IN ({ids});  -- for those that wait",
    ),
    Oddity(
        "payment_swapping_without_batch",
        "payments that are swapping without a batch",
        _COUNTED,
        "UPDATE payout_accumulation SET conversion_status = 'pending' WHERE id IN ({ids});  -- unless being converted",
    ),
    Oddity(
        "payment_swapping_without_live_batch",
        "payments that are swapping in a batch that is not",
        _COUNTED,
        "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL WHERE id IN ({ids});"
        "  -- if that batch has failed, and they were not converted",
    ),
    Oddity(
        "payment_pending_in_batch",
        "pending payments that point at a batch",
        _COUNTED,
        "UPDATE payout_accumulation SET batch_conversion_id = NULL WHERE id IN ({ids});  -- if that batch is over",
    ),
    Oddity(
        "payment_points_at_no_batch",
        "payments that point at a batch that is not there",
        "left as they are, and the foreign key holds for new rows only",
        "UPDATE payout_accumulation SET batch_conversion_id = NULL WHERE id IN ({ids});",
    ),
    Oddity(
        "payment_without_dollars",
        "pending payments without usable dollars",
        _COUNTED,
        "UPDATE payout_accumulation SET accumulated_amount_usdt = DOLLARS WHERE id IN ({ids});",
    ),
    Oddity(
        "payment_dollars_above_payment",
        "pending payments with more dollars than were paid",
        _COUNTED,
        "SELECT id, payment_amount_usd, accumulated_amount_usdt FROM payout_accumulation WHERE id IN ({ids});",
    ),
    Oddity(
        "payment_already_paid_out",
        "pending payments that are marked as paid out",
        _COUNTED,
        "UPDATE payout_accumulation SET is_paid_out = FALSE WHERE id IN ({ids});  -- for those that were not",
    ),
    Oddity(
        "payment_without_time",
        "pending payments without a time, or with one before 2015 or more than a day ahead",
        _COUNTED,
        "UPDATE payout_accumulation SET created_at = payment_timestamp WHERE id IN ({ids});",
    ),
    Oddity("payment_completed_without_share", "completed payments without a share", "left as they are"),
)
BATCHES: Final = (
    Oddity(
        "batch_in_flight",
        "batches that the old service left swapping",
        "taken as ordered when they began: settled or given back, never ordered",
        "./microbatch cut-over",
    ),
    Oddity(
        "batch_pending",
        "batches that the old service left pending",
        "never ordered, and their payments stay in them until a person ends them",
        "UPDATE batch_conversions SET conversion_status = 'swapping' WHERE id IN ({ids});  -- if GCHostPay1 was asked; "
        "else 'failed', and their payments pending and without batch_conversion_id",
    ),
    Oddity(
        "batch_status_unknown",
        "batches with a status that no service knows",
        "left as they are",
        "UPDATE batch_conversions SET conversion_status = 'failed' WHERE id IN ({ids});  -- or what they are",
    ),
    Oddity("batch_completed_without_amount", "completed batches without an amount", "left as they are"),
    Oddity(
        "batch_unfinished_with_amount",
        "failed or swapping batches with an amount received",
        "left as they are; those that are swapping are settled with ChangeNow's word",
        "SELECT id, cn_api_id, conversion_status, actual_usdt_received FROM batch_conversions WHERE id IN ({ids});",
    ),
    Oddity(
        "batch_without_exchange",
        "swapping batches without an exchange",
        "nobody can be asked about them, and a person has to end them",
        "UPDATE batch_conversions SET conversion_status = 'failed' WHERE id IN ({ids});  -- if nothing was paid",
    ),
    Oddity(
        "batch_without_payin_address",
        "swapping batches without a payin address",
        "settled by their exchange's id all the same",
    ),
    Oddity(
        "batch_total_differs",
        "swapping batches whose payments do not sum to their total",
        "their shares could never sum to the amount received, and they are not settled until this is mended",
        "UPDATE batch_conversions AS b SET total_eth_usd = (SELECT SUM(accumulated_amount_usdt)"
        " FROM payout_accumulation AS p WHERE p.batch_conversion_id = b.batch_conversion_id) WHERE b.id IN ({ids});",
    ),
    Oddity(
        "batch_exchange_double",
        "batches whose exchange another batch has too",
        "left as they are; what one exchange paid out is distributed once, over the batch that is settled first",
        "SELECT id, cn_api_id, conversion_status, actual_usdt_received FROM batch_conversions WHERE id IN ({ids});",
    ),
)


def examine_contents(connection: Connection) -> list[Finding]:
    """Name the rows that are carried along as they are; nothing where the tables are not there yet."""
    ((payments, batches),) = execute(
        connection, "SELECT TO_REGCLASS('payout_accumulation')::TEXT, TO_REGCLASS('batch_conversions')::TEXT"
    )
    oddities = (PAYMENTS if payments else ()) + (BATCHES if batches else ())
    lenses = {
        "payments": QUESTIONS.texts["payments" if payments else "no_payments"],
        "batches": QUESTIONS.texts["batches" if batches else "no_batches"],
    }
    found = [_ask(connection, oddity, lenses) for oddity in oddities]
    return [finding for finding in found if finding] + _examine_zone(connection)


def _ask(connection: Connection, oddity: Oddity, lenses: dict[str, str]) -> Finding | None:
    question = _NAMED.format(question=QUESTIONS.texts[oddity.name], ids_max=IDS_MAX, **lenses)
    ((count, ids),) = execute(connection, question)
    if not count:
        return None
    told = ", ".join(map(str, ids)) + (", ..." if count > IDS_MAX else "")
    to_type = oddity.to_type.format(ids=told) if oddity.to_type else None
    return Finding(oddity.name, f"{oddity.rows}: {count} (id {told}); {oddity.becomes}", to_type)


def _examine_zone(connection: Connection) -> list[Finding]:
    return [
        Finding(
            "zone_not_utc",
            f"sessions of others begin in the zone {zone}: what is there is read as UTC, and our defaults are UTC",
            "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting;  -- who has it, and why",
        )
        for (zone,) in execute(connection, _ZONES)
        if zone.lower() not in _UTC
    ]
