"""Metrics, alerts and the dashboard, against lines that the code itself writes and the runbook."""

import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from sandbox.postgres.server import Postgres
from shared.logs import Event
from tests.rig import PROJECT, Peers, Rig
from tests.terraform.tool import ROOT, of_type
from tests.terraform.watching.logging_filter import matches
from tests.terraform.watching.story import STORIES, Line, listening

SERVICES = ("micro-batch-check-threshold", "micro-batch-swap-executed")
RUNBOOK = ROOT / "docs" / "runbook.md"
URGENT = {"ERROR", "CRITICAL"}
SERIES_WORD = re.compile(r"[a-z0-9_]{1,40}")  # a label's value: one of a few words, no text of its own

_numbers = itertools.count(1)


def entry(line: Line, service: str = SERVICES[0]) -> dict[str, Any]:
    """A line as Cloud Logging keeps it: special keys apart, the rest in jsonPayload."""
    special = {"severity", "time"}
    return {
        "severity": line["severity"],
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": service}},
        "jsonPayload": {key: value for key, value in line.items() if key not in special},
    }


@pytest.fixture(scope="module")
def lines(postgres: Postgres, migrated_template: str, peers: Peers) -> list[Line]:
    """What the functions write in every story, each in a database of its own."""
    with listening() as heard:
        for story in STORIES:
            with _rig(postgres, migrated_template, peers) as rig:
                story(rig)
    return heard


@contextmanager
def _rig(postgres: Postgres, template: str, peers: Peers) -> Iterator[Rig]:
    name = f"story_{os.getpid()}_{next(_numbers)}"
    postgres.create_database(name, template)
    rig = Rig(postgres.url(name), peers)
    rig.set_threshold("20.00")
    yield rig
    rig.close()
    for server in (peers.exchange, peers.tasks, peers.secrets):
        server.faults.clear()
    for secret in ("MICRO_BATCH_THRESHOLD_USD", "MICRO_BATCH_POLICY"):
        with suppress(KeyError):
            peers.secrets.delete_secret(PROJECT, secret)
    postgres.drop_database(name)


