"""The review of a plan: what would lose money, data, callers or the watch on them is refused by name."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ops.command_line.exits import Exit
from ops.command_line.root import main
from ops.deployment.plan.review import EXPENDABLE, LOSSES, objections

QUEUE = 'google_cloud_tasks_queue.main["gchostpay1-batch-queue"]'
TOPIC = 'google_pubsub_topic.main["micro-batch-trigger"]'
INSTANCE = 'module.database.google_sql_database_instance.main["telepaypsql"]'
CHECK = 'google_cloudfunctions2_function.main["check_threshold"]'
GRANT = 'google_secret_manager_secret_iam_member.accessor["check_threshold/CHANGENOW_API_KEY"]'


def at(actions: list[str], address: str, *, before: Any = None, after: Any = None) -> dict[str, Any]:
    """One change of a plan's document."""
    kind = next(part for part in address.split("[", maxsplit=1)[0].split(".") if part.startswith(("google_", "time_")))
    return {
        "address": address,
        "type": kind,
        "change": {"actions": actions, "before": before, "after": after},
    }


def problems(*changes: dict[str, Any]) -> list[str]:
    """What is objected to in a plan of these changes."""
    return objections({"resource_changes": list(changes)})


def updated(address: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is objected to in one update in place."""
    return problems(at(["update"], address, before=before, after=after))


def test_the_first_plan_is_accepted(plan: dict[str, Any]) -> None:
    """Where nothing exists everything is created, the secrets' first versions with it."""
    assert objections(plan) == []


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"]])
@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_what_cannot_be_got_back_is_not_destroyed_unseen(kind: str, actions: list[str]) -> None:
    """Nor replaced, which is the same; unless it is named. The sentence says what is lost."""
    address = f'{kind}.main["some"]'
    plan = {"resource_changes": [at(actions, address)]}
    (objection,) = objections(plan)
    assert objection.startswith(f"{address}: would be {'replaced' if 'create' in actions else 'destroyed'} ")
    assert LOSSES[kind] in objection
    assert objections(plan, [address]) == []


def test_a_type_that_nobody_thought_of_is_not_destroyed_either() -> None:
    """Refusing is the default; what may go is a short list."""
    assert problems(at(["delete"], "google_compute_network.main")) == [
        "google_compute_network.main: would be destroyed with what is in it"
    ]
    assert all(problems(at(["delete"], f"{kind}.main")) == [] for kind in EXPENDABLE)


def test_several_are_refused_and_allowed_one_by_one() -> None:
    """Allowing one says nothing of the other."""
    plan = {"resource_changes": [at(["delete"], QUEUE), at(["delete"], TOPIC)]}
    assert [one.partition(":")[0] for one in objections(plan)] == [QUEUE, TOPIC]
    assert [one.partition(":")[0] for one in objections(plan, [QUEUE])] == [TOPIC]
    assert objections(plan, [QUEUE, TOPIC]) == []


def test_a_grant_taken_away_is_refused_and_one_made_again_is_not() -> None:
    """A reader without its grant does not start; a grant beside a replaced function is made again at once."""
    assert problems(at(["delete"], GRANT)) == [
        f"{GRANT}: this grant would be taken away, and what relies on it refused"
    ]
    assert problems(at(["delete", "create"], GRANT)) == []


def test_leaving_a_thing_to_itself_is_refused() -> None:
    """A removed block makes Terraform forget what it looked after."""
    assert problems(at(["forget"], QUEUE)) == [f"{QUEUE}: would be left to itself: no longer looked after here"]


def test_a_seed_is_not_written_over_the_operators_versions(plan: dict[str, Any]) -> None:
    """Once version 1 was destroyed Terraform wants it back: as the newest version, with 20.00."""
    later = copy.deepcopy(plan)
    secret = 'google_secret_manager_secret.main["MICRO_BATCH_THRESHOLD_USD"]'
    for change in later["resource_changes"]:
        if change["address"] == secret:
            change["change"]["actions"] = ["no-op"]
    (objection,) = objections(later)
    assert objection.startswith('google_secret_manager_secret_version.seed["MICRO_BATCH_THRESHOLD_USD"]')
    assert "seed_secrets = false" in objection


def test_a_database_is_not_upgraded_unseen() -> None:
    """An adopted instance may run an older version than the variable's default says."""
    before, after = {"database_version": "POSTGRES_15"}, {"database_version": "POSTGRES_18"}
    assert "upgraded from POSTGRES_15 to POSTGRES_18" in updated(INSTANCE, before, after)[0]
    assert updated(INSTANCE, after, after) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("connector_enforcement", "NOT_REQUIRED", "REQUIRED"),
        ("database_flags", [], [{"name": "log_statement", "value": "ddl"}]),
        ("ip_configuration", [{"ssl_mode": "ENCRYPTED_ONLY"}], [{"ssl_mode": "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}]),
        ("tier", "db-custom-4-15360", "db-custom-1-3840"),
    ],
)
def test_an_adopted_instance_is_not_changed_unseen(name: str, before: Any, after: Any) -> None:
    """Other services live on it: what the connection must be like, its flags and its size are theirs too."""
    (objection,) = updated(INSTANCE, {"settings": [{name: before}]}, {"settings": [{name: after}]})
    assert objection == (
        f"{INSTANCE}: would be changed for every service that uses it, some of it with a restart: settings.{name}"
    )
    assert updated(INSTANCE, {"settings": [{"user_labels": {}}]}, {"settings": [{"user_labels": {"a": "b"}}]}) == []


@pytest.mark.parametrize("name", ["CHANGENOW_API_URL", "CLOUD_SQL_CONNECTION_NAME", "GCHOSTPAY1_URL"])
def test_money_is_not_sent_elsewhere_unseen(name: str) -> None:
    """Where orders, swaps and the payments' database are is worth a second look; a time-out is not."""
    old, new = ({"service_config": [{"environment_variables": {name: value}}]} for value in ("old", "new"))
    assert updated(CHECK, old, new) == [f"{CHECK}: {name} would become new instead of old"]
    old, new = ({"service_config": [{"environment_variables": {"HTTP_TIMEOUT_S": value}}]} for value in ("9", "10"))
    assert updated(CHECK, old, new) == []


def test_a_function_is_not_opened_to_the_internet_unseen() -> None:
    """Internal ingress is half of what protects a callback without an identity token."""
    inside, outside = ({"service_config": [{"ingress_settings": one}]} for one in ("ALLOW_INTERNAL_ONLY", "ALLOW_ALL"))
    assert updated(CHECK, inside, outside) == [f"{CHECK}: would be reached from the whole internet"]
    assert updated(CHECK, outside, inside) == []


@pytest.mark.parametrize(
    ("attempts", "lasting", "is_refused"), [(10, "0s", True), (1, "86400s", True), (-1, "0s", True), (1, "0s", False)]
)
def test_an_order_is_not_delivered_again_unseen(attempts: int, lasting: str, is_refused: bool) -> None:
    """Retrying ends only when attempts and time are both used up, so a time alone also means more than one."""
    once = {"name": "gchostpay1-batch-queue", "retry_config": [{"max_attempts": 1, "max_retry_duration": "0s"}]}
    retries = {"max_attempts": attempts, "max_retry_duration": lasting}
    found = updated(QUEUE, once, {"name": "gchostpay1-batch-queue", "retry_config": [retries]})
    assert bool(found) is is_refused
    assert all("before it pays" in one for one in found)


def test_protection_is_not_lost_unseen() -> None:
    """The step before a destroy is one that somebody means."""
    secret = 'google_secret_manager_secret.main["MICROBATCH_URL"]'
    assert updated(secret, {"deletion_protection": True}, {"deletion_protection": False}) == [
        f"{secret}: would lose its protection against deletion"
    ]
    bucket = "google_storage_bucket.packages"
    assert updated(bucket, {"force_destroy": False}, {"force_destroy": True})


def test_an_alert_that_tells_nobody_is_refused() -> None:
    """Another receiver is fine; none is not."""
    alert = 'module.watching.google_monitoring_alert_policy.line["amount_refused"]'
    assert updated(alert, {"notification_channels": ["a"]}, {"notification_channels": []}) == [
        f"{alert}: would tell nobody any more"
    ]
    assert updated(alert, {"notification_channels": ["a"]}, {"notification_channels": ["b"]}) == []


# ------------------------------------------------------------------ the file that is applied


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A plan's file and its document, with two things in it that would be destroyed."""
    plan, document = tmp_path / "production.tfplan", tmp_path / "production.tfplan.json"
    plan.write_bytes(b"the plan")
    document.write_text(json.dumps({"resource_changes": [at(["delete"], QUEUE), at(["delete"], TOPIC)]}))
    return plan, document


def review(files: tuple[Path, Path], *arguments: str) -> int:
    """Type the review of a plan."""
    plan, document = files
    return main(["deploy", "review", str(document), "--file", str(plan), *arguments])


def test_review_tells_how_to_allow_it(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and both addresses; with both allowed, 0 and the file's hash."""
    assert review(files) == Exit.REFUSED
    told = capsys.readouterr().err
    assert QUEUE in told
    assert TOPIC in told
    assert review(files, "--allow", QUEUE) == Exit.REFUSED
    assert review(files, "--allow", QUEUE, "--allow", TOPIC) == Exit.DONE
    assert "sha256 " in capsys.readouterr().out


def test_only_the_reviewed_file_is_applied(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Not one that nobody reviewed, not one that was refused, not one that changed since."""
    plan, _ = files
    approved = ["deploy", "approved", str(plan)]
    assert main(approved) == Exit.REFUSED
    assert review(files, "--allow", QUEUE, "--allow", TOPIC) == Exit.DONE
    digest = capsys.readouterr().out.split()[-1]
    assert main(approved) == Exit.DONE
    assert main([*approved, "--sha256", digest]) == Exit.DONE
    assert main([*approved, "--sha256", "0" * 64]) == Exit.REFUSED
    assert review(files) == Exit.REFUSED
    assert main(approved) == Exit.REFUSED, "an earlier approval must not outlive a refusal"
    assert review(files, "--allow", QUEUE, "--allow", TOPIC) == Exit.DONE
    plan.write_bytes(b"another plan")
    assert main(approved) == Exit.REFUSED
    assert "not the file that was reviewed" in capsys.readouterr().err
