"""A database put back to its backup orders nothing until a person has dealt with what it has forgotten."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode

from ops.command_line.exits import Exit
from sandbox.postgres.server import Postgres
from sandbox.wire.faults import refuse, status
from shared.model.reasons import Reason
from tests.ops.conftest import Shell, Typed
from tests.ops.verbs.backups import Backup, backup_of
from tests.rig import FENCES, Rig

VOUCH = "--gchostpay1-has-not-paid"


@pytest.fixture
def backup(rig: Rig, postgres: Postgres) -> Iterator[Backup]:
    """The backup of an hour ago: two payments wait, each for a batch of its own."""
    rig.set_policy('{"max_batch_usd": "30"}')
    rig.pay("30.00", "12.00")
    with backup_of(rig, postgres) as made:
        yield made


def sent(rig: Rig) -> list[str]:
    """The batches whose orders Cloud Tasks was ever handed in this test, oldest first."""
    known = {str(order.batch_conversion_id) for order in rig.fence().orders}
    names = [task.name.rpartition("/batch-")[2] for task in rig.peers.tasks.created]
    return [name for name in names if name in known]


def typed(shell: Shell, *words: object) -> Typed:
    """A verb, typed again while PostgreSQL has not noticed yet that the one before it is gone with its lock."""
    answer = shell("fence", *words)
    for _ in range(50):
        if answer.code != Exit.TRY_AGAIN:
            break
        time.sleep(0.1)
        answer = shell("fence", *words)
    return answer


def order_two(rig: Rig) -> list[dict[str, Any]]:
    """Two batches are ordered, and the first is settled; as the database had them."""
    rig.check()
    first, second = rig.batches()
    rig.pay_out(first, "29.85")
    rig.clock.forward(minutes=40)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"
    return [first, second]


def test_what_is_forgotten_is_entered_again_and_everything_goes_on(rig: Rig, backup: Backup, shell: Shell) -> None:
    """Nothing is ordered; both batches are named; once both are entered and the fence is accepted, all is settled."""
    first, second = order_two(rig)
    ids = [str(batch["batch_conversion_id"]) for batch in (first, second)]
    backup.restore()
    assert rig.check(forced=True).reason == Reason.DATABASE_BEHIND
    assert rig.checks()[-1]["reason"] == "database_behind"
    assert (rig.batches(), sent(rig)) == ([], ids)

    shown = typed(shell, "show")
    assert shown.code == 1
    for name, payment, word in ((ids[0], 1, "finished, 29.85 USDT"), (ids[1], 2, "waiting")):
        assert f"./microbatch fence enter {name}" in shown.out
        assert f"1 payment ({payment})" in shown.out
        assert f"ChangeNow: {word}" in shown.out
    refused = typed(shell, "accept", "--yes")
    assert (refused.code, "2 orders neither entered again nor given up" in refused.err) == (1, True)

    for name in ids:
        assert typed(shell, "enter", name, "--yes", "--by", "ada", "--why", "restored at noon").code == 0
    assert rig.check().reason == Reason.DATABASE_BEHIND, "entering alone lets nothing go on"
    assert typed(shell, "accept", "--yes", "--by", "ada").code == 0
    assert typed(shell, "show").code == 0

    rig.pay_out(second, "11.93")
    rig.pay("25.00")
    rig.clock.forward(hours=2)
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert [batch["conversion_status"] for batch in rig.batches()] == ["completed", "completed", "swapping"]
    assert [payment["accumulated_amount_usdt"] for payment in rig.payments()[:2]] == [
        Decimal("29.85"),
        Decimal("11.93"),
    ]
    assert (len(sent(rig)), rig.fence().number) == (3, 3)
    acts = rig.sql("SELECT act, by_whom FROM operator_acts ORDER BY id")
    assert [(row["act"], row["by_whom"]) for row in acts] == [("fence enter", "ada")] * 2 + [("fence accept", "ada")]


def test_a_late_callback_completes_what_was_entered(rig: Rig, backup: Backup, shell: Shell) -> None:
    """GCHostPay1's callback finds the batch again, and is a repeat after that."""
    _, second = order_two(rig)
    backup.restore()
    rig.check()
    rig.pay_out(second, "11.93")
    assert typed(shell, "enter", second["batch_conversion_id"], "--yes").code == 0
    token = rig.response(second, "11.93")
    assert [rig.call_back(token).records_updated for _ in range(2)] == [1, 0]


def test_entering_the_newest_does_not_forget_the_others(rig: Rig, backup: Backup, shell: Shell) -> None:
    """The fence stays unknown until every order is dealt with."""
    _, second = order_two(rig)
    backup.restore()
    assert typed(shell, "enter", second["batch_conversion_id"], "--yes").code == 0
    assert rig.check().reason == Reason.DATABASE_BEHIND
    assert "1 order neither" in typed(shell, "accept", "--yes").err
    assert typed(shell, "enter", second["batch_conversion_id"], "--yes").code == 1
    assert [payment["conversion_status"] for payment in rig.payments()] == ["pending", "swapping"]


