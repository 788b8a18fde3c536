"""What the kept sandbox prints: where everything is, and what to type."""

from typing import Final

from sandbox.world.addresses import RESPONSE_QUEUE, Addresses, queue_path
from sandbox.world.environment import SIGNING_KEY

COMMAND: Final = ".venv/bin/python -m sandbox"
TYPED: Final = (
    ("pay 12.50", "a payment comes in"),
    ("trigger", "one check, as the scheduler makes it"),
    ("trigger --force", "one check that opens a batch in any case"),
    ("threshold 50.00", "another threshold, from the next check on"),
    ("policy '{\"paused\": true}'", "another policy, likewise"),
    ("status", "how things stand, as operators see it"),
    ("microbatch VERB ...", "any verb of the operators' command line"),
    ("market eth_price_usd=2500", "another price, fee, slippage or range at ChangeNow"),
    ("queues", "how many tasks wait in each queue"),
    ("payout", "one tick of GCBatchProcessor: clients are paid out"),
    ("drill", "what can be made to go wrong, and what is going wrong"),
    ("drill changenow-away", "let it go wrong ..."),
    ("drill end changenow-away", "... and right again (without a name: everything)"),
)


def guide(at: Addresses, *, tick_s: float) -> str:
    """The whole text."""
    ticks = f"every {tick_s:g} s by itself, and" if tick_s else "only"
    typed = "\n".join(f"  {f'{COMMAND} {command}':<56} {meaning}" for command, meaning in TYPED)
    chain = f"  Ethereum           {at.chain_url}   (JSON-RPC)\n" if at.chain_url else ""
    return f"""
The sandbox is running. A check is made {ticks} when you trigger one. Ctrl-C ends it all.

  pages              {at.pages_url}   (for a browser)
  GCAccumulator      {at.gcaccumulator_url}
  GCHostPay1         {at.gchostpay1_url}
  GCBatchProcessor   {at.gcbatchprocessor_url}
  check_threshold    {at.check_threshold_url}
  swap_executed      {at.swap_executed_url}
  ChangeNow          {at.changenow_url}
  PostgreSQL         {at.database_url}
  Cloud Tasks        {at.cloud_tasks}   (gRPC, as are the next two)
  Secret Manager     {at.secret_manager}
  Pub/Sub            {at.pubsub}
  Cloud Storage      {at.storage}
{chain}  logs               {at.folder}

A GCHostPay1 of your own opens orders with the key "{SIGNING_KEY}" and puts its callbacks, for
{at.swap_executed_url}/swap-executed, on {queue_path(RESPONSE_QUEUE)}.

Type in another terminal:

{typed}
  curl {at.swap_executed_url}/health
  curl -d '{{"eth_price_usd": "2500"}}' {at.changenow_url}/_market
"""
