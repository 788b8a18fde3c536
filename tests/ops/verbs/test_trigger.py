"""`trigger` through the topic to the function's own process, as in production."""

from collections.abc import Iterator

import pytest

from ops.outside.trigger_topic import publish_tick
from sandbox.world.addresses import CHECK_TOPIC, PROJECT, topic_path
from sandbox.world.world import Wishes, World
from tests.ops.conftest import Shell

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Both functions as processes, with the topic that starts checks."""
    with World(Wishes()) as running:
        yield running


@pytest.fixture
def world_shell(world: World, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell beside the world."""
    monkeypatch.setenv("DATABASE_URL", world.database_url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", world.pubsub.address)
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", world.secret_manager.address)
    return bare_shell


def test_a_check_is_triggered_and_its_decision_told(world: World, world_shell: Shell) -> None:
    """Below the threshold it waits; forced it opens a batch, which is then waited for to its end."""
    world.pay("5.00")
    typed = world_shell("trigger", "--wait", "--json")
    assert (typed.code, typed.document["check"]["reason"]) == (0, "below_threshold")
    typed = world_shell("trigger", "--force", "--wait")
    assert typed.code == 0
    assert "forced, batch " in typed.out
    typed = world_shell("wait", "#1", "--timeout", "60")
    assert typed.code == 0, typed.out
    assert "is completed with" in typed.out
    typed = world_shell("trigger")
    assert typed.code == 0
    assert "is sent" in typed.out
    three_ended = "SELECT id FROM threshold_checks OFFSET 2"
    assert world.wait_for(lambda: world.query(three_ended), "the third check's row")


def test_the_schedules_check_is_not_taken_for_a_forced_one(
    world: World, world_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes between is not the answer: it opens nothing, and the forced one does."""
    world.pay("5.00")
    (before,) = world.query("SELECT COALESCE(MAX(id), 0) AS id FROM threshold_checks")

    def publish_late(*, force: bool) -> str:
        publish_tick(force=False)
        between = f"SELECT id FROM threshold_checks WHERE id > {before['id']} AND reason = 'below_threshold'"
        assert world.wait_for(lambda: world.query(between), "the schedule's check")
        return publish_tick(force=force)

    monkeypatch.setattr("ops.verbs.steer.trigger.publish_tick", publish_late)
    typed = world_shell("trigger", "--force", "--wait", "--json")
    assert typed.document["check"]["reason"] == "forced"


def test_a_check_that_does_not_come(world: World, world_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that nobody listens to: still pending after the time-out, exit code 8."""
    world.pubsub.create_topic(topic_path("deaf"))
    monkeypatch.setenv("MICRO_BATCH_TRIGGER_TOPIC", "deaf")
    typed = world_shell("trigger", "--wait", "--timeout", "0.3", "--json")
    assert (typed.code, typed.document["check"]) == (8, None)


def test_no_topic_and_no_pubsub(world: World, world_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is not there is a refusal that names it."""
    monkeypatch.setenv("MICRO_BATCH_TRIGGER_TOPIC", "nosuch")
    typed = world_shell("trigger")
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (1, "", 1)
    assert "topics/nosuch" in typed.err
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    assert world_shell("trigger").code == 1
    assert CHECK_TOPIC == "micro-batch-trigger", "what the verb takes by default is what the world has"