def test_a_number_used_again_does_not_hide_it(rig: Rig, backup: Backup) -> None:
    """A restored database that went on without its fence has the fence's number, for another batch."""
    order_two(rig)
    backup.restore()
    rig.sql("UPDATE payout_accumulation SET conversion_status = 'failed'")
    rig.overrides = {"FENCE": ""}
    rig.check_dependencies = rig.wire_check()
    rig.open_batches("21.00", "22.00", "23.00")
    rig.overrides = {}
    rig.check_dependencies = rig.wire_check()
    assert [batch["order_number"] for batch in rig.batches()] == [1, 2, 3]
    assert rig.check().reason == Reason.DATABASE_BEHIND


def test_a_batch_that_is_there_without_its_order_is_left_alone(rig: Rig, postgres: Postgres, shell: Shell) -> None:
    """Put back to the moment between its exchange and its order: neither ordered nor given back, however late."""
    rig.check()
    rig.pay("30.00")
    rig.peers.tasks.faults.add("CreateTask", refuse(StatusCode.PERMISSION_DENIED))
    rig.check()
    with backup_of(rig, postgres) as backup:
        rig.check()
        (batch,) = rig.batches()
        assert (batch["order_number"], rig.fence().number) == (2, 2), "an intent made anew counts anew"
        backup.restore()
        rig.clock.forward(hours=2)
        assert rig.check().reason == Reason.DATABASE_BEHIND
        assert rig.batches()[0]["conversion_status"] == "swapping"
        assert typed(shell, "enter", batch["batch_conversion_id"], "--yes").code == 0
        assert typed(shell, "accept", "--yes").code == 0
        rig.pay_out(batch, "29.90")
        rig.clock.forward(hours=1)
        rig.check()
        assert rig.batches()[0]["conversion_status"] == "completed"
        assert len(sent(rig)) == 1


def test_a_backup_from_before_the_first_order(rig: Rig, backup: Backup, shell: Shell) -> None:
    """Also one in which no fence was ever read."""
    order_two(rig)
    backup.restore()
    assert not rig.checks()
    assert rig.check().reason == Reason.DATABASE_BEHIND
    document = typed(shell, "show", "--json").document
    assert (document["database_behind"], document["complete"], len(document["lacked"])) == (True, True, 2)
    assert document["lacked"][0]["payment_ids"] == "1"
    assert json.dumps(document)


def test_a_batch_whose_payments_are_gone_is_given_up(rig: Rig, postgres: Postgres, shell: Shell) -> None:
    """They came in after the backup. It is on record as failed, and USDT that comes of it is told."""
    rig.check()
    with backup_of(rig, postgres) as backup:
        (batch,) = rig.open_batches("30.00")
        backup.restore()
    name = batch["batch_conversion_id"]
    assert f"./microbatch fence give-up {name}" in typed(shell, "show").out
    assert "there wait 0" in typed(shell, "enter", name, "--yes").err
    assert typed(shell, "give-up", name, "--yes", "--why", "the client was paid by hand").code == 0
    assert typed(shell, "accept", "--yes").code == 0
    rig.pay_out(batch, "29.90")
    rig.clock.forward(hours=1)
    rig.check()
    (given_up,) = rig.batches()
    assert (given_up["conversion_status"], given_up["late_usdt_received"]) == ("failed", Decimal("29.90"))
    assert "batch.paid_late" in rig.events()


def test_payments_that_were_put_back_are_named(rig: Rig, postgres: Postgres, shell: Shell) -> None:
    """They have other ids now; their sum must be the batch's, and nothing of it may wait when it is given up."""
    rig.check()
    with backup_of(rig, postgres) as backup:
        (batch,) = rig.open_batches("30.00")
        backup.restore()
    name = batch["batch_conversion_id"]
    rig.clock.forward(hours=1)
    rig.pay("29.00", "30.00")
    assert typed(shell, "enter", name, "--yes", "--payments", "1").code == 1
    assert typed(shell, "enter", name, "--yes", "--payments", "2,1").code == 2
    assert typed(shell, "enter", name, "--yes", "--payments", "2").code == 0
    assert [payment["batch_conversion_id"] for payment in rig.payments()] == [None, name]


def test_what_waits_is_not_given_up(rig: Rig, backup: Backup, shell: Shell) -> None:
    """The next batch would pay for it a second time."""
    first, _ = order_two(rig)
    backup.restore()
    refused = typed(shell, "give-up", first["batch_conversion_id"], "--yes")
    assert (refused.code, "1 payment of it wait" in refused.err) == (1, True)
    assert not rig.batches()


