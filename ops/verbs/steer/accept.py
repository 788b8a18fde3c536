"""`accept BATCH --amount X`: the unusual amount X is right after all; the next callback or check distributes it."""

import uuid
from decimal import Decimal
from typing import Any, Final

import click

from ops.command_line.acts import Act, acting
from ops.command_line.amounts import Amount
from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.text import shown
from ops.outside.exchange import open_exchange
from shared.flow.batch.settlement import agree
from shared.model.exchange import ExchangeState
from shared.model.money import dollars, plain
from shared.outside.database import Database, Row

HUNDRED: Final = Decimal(100)


@click.command()
@batch_argument
@click.option("--amount", "amount_usdt", type=Amount(), required=True, help="The USDT that arrived, to the last digit.")
@acting("accept")
@answering
def command(batch: str, amount_usdt: Decimal, act: Act) -> Answer:
    """Accept the unusual amount that arrived for a batch."""
    with opened_database() as database:
        with database.transaction() as transaction:
            found = transaction.row("show_batch", batch_conversion_id=find_batch(transaction, batch))
        assert found is not None
        state = _confirmed(found, amount_usdt)
        evidence = _evidence(found, amount_usdt, state)
        act.agree(_plan(found, evidence), f"Distribute {plain(amount_usdt)} USDT?")
        _accept(database, found["batch_conversion_id"], amount_usdt, act=act, evidence=evidence)
    said = f"accepted {plain(amount_usdt)} USDT: the next callback, or the next check, distributes it"
    return Answer({"batch_conversion_id": found["batch_conversion_id"], "accepted": True} | evidence, [said])


def _confirmed(batch: Row, amount_usdt: Decimal) -> ExchangeState:
    """Return ChangeNow's word if it is that very amount; raises NotDone for any other."""
    name = batch["batch_conversion_id"]
    if batch["status"] != "swapping":
        raise NotDone(f"batch {name} is {batch['status']}, not swapping; see: ./microbatch batch {name}")
    state = open_exchange().get_exchange(batch["cn_api_id"])
    if state.received_usdt is None or not state.is_finished:
        raise NotDone(f"ChangeNow says {state.status}: nothing has been paid out yet")
    if not agree(state.received_usdt, amount_usdt):
        raise NotDone(f"ChangeNow paid out {plain(state.received_usdt)} USDT, not {plain(amount_usdt)}")
    return state


def _evidence(batch: Row, amount_usdt: Decimal, state: ExchangeState) -> dict[str, Any]:
    return {
        "amount_usdt": amount_usdt,
        "paid_out_usdt": state.received_usdt,
        "exchange_status": state.status,
        "total_usd": batch["total_usd"],
        "quoted_usdt": batch["quoted_usdt"],
        "amount_eth": batch["amount_eth"],
        "deposit_eth": batch["deposit_eth"],
        "refused_usdt": batch["refused_usdt"],
    }


def _plan(batch: Row, evidence: dict[str, Any]) -> list[str]:
    share_pct = evidence["amount_usdt"] * HUNDRED / batch["total_usd"]
    return [
        f"batch {batch['batch_conversion_id']}: {dollars(batch['total_usd'])} of payments",
        f"ChangeNow paid out {plain(evidence['amount_usdt'])} USDT, {share_pct:.1f} % of that",
        f"the quote was {shown(evidence['quoted_usdt'])} USDT for {shown(evidence['amount_eth'])} ETH",
        "it is distributed over the payments in proportion, and that cannot be taken back",
    ]


def _accept(
    database: Database, batch_conversion_id: uuid.UUID, amount_usdt: Decimal, *, act: Act, evidence: dict[str, Any]
) -> None:
    """Write the amount and the act down together, if the batch is still swapping."""
    with database.transaction() as transaction:
        accepted = transaction.execute(
            "accept_amount", batch_conversion_id=batch_conversion_id, amount_usdt=amount_usdt
        )
        if not accepted:
            raise NotDone(f"batch {batch_conversion_id} has ended meanwhile")
        act.record(transaction, evidence, batch_conversion_id)
