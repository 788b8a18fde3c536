"""Every PromQL expression, evaluated by Prometheus over series of the code's own lines: when it fires, and when not."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.logs import Event
from tests.terraform.tool import of_type
from tests.terraform.watching.planned import dashboard_queries, metrics
from tests.terraform.watching.story import Line
from tests.terraform.watching.timeline import DAY_MIN, Timeline

RULES_MAX_S = 100
QUEUE = 'cloudtasks_googleapis_com:queue_depth{monitored_resource="cloud_tasks_queue",queue_id="%s"}'
TICKS = (
    "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
    '{monitored_resource="pubsub_subscription",'
    'subscription_id="eventarc-us-central1-micro-batch-check-threshold-1-sub-2"}'
)


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's own tool; skips where it is not installed (Debian: the package prometheus)."""
    program = shutil.which(os.environ.get("PROMTOOL", "promtool"))
    if program is None:
        pytest.skip("no promtool: install Prometheus (on Debian and Ubuntu: apt install prometheus), or set PROMTOOL")
    return program


class Monitoring:
    """The plan's alerts, as Prometheus would evaluate them."""

    def __init__(self, promtool: str, plan: dict[str, Any], lines: list[Line], folder: Path) -> None:
        self.promtool = promtool
        self.lines = lines
        self.metrics = metrics(plan)
        self.folder = folder
        self.rules = {
            address.split('"')[1]: values["conditions"][0]["condition_prometheus_query_language"][0]
            for address, values in of_type(plan, "google_monitoring_alert_policy.query").items()
        }

    def line(self, event: Event, **fields: Any) -> Line:
        """A line of this kind as the code wrote it, with these fields if given."""
        return next(
            line
            for line in self.lines
            if line.get("event") == event and all(line.get(name) == value for name, value in fields.items())
        )

    def fires(self, alert: str, timeline: Timeline, minute: int) -> bool:
        """Whether an alert fires at a minute."""
        return (alert, minute) in self.firing(timeline, [minute], [alert])

    def firing(
        self, timeline: Timeline, minutes: Sequence[int], alerts: Sequence[str] | None = None
    ) -> set[tuple[str, int]]:
        """Which of the alerts (all, if none is named) fire at which of the minutes."""
        names = list(alerts or self.rules)
        tests = [
            {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []} for name in names for minute in minutes
        ]
        told = self._run(names, timeline, alert_rule_test=tests)
        found = {
            (name, _minutes(time)) for name, time in re.findall(r"alertname: *(\w+), time: *(\w+),\s*exp:\[\s*\]", told)
        }
        assert found or "SUCCESS" in told, told
        return found

    def value(self, query: str, timeline: Timeline, minute: int) -> float:
        """The one value of an expression at a minute, found by being told what it is not."""
        test = {"eval_time": f"{minute}m", "expr": query, "exp_samples": []}
        told = self._run([], timeline, promql_expr_test=[test])
        assert "got:" in told, told
        return float(told.partition("got:")[2].split("\n")[0].split()[-1].strip('",[]'))

    def _run(self, alerts: Sequence[str], timeline: Timeline, **tests: list[dict[str, Any]]) -> str:
        rules = [
            {"alert": name, "expr": self.rules[name]["query"], "for": self.rules[name]["duration"]} for name in alerts
        ]
        (self.folder / "rules.json").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
        test = {"interval": "1m", "input_series": timeline.input_series(self.metrics), **tests}
        file = self.folder / "tests.json"  # YAML reads JSON
        file.write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [test]}))
        command = [self.promtool, "test", "rules", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RULES_MAX_S, check=False)
        return done.stdout + done.stderr


def _minutes(time: str) -> int:
    """A time as promtool writes it (5m, 1h12m, 1d), in minutes."""
    units = {"d": DAY_MIN, "h": 60, "m": 1, "s": 0}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", time))


@pytest.fixture
def monitoring(promtool: str, plan: dict[str, Any], lines: list[Line], tmp_path: Path) -> Monitoring:
    """The plan's alerts and the code's lines."""
    return Monitoring(promtool, plan, lines, tmp_path)


# ------------------------------------------------------------------ days on which nothing may fire


def waiting(monitoring: Monitoring, minutes: int, **fields: Any) -> Timeline:
    """A check every quarter of an hour that finds little and does nothing."""
    line = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    young = {"oldest_pending_age_s": 3600} | fields
    return Timeline(minutes).every(15, line, **young)