def metrics(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The log-based metrics, by name."""
    return {values["name"]: values for values in of_type(plan, "google_logging_metric").values()}


def line_alerts(plan: dict[str, Any]) -> dict[str, str]:
    """The filters of the alerts on a single line, by key."""
    return {
        address.split('"')[1]: values["conditions"][0]["condition_matched_log"][0]["filter"]
        for address, values in of_type(plan, "google_monitoring_alert_policy.line").items()
    }


def query_alerts(plan: dict[str, Any]) -> dict[str, str]:
    """The PromQL of the alerts over time, by key."""
    return {
        address.split('"')[1]: values["conditions"][0]["condition_prometheus_query_language"][0]["query"]
        for address, values in of_type(plan, "google_monitoring_alert_policy.query").items()
    }


def dashboard_queries(plan: dict[str, Any]) -> list[str]:
    """Every PromQL of the dashboard."""
    (values,) = of_type(plan, "google_monitoring_dashboard").values()
    tiles = json.loads(values["dashboard_json"])["mosaicLayout"]["tiles"]
    return [
        one["timeSeriesQuery"]["prometheusQuery"]
        for tile in tiles
        for one in tile["widget"].get("xyChart", {}).get("dataSets", [])
    ]


def named_events(text: str) -> set[str]:
    """The events that a filter asks for."""
    (asked,) = re.findall(r'jsonPayload\.event=("[^"]*"|\([^)]*\))', text)
    return set(re.findall(r'"([^"]*)"', asked))


def extracted(line: Line, extractor: str) -> Any:
    """What ``EXTRACT(jsonPayload.field)`` finds in a line."""
    found = re.fullmatch(r"EXTRACT\(jsonPayload\.(\w+)\)", extractor)
    assert found is not None, extractor
    return line.get(found[1])


def test_the_stories_tell_of_every_event(lines: list[Line]) -> None:
    """Each word of Event is written by the code in some story, so that what follows leaves nothing out."""
    assert {line.get("event") for line in lines} == set(Event)


def test_every_filter_finds_exactly_the_lines_of_its_events(plan: dict[str, Any], lines: list[Line]) -> None:
    """A metric or alert whose filter no line ever matches would stay silent for ever."""
    filters = {name: values["filter"] for name, values in metrics(plan).items()} | line_alerts(plan)
    assert len(filters) > 20
    for name, text in filters.items():
        events = named_events(text)
        assert events <= set(Event), name
        for service in SERVICES:
            found = [line for line in lines if matches(text, entry(line, service))]
            assert {line["event"] for line in found} == events, name
            if name != "pending_age":
                assert len(found) == sum(line.get("event") in events for line in lines), name
        assert not any(matches(text, entry(line, "another-service")) for line in lines), name


def test_an_old_payment_alerts_and_a_young_one_does_not(plan: dict[str, Any], lines: list[Line]) -> None:
    """The age is a number in the line, and the limit is 48 hours."""
    text = line_alerts(plan)["pending_age"]
    ages = {
        line["oldest_pending_age_s"]: matches(text, entry(line))
        for line in lines
        if line.get("event") == Event.CHECK_COMPLETED and "oldest_pending_age_s" in line
    }
    assert {age > 48 * 3600 for age in ages} == {True, False}
    assert all(found == (age > 48 * 3600) for age, found in ages.items())


def test_every_measured_field_is_a_number_in_the_line(plan: dict[str, Any], lines: list[Line]) -> None:
    """Cloud Logging records a value that reads as a number, whether written as one or as a text."""
    measured = {name: values for name, values in metrics(plan).items() if values["value_extractor"]}
    assert len(measured) == 9
    for name, values in measured.items():
        found = [line for line in lines if matches(values["filter"], entry(line))]
        numbers = [extracted(line, values["value_extractor"]) for line in found]
        told = [number for number in numbers if number is not None]
        assert told, name
        for number in told:
            assert re.fullmatch(r"-?\d+(\.\d+)?", str(number)), name


def test_every_label_is_one_of_a_few_words(plan: dict[str, Any], lines: list[Line]) -> None:
    """Each value of a label is a time series that is paid for: a free text must not become one."""
    for name, values in metrics(plan).items():
        declared = {label["key"] for label in values["metric_descriptor"][0]["labels"]}
        assert declared == set(values["label_extractors"] or {}), name
        for label, extractor in (values["label_extractors"] or {}).items():
            found = [line for line in lines if matches(values["filter"], entry(line))]
            words = [str(word) for word in (extracted(line, extractor) for line in found) if word is not None]
            assert words, f"{name}.{label}"
            assert all(SERIES_WORD.fullmatch(word) for word in words), f"{name}.{label}: {words}"


def test_every_query_asks_for_metrics_and_labels_that_exist(plan: dict[str, Any]) -> None:
    """PromQL names: the metric's name, with _sum and _count for a distribution, and its own labels only."""
    known = metrics(plan)
    for query in [*query_alerts(plan).values(), *dashboard_queries(plan)]:
        assert query.count("(") == query.count(")")
        selectors = re.findall(r"([a-z_]+):(\w+)\{([^}]*)\}", query)
        assert selectors, query
        for domain, name, labels in selectors:
            if domain == "cloudtasks_googleapis_com":
                assert name == "queue_depth"
                continue
            assert domain == "logging_googleapis_com", query
            values = known.get(re.sub(r"^user_", "", name))
            if values is None:
                values = known[re.sub(r"^user_(\w+)_(sum|count)$", r"\1", name)]
                assert values["metric_descriptor"][0]["value_type"] == "DISTRIBUTION", query
            else:
                assert values["metric_descriptor"][0]["value_type"] == "INT64", query
            asked = set(re.findall(r"(\w+)!?=", labels)) - {"monitored_resource"}
            assert asked <= {label["key"] for label in values["metric_descriptor"][0]["labels"]}, query


def test_every_error_reaches_a_person(plan: dict[str, Any], lines: list[Line]) -> None:
    """Each event that the code writes at ERROR or above is in some alert, directly or by its metric."""
    watched = {event for text in line_alerts(plan).values() for event in named_events(text)}
    for query in query_alerts(plan).values():
        for name, values in metrics(plan).items():
            if f"user_{name}{{" in query:
                watched |= named_events(values["filter"])
    urgent = {line["event"] for line in lines if line["severity"] in URGENT}
    assert urgent
    assert urgent <= watched


def test_the_alert_on_silence_does_not_trust_a_check_that_found_another(plan: dict[str, Any]) -> None:
    """45 minutes; none written counts as none; `check_in_progress` only says that another one may hang."""
    query = query_alerts(plan)["check_stopped"]
    assert "user_micro_batch_checks{" in query
    assert 'reason!="check_in_progress"' in query
    assert "[45m]" in query
    assert query.endswith("or vector(0)) < 1")


def test_every_alert_names_a_section_of_the_runbook(plan: dict[str, Any]) -> None:
    """What the on-call person opens exists, and answers the four questions."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), flags=re.MULTILINE | re.DOTALL))
    policies = of_type(plan, "google_monitoring_alert_policy")
    assert len(policies) == len(line_alerts(plan)) + len(query_alerts(plan)) + 1
    named = set()
    for address, policy in policies.items():
        link = re.fullmatch(r"Runbook: docs/runbook\.md#([a-z-]+)", policy["documentation"][0]["content"])
        assert link is not None, address
        named.add(link[1])
        text = sections[link[1]]
        for question in ("**What happened.**", "**Why.**", "**What to look at.**", "**What to type.**"):
            assert question in text, f"{link[1]}: {question}"
    assert named == set(sections), "a section without an alert"


def test_every_alert_on_a_line_is_rate_limited(plan: dict[str, Any]) -> None:
    """Cloud Monitoring refuses an alert on a line without a limit."""
    for address, policy in of_type(plan, "google_monitoring_alert_policy.line").items():
        assert int(policy["alert_strategy"][0]["notification_rate_limit"][0]["period"].rstrip("s")) >= 300, address


def test_the_dashboard_shows_what_it_must(plan: dict[str, Any]) -> None:
    """Pending against threshold, batches, sizes, durations, savings, failures, queue depth, oldest age; in a grid."""
    (values,) = of_type(plan, "google_monitoring_dashboard").values()
    tiles = json.loads(values["dashboard_json"])["mosaicLayout"]["tiles"]
    titles = " / ".join(tile["widget"]["title"].lower() for tile in tiles)
    for word in (
        "pending against threshold",
        "batches",
        "size",
        "completion",
        "savings",
        "failures",
        "queue",
        "oldest",
    ):
        assert word in titles
    places = [(tile.get("xPos", 0), tile.get("yPos", 0)) for tile in tiles]
    assert len(set(places)) == len(places)
    assert all(x + tile["width"] <= 48 for (x, _), tile in zip(places, tiles, strict=True))
