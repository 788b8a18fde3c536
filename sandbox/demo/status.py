"""What a running world holds now: what waits, what decides, the latest batches and checks."""

from collections.abc import Iterator

from google.api_core.exceptions import GoogleAPICallError

from sandbox.demo.columns import counted
from sandbox.world.addresses import POLICY_SECRET, THRESHOLD_SECRET, Addresses
from sandbox.world.operations import query, read_secret

PENDING = """
SELECT COUNT(*) AS payments, COALESCE(SUM(accumulated_eth), 0) AS pending_usd
FROM payout_accumulation WHERE conversion_status = 'pending'
"""
BATCHES = """
SELECT b.batch_conversion_id, b.conversion_status, b.total_eth_usd, b.actual_usdt_received,
       COUNT(p.id) AS payments
FROM batch_conversions AS b LEFT JOIN payout_accumulation AS p USING (batch_conversion_id)
GROUP BY b.id ORDER BY b.id DESC LIMIT 10
"""
CHECKS = """
SELECT checked_at, pending_usd, threshold_usd, decision, reason
FROM threshold_checks ORDER BY id DESC LIMIT 10
"""


def status_lines(addresses: Addresses) -> Iterator[str]:
    """The state of the world, a line at a time."""
    pending = query(addresses.database_url, PENDING)[0]
    yield f"pending    {counted(pending['payments'], 'payment')}, ${pending['pending_usd']:.2f}"
    for name, secret_id in (("threshold", THRESHOLD_SECRET), ("policy", POLICY_SECRET)):
        yield f"{name:<11}{_secret(addresses, secret_id)}"
    yield "batches, newest first"
    for batch in query(addresses.database_url, BATCHES):
        received = batch["actual_usdt_received"]
        usdt = "" if received is None else f", {received:.6f} USDT received"
        yield (
            f"  {batch['batch_conversion_id']}  {batch['conversion_status']:<9}  "
            f"{counted(batch['payments'], 'payment')}, ${batch['total_eth_usd']:.2f}{usdt}"
        )
    yield "checks, newest first"
    for check in query(addresses.database_url, CHECKS):
        yield (
            f"  {check['checked_at']:%H:%M:%S}  pending {_usd(check['pending_usd'])}, threshold "
            f"{_usd(check['threshold_usd'])}: {check['decision']} ({check['reason']})"
        )


def _usd(amount: object) -> str:
    return "unknown" if amount is None else f"${amount:.2f}"


def _secret(addresses: Addresses, secret_id: str) -> str:
    try:
        return read_secret(addresses, secret_id)
    except GoogleAPICallError as error:
        return f"cannot be read ({type(error).__name__})"