def quiet_day(monitoring: Monitoring) -> Timeline:
    """Nothing but checks below the threshold."""
    return waiting(monitoring, DAY_MIN)


def paused_day(monitoring: Monitoring) -> Timeline:
    """The policy pauses: checks come and open nothing, and what waits grows old."""
    return waiting(monitoring, DAY_MIN, reason="paused", oldest_pending_age_s=2 * 86400)


def busy_day(monitoring: Monitoring) -> Timeline:
    """A batch every half hour, each completed by its callback, and one that fails."""
    completed = monitoring.line(Event.BATCH_COMPLETED, settled_by="callback")
    return (
        quiet_day(monitoring)
        .every(30, monitoring.line(Event.BATCH_CREATED), first=2)
        .every(30, completed, first=12, duration_s=600)
        .once(700, monitoring.line(Event.BATCH_FAILED))
        .once(710, monitoring.line(Event.EXCHANGE_UNAVAILABLE))
        .gauge(QUEUE % "microbatch-response-queue", 0)
        .gauge(TICKS, 20)
    )


def first_hour(monitoring: Monitoring) -> Timeline:
    """An installation whose first check comes after 14 minutes; before it there is no series at all."""
    line = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    return Timeline(60).every(15, line, first=14, oldest_pending_age_s=3600)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("day", [quiet_day, paused_day, busy_day, first_hour])
def test_an_ordinary_day_is_silent(monitoring: Monitoring, day: Any) -> None:
    """No alert fires at any of many minutes."""
    timeline = day(monitoring)
    minutes = [minute for minute in (5, 13, 30, 44, 60, 361, 720, 1081, DAY_MIN) if minute <= timeline.minutes]
    assert monitoring.firing(timeline, minutes) == set()


# ------------------------------------------------------------------ what fires, and after how long


def test_silence_is_told_after_three_quarters_of_an_hour(monitoring: Monitoring) -> None:
    """Whether checks end or never come; a check that only finds another one running is none."""
    busy = monitoring.line(Event.CHECK_COMPLETED, reason="check_in_progress")
    well = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    stopped = Timeline(180).every(15, well, last=61).every(15, busy, first=76)
    assert not monitoring.fires("check_stopped", stopped, 104)
    assert monitoring.fires("check_stopped", stopped, 108)
    assert not monitoring.fires("check_stopped", Timeline(60), 24)
    assert monitoring.fires("check_stopped", Timeline(60), 26)


def test_two_failed_batches_of_a_day_are_a_rate_and_one_is_none(monitoring: Monitoring) -> None:
    """At launch one failure among a dozen would be 8 %, for a whole day."""
    failed, completed = monitoring.line(Event.BATCH_FAILED), monitoring.line(Event.BATCH_COMPLETED)
    day = Timeline(600).every(50, completed)
    assert not monitoring.fires("batch_failures", day.once(300, failed), 400)
    assert monitoring.fires("batch_failures", day.once(300, failed).once(310, failed), 400)


def test_callbacks_that_do_not_come_are_told(monitoring: Monitoring) -> None:
    """Two batches settled by reconciliation; one may be an accident."""
    late = monitoring.line(Event.BATCH_COMPLETED, settled_by="reconciliation")
    assert not monitoring.fires("callbacks_missing", Timeline(600).once(100, late), 400)
    assert monitoring.fires("callbacks_missing", Timeline(600).once(100, late).once(200, late), 400)


@pytest.mark.parametrize(
    ("alert", "event"),
    [
        ("exchange_unavailable", Event.EXCHANGE_UNAVAILABLE),
        ("dependency_unavailable", Event.DATABASE_UNAVAILABLE),
        ("dependency_unavailable", Event.TASKS_UNAVAILABLE),
        ("dependency_unavailable", Event.EVENTS_UNPUBLISHED),
    ],
)
def test_an_outage_is_told_at_its_third_line(monitoring: Monitoring, alert: str, event: Event) -> None:
    """Three in three quarters of an hour; and it is over when it is over."""
    line = monitoring.line(event)
    outage = Timeline(200).every(10, line, first=60, last=80)
    assert not monitoring.fires(alert, outage, 75)
    assert monitoring.fires(alert, outage, 82)
    assert not monitoring.fires(alert, outage, 150)


def test_no_batch_for_a_day_is_told_when_dollars_wait(monitoring: Monitoring) -> None:
    """Not when nothing old waits, nor when a batch was opened."""
    old = waiting(monitoring, DAY_MIN, oldest_pending_age_s=90000)
    assert monitoring.fires("no_batch", old, DAY_MIN)
    assert not monitoring.fires("no_batch", old.once(700, monitoring.line(Event.BATCH_CREATED)), DAY_MIN)


