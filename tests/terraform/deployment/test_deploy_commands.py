"""Deployment commands: a deployment tried, a schedule paused; on the sandbox's world."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ops.command_line.exits import Exit
from ops.command_line.root import main
from ops.deployment.installation import Installation
from sandbox.wire.http_server import Answer, Request, Responder
from sandbox.world.addresses import BATCH_QUEUE, CHECK_TOPIC, RESPONSE_QUEUE, queue_path, topic_path
from sandbox.world.world import Wishes, World

pytestmark = pytest.mark.timeout(180)

JOB = "projects/telepay-sandbox/locations/us-central1/jobs/micro-batch-conversion-job"
ACCOUNT = "gchostpay1@telepay-sandbox.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Both functions as processes, with the queues, topics and secrets that Terraform makes."""
    with World(Wishes()) as running:
        yield running


@pytest.fixture
def outputs(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The world as `terraform output -json` would tell of it; its stand-ins in the environment."""
    monkeypatch.setenv("DATABASE_URL", world.database_url)
    monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", world.cloud_tasks.address)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", world.pubsub.address)
    return written(installation(world), tmp_path)


def installation(world: World) -> Installation:
    """Where the parts of this world are."""
    return Installation(
        callback_account=ACCOUNT,
        callback_queue=queue_path(RESPONSE_QUEUE),
        callback_url=world.function("swap_executed").url,
        operations_job=None,
        order_queue=queue_path(BATCH_QUEUE),
        packages_bucket="packages",
        scheduler_job=JOB,
        services={},
        trigger_topic=topic_path(CHECK_TOPIC),
    )


def written(where: Installation, folder: Path) -> Path:
    """Write the outputs' document."""
    file = folder / "outputs.json"
    file.write_text(json.dumps({"installation": {"value": asdict(where)}}))
    return file


def test_the_outputs_tell_what_the_commands_need(plan: dict[str, Any]) -> None:
    """Terraform's output has every field of Installation, known or known after apply."""
    output = plan["output_changes"]["installation"]
    known = set(output["after"] or {}) | set(output["after_unknown"] or {})
    assert known == set(Installation.__dataclass_fields__)


def test_smoke_proves_health_and_one_check(world: World, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Health through the callback queue with GCHostPay1's identity, then a check's own row."""
    before = world.query("SELECT COUNT(*) AS checks FROM threshold_checks")[0]["checks"]
    assert main(["deploy", "smoke", str(outputs), "--poll-s", "0.1"]) == Exit.DONE
    told = capsys.readouterr()
    assert "swap_executed: healthy" in told.err
    assert "below_threshold" in told.out
    assert world.query("SELECT COUNT(*) AS checks FROM threshold_checks")[0]["checks"] == before + 1
    (task,) = [task for task in world.cloud_tasks.created if "/tasks/smoke-test-" in task.name][-1:]
    assert task.http_request.oidc_token.service_account_email == ACCOUNT
    assert task.http_request.oidc_token.audience == world.function("swap_executed").url
    assert not world.cloud_tasks.tasks(queue_path(RESPONSE_QUEUE))


def test_smoke_sees_a_function_that_does_not_answer(
    world: World, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No 2xx in time: exit code 1, what to look at, and no task left behind that would go on for a day."""
    with Responder(lambda _: Answer(503, {"status": "unhealthy"})) as sick:
        changed = asdict(installation(world)) | {"callback_url": sick.url}
        file = written(Installation(**changed), tmp_path)
        assert main(["deploy", "smoke", str(file), "--poll-s", "0.1", "--health-s", "1"]) == Exit.REFUSED
        assert [(one.method, one.path) for one in sick.requests][:1] == [("GET", "/health")]
    assert "did not succeed" in capsys.readouterr().err
    assert not world.cloud_tasks.tasks(queue_path(RESPONSE_QUEUE))


def test_smoke_sees_a_check_that_never_comes(
    world: World, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A topic that nothing listens to: exit code 1 and the runbook's section."""
    topic = topic_path("deaf")
    world.pubsub.create_topic(topic)
    file = written(Installation(**asdict(installation(world)) | {"trigger_topic": topic}), tmp_path)
    assert main(["deploy", "smoke", str(file), "--poll-s", "0.1", "--check-s", "0.5"]) == Exit.REFUSED
    assert "runbook.md#check-stopped" in capsys.readouterr().err


def test_smoke_sees_a_threshold_that_cannot_be_read(
    world: World, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check with a fallback works, and the deployment does not: somebody must grant the secret."""
    world.secret_manager.disable("telepay-sandbox", "MICRO_BATCH_THRESHOLD_USD")
    try:
        assert main(["deploy", "smoke", str(outputs), "--poll-s", "0.1"]) == Exit.REFUSED
    finally:
        world.secret_manager.enable("telepay-sandbox", "MICRO_BATCH_THRESHOLD_USD")
    assert "runbook.md#configuration-fallback" in capsys.readouterr().err


def test_rollback_pauses_first_and_lists_the_money(
    world: World, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The schedule stands still; batches in flight, orders not taken yet and pending payments are named."""
    world.cloud_tasks.pause(queue_path(BATCH_QUEUE))
    try:
        for amount_usd in ("15.00", "12.00"):
            world.pay(amount_usd)
        world.trigger()
        in_flight = "SELECT batch_conversion_id FROM batch_conversions WHERE task_enqueued_at IS NOT NULL"
        ((batch),) = world.wait_for(lambda: world.query(in_flight), "the batch")
        pending = world.pay("5.00")
        with Responder(paused) as scheduler:
            assert main(["deploy", "rollback", str(outputs), "--scheduler-url", scheduler.url]) == Exit.DONE
            assert [one.name for one in scheduler.requests] == [f"POST /v1/{JOB}:pause"]
        told = capsys.readouterr()
        said = told.out
        batch_conversion_id = batch["batch_conversion_id"]
        assert told.err.startswith(f"paused: {JOB}\n")
        assert "batches in flight: 1" in said
        assert f"{batch_conversion_id}  swapping" in said
        assert "ORDERED" in said
        assert f"orders that GCHostPay1 has not taken yet: 1\n  batch-{batch_conversion_id}" in said
        assert "pending payments: 1" in said
        assert f"\n  {pending}  $" in said
    finally:
        world.cloud_tasks.resume(queue_path(BATCH_QUEUE))


def paused(request: Request) -> Answer:
    """Cloud Scheduler's answer to a pause."""
    return Answer(200, {"name": request.path.removeprefix("/v1/").removesuffix(":pause"), "state": "PAUSED"})


def test_rollback_pauses_even_without_a_database(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database may be what the rollback is for."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:password@127.0.0.1:1/none")
    with Responder(paused) as scheduler:
        assert main(["deploy", "rollback", str(outputs), "--scheduler-url", scheduler.url]) == Exit.TRY_AGAIN
        assert len(scheduler.requests) == 1
    assert "paused: " in capsys.readouterr().err


@pytest.mark.parametrize("answer", [Answer(403, {}), Answer(200, {"state": "ENABLED"})])
def test_a_schedule_that_still_runs_is_not_called_paused(
    answer: Answer, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and the command that does it by hand."""
    with Responder(lambda _: answer) as scheduler:
        assert main(["deploy", "rollback", str(outputs), "--scheduler-url", scheduler.url]) == Exit.REFUSED
    told = capsys.readouterr()
    assert "paused: " not in told.err
    assert "NOT paused" in told.err
    assert "gcloud scheduler jobs pause micro-batch-conversion-job --location=us-central1" in told.err


def test_other_outputs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of another configuration is not half understood."""
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"installation": {"value": {"callback_queue": "q"}}}))
    assert main(["deploy", "smoke", str(file)]) == Exit.REFUSED
    assert "not the outputs of this configuration" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["smoke", "rollback", "rollback-revision"])
def test_outputs_of_nothing_say_what_to_type(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Terraform tells of a project in which it has made nothing yet."""
    file = tmp_path / "outputs.json"
    file.write_text("{}")
    assert main(["deploy", verb, str(file)]) == Exit.REFUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert "make prepare, make plan, make deploy; or another ENV" in line