def test_what_is_settled_elsewhere_is_given_up_and_the_rest_ordered_again(
    rig: Rig, postgres: Postgres, shell: Shell
) -> None:
    """One of its payments is in a batch that the database knows; of the other, which waits, a person decides."""
    rig.check()
    (earlier,) = rig.open_batches("30.00")
    with backup_of(rig, postgres) as backup:
        rig.sql("UPDATE batch_conversions SET conversion_status = 'failed'")
        rig.sql("UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL")
        (forgotten,) = rig.open_batches("12.00")
        backup.restore()
    rig.pay("12.00", age=timedelta(hours=1))
    name = forgotten["batch_conversion_id"]
    refused = typed(shell, "enter", name, "--yes").err
    assert f"1 payment in batch {earlier['batch_conversion_id']}" in refused
    assert "--order-rest-again" in refused
    assert typed(shell, "give-up", name, "--yes").code == 1
    assert typed(shell, "give-up", name, "--yes", "--order-rest-again").code == 0
    assert typed(shell, "accept", "--yes").code == 0
    (act, _) = rig.sql("SELECT detail FROM operator_acts ORDER BY id")
    assert json.loads(act["detail"])["payments_waiting"] == 1


def test_all_that_waits_is_never_ordered_again(rig: Rig, backup: Backup, shell: Shell) -> None:
    """What can be entered is entered, whatever a person says."""
    first, _ = order_two(rig)
    backup.restore()
    assert typed(shell, "give-up", first["batch_conversion_id"], "--yes", "--order-rest-again").code == 1


def test_an_order_that_was_sent_again_is_in_the_fence(rig: Rig, postgres: Postgres, shell: Shell) -> None:
    """Put back to the moment before: neither released nor sent a third time until it is entered, and then young."""
    rig.clock.forward(hours=-1)
    rig.check()
    (batch,) = rig.open_batches("30.00")
    name = batch["batch_conversion_id"]
    rig.clock.forward(hours=1)
    with backup_of(rig, postgres) as backup:
        assert shell("resend", name, "--yes", VOUCH).code == 0
        assert (rig.fence().number, rig.batches()[0]["order_number"]) == (2, 2)
        backup.restore()
    assert rig.check().reason == Reason.DATABASE_BEHIND
    assert f"fence enter {name}" in shell("release", name, "--yes", VOUCH).err
    assert "fence show" in shell("resend", name, "--yes", VOUCH).err
    assert typed(shell, "enter", name, "--yes").code == 0
    assert "may still take the order" in shell("release", name, "--yes", VOUCH).err
    assert typed(shell, "accept", "--yes").code == 0
    assert len(rig.orders()) == 2


def test_a_batch_whose_order_is_forgotten_is_not_given_back(rig: Rig, postgres: Postgres, shell: Shell) -> None:
    """The database has it without an order, so that nothing else would speak against it."""
    rig.check()
    rig.pay("30.00")
    rig.peers.tasks.faults.add("CreateTask", refuse(StatusCode.PERMISSION_DENIED))
    rig.check()
    with backup_of(rig, postgres) as backup:
        rig.check()
        backup.restore()
    (batch,) = rig.batches()
    assert "has forgotten an order" in shell("release", "#1", "--yes", VOUCH).err
    assert rig.batches()[0]["conversion_status"] == "swapping"
    assert typed(shell, "enter", batch["batch_conversion_id"], "--yes").code == 0


def test_while_the_fence_is_away_nothing_is_given_back(rig: Rig, shell: Shell) -> None:
    """Try again: exit code 3."""
    rig.clock.forward(hours=-1)
    rig.check()
    rig.open_batches("30.00")
    rig.clock.forward(hours=1)
    rig.peers.storage.faults.add("*", status(503), times=None)
    assert [shell(verb, "#1", "--yes", VOUCH).code for verb in ("release", "resend")] == [3, 3]
    assert rig.batches()[0]["conversion_status"] == "swapping"


def test_a_fence_that_is_gone_is_made_anew_by_a_person(rig: Rig, shell: Shell) -> None:
    """At the database's newest order; on record, and orders leave again."""
    (batch,) = rig.open_batches("30.00")
    rig.check()
    rig.peers.storage.buckets.delete(FENCES, rig.fence_name, expected_generation=None)
    assert "./microbatch fence accept" in typed(shell, "show").err
    assert typed(shell, "accept").code == 1, "nobody is there to be asked"
    assert typed(shell, "accept", "--yes", "--by", "ada").code == 0
    assert rig.fence().batch_conversion_id == batch["batch_conversion_id"]
    rig.open_batches("31.00")
    assert (len(rig.orders()), rig.fence().number) == (2, 2)
    assert "nothing to accept" in typed(shell, "accept", "--yes").out


def test_an_order_is_entered_from_its_event(rig: Rig, backup: Backup, shell: Shell, tmp_path: Path) -> None:
    """One that the fence no longer lists: the published event has all but the payments."""
    first, _ = order_two(rig)
    (row,) = rig.sql("SELECT data FROM batch_events WHERE event = 'batch.created' ORDER BY id LIMIT 1")
    file = tmp_path / "event.json"
    file.write_text(row["data"])
    backup.restore()
    name = first["batch_conversion_id"]
    assert typed(shell, "enter", name, "--yes", "--facts", file).code == 1, "which payments?"
    assert typed(shell, "enter", name, "--yes", "--facts", file, "--payments", "1").code == 0
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"
