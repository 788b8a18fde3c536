"""What operators and callers say with every tick: the threshold, force, the trace; a process started by hand."""

from pathlib import Path

import pytest
import requests

from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionProcess
from tests.e2e.stage import EVENT_HEADERS, PATIENCE_S, Stage
from tests.rig import PROJECT, SIGNING_KEY

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_the_threshold_is_read_anew_by_every_check_of_a_process(stage: Stage) -> None:
    """Raised and lowered in Secret Manager: the next check honours it, without a restart."""
    stage.rig.set_threshold("1000.00")
    stage.rig.pay("25.00")
    stage.tick()
    stage.rig.set_threshold("30")
    stage.tick()
    stage.rig.set_threshold("25.00\n")
    stage.tick()
    assert [(row["threshold_usd"], row["reason"]) for row in stage.rig.checks()] == [
        (1000, "below_threshold"),
        (30, "below_threshold"),
        (25, "threshold_reached"),
    ]
    stage.assert_ordered_once()
    messages = [line["message"] for line in stage.spoken()]
    assert "Total pending ($25.00) < Threshold ($1000.00) - no action" in messages
    assert "Total pending ($25.00) >= Threshold ($25.00) - creating batch" in messages
    assert "Batch conversion created" in messages


def test_the_policy_is_read_anew_as_well(stage: Stage) -> None:
    """Paused, then not."""
    stage.rig.pay("25.00")
    stage.rig.set_policy('{"paused": true}')
    stage.tick(force=True)
    stage.rig.set_policy('{"paused": false}')
    stage.tick()
    assert [row["reason"] for row in stage.rig.checks()] == ["paused", "threshold_reached"]


def test_force_opens_a_batch_below_the_threshold(stage: Stage) -> None:
    """The attribute of the message, as an operator publishes it; without it the payment waits."""
    stage.rig.pay("5.00")
    stage.tick()
    assert stage.reason() == "below_threshold"
    stage.tick(force=True)
    assert stage.reason() == "forced"
    assert stage.assert_ordered_once()["opened_because"] == "forced"


@pytest.mark.parametrize(
    "headers",
    [{"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}, {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}],
    ids=["Google's", "W3C's"],
)
def test_the_callers_trace_is_on_every_line(stage: Stage, headers: dict[str, str]) -> None:
    """Of a check, of a callback that is done, and of one that is refused; and on no line of the next request."""
    stage.rig.pay("10.00", "15.00")
    stage.tick(headers=headers)
    (batch,) = stage.rig.batches()
    stage.rig.pay_out(batch, "24.50")
    stage.call_back(stage.rig.response(batch, "24.50"), headers=headers)
    stage.call_back("no token", headers=headers)
    lines = stage.spoken()
    assert {"batch_created", "check_completed", "batch_completed", "callback_refused"} <= set(stage.events())
    assert {line["logging.googleapis.com/trace"] for line in lines} == {f"projects/{PROJECT}/traces/{TRACE}"}
    stage.mark()
    stage.tick()
    stage.tick(headers={"X-Cloud-Trace-Context": 'x"; DROP'})
    assert all("logging.googleapis.com/trace" not in line for line in stage.spoken())


def test_a_process_without_its_settings_says_which(tmp_path: Path) -> None:
    """One critical line names every missing or bad one and no secret; what is no event is refused before that."""
    environment = {"SUCCESS_URL_SIGNING_KEY": SIGNING_KEY, "DATABASE_URL": "mysql://somebody:hunter2@host/name"}
    check, callback = (FunctionProcess(target, environment, tmp_path) for target in (CHECK_THRESHOLD, SWAP_EXECUTED))
    try:
        check.start()
        callback.start()
        assert requests.post(check.url, json=[1], timeout=PATIENCE_S).status_code == 400
        assert [line["event"] for line in check.log_lines] == ["request_unreadable"]
        assert requests.post(check.url, json={}, headers=EVENT_HEADERS, timeout=PATIENCE_S).status_code == 500
        for method, path in (("POST", "/swap-executed"), ("GET", "/health")):
            answer = requests.request(method, callback.url + path, json={}, timeout=PATIENCE_S)
            assert (answer.status_code, answer.json()["status"]) == (503, "error")
    finally:
        check.kill()
        callback.kill()
    for process, before, lines in ((check, 1, 1), (callback, 0, 2)):
        assert [(line["severity"], line["event"]) for line in process.log_lines[before:]] == [
            ("CRITICAL", "settings_invalid")
        ] * lines
        assert len(process.output.splitlines()) == before + lines
        for name in ("GOOGLE_CLOUD_PROJECT", "CHANGENOW_API_KEY", "DATABASE_URL"):
            assert name in process.log_lines[-1]["message"]
        assert SIGNING_KEY not in process.output
        assert "hunter2" not in process.output