def test_a_task_that_waits_half_an_hour_is_told(monitoring: Monitoring) -> None:
    """One is enough, in either queue; another service's queue is not ours."""
    for queue in ("gchostpay1-batch-queue", "microbatch-response-queue"):
        assert monitoring.fires("queue_backlog", Timeline(60).gauge(QUEUE % queue, 1), 31)
        assert not monitoring.fires("queue_backlog", Timeline(60).gauge(QUEUE % queue, 1), 29)
    assert not monitoring.fires("queue_backlog", Timeline(60).gauge(QUEUE % "another-queue", 9), 60)


@pytest.mark.parametrize(("alert", "after_min"), [("cut_over_pending", 240), ("policy_unreadable", 30)])
def test_checks_that_may_claim_nothing_are_told(monitoring: Monitoring, alert: str, after_min: int) -> None:
    """Not at once, since somebody is at it; and not for another reason."""
    line = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    held = Timeline(300).every(15, line, reason=alert)
    assert not monitoring.fires(alert, held, after_min - 5)
    assert monitoring.fires(alert, held, after_min + 20)
    assert not monitoring.fires(alert, waiting(monitoring, 300), 300)


def test_ticks_that_nobody_takes_are_told(monitoring: Monitoring) -> None:
    """Older than half an hour, for a quarter of one."""
    assert monitoring.fires("ticks_unanswered", Timeline(60).gauge(TICKS, 2000), 16)
    assert not monitoring.fires("ticks_unanswered", Timeline(60).gauge(TICKS, 1500), 60)


def test_an_objective_of_checks_burns(monitoring: Monitoring) -> None:
    """One missed check is within the budget; three of six hours, the last of them now, are not."""
    well = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    hours = Timeline(720).every(15, well, last=500)
    one_missed = hours.every(15, well, first=526)
    many_missed = hours.every(15, well, first=571, last=630)
    assert not monitoring.fires("objective_checks", one_missed, 700)
    assert monitoring.fires("objective_checks", many_missed, 700)


def test_an_objective_of_batches_burns(monitoring: Monitoring) -> None:
    """Two late of ten; one late is no rate."""
    completed = monitoring.line(Event.BATCH_COMPLETED)
    day = Timeline(600).every(60, completed, duration_s=900)
    late = completed | {"duration_s": 4000}
    assert not monitoring.fires("objective_batches", day.once(300, late), 400)
    assert monitoring.fires("objective_batches", day.once(300, late).once(320, late), 400)


# ------------------------------------------------------------------ the dashboard


@pytest.mark.timeout(300)
def test_every_chart_shows_something_on_a_busy_day(monitoring: Monitoring, plan: dict[str, Any]) -> None:
    """No expression is refused, and none is empty where there is something to show."""
    refusals = [
        monitoring.line(event)
        for event in (Event.AMOUNT_REFUSED, Event.QUOTE_REFUSED, Event.CALLBACK_REFUSED, Event.DISTRIBUTION_MISMATCH)
    ]
    day = busy_day(monitoring).gauge(QUEUE % "gchostpay1-batch-queue", 1)
    for line in refusals:
        day = day.every(20, line, first=3)
    for what in ("cpu", "disk"):
        name = f"cloudsql_googleapis_com:database_{what}_utilization"
        project = plan["variables"]["project_id"]["value"]
        day = day.gauge(f'{name}{{monitored_resource="cloudsql_database",database_id="{project}:telepaypsql"}}', 0)
    for title, query in dashboard_queries(plan).items():
        shown = monitoring.value(f"count({query})", day, 722)
        assert shown >= 1, title


def test_pending_is_as_of_the_last_check(monitoring: Monitoring, plan: dict[str, Any]) -> None:
    """A change from 20 to 100 dollars shows as 100 with the next check, never as 60."""
    line = monitoring.line(Event.CHECK_COMPLETED, reason="below_threshold")
    changed = Timeline(180).every(15, line, last=90, pending_usd="20.00")
    changed = changed.every(15, line, first=91, pending_usd="100.00")
    query = dashboard_queries(plan)["Pending, USD"]
    assert monitoring.value(query, changed, 89) == 20
    assert monitoring.value(query, changed, 93) == 100
    assert monitoring.value(query, changed, 104) == 100
