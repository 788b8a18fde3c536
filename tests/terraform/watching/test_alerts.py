"""Metrics and alerts, against lines that the code itself writes and the runbook."""

import json
import re
from typing import Any

from shared.logs import Event
from tests.terraform.tool import ROOT, Terraform, of_type
from tests.terraform.watching.logging_filter import matches
from tests.terraform.watching.planned import (
    SERVICES,
    dashboard_queries,
    entry,
    extracted,
    line_alerts,
    metrics,
    named_events,
    query_alerts,
)
from tests.terraform.watching.story import Line

RUNBOOK = ROOT / "docs" / "runbook.md"
QUESTIONS = ("What it means", "How bad", "How to be sure", "What to type", "How to see that it is over")
EXAMPLE = "-var-file=examples/two-environments/production.tfvars"
OF_CHECKS = {"check_stopped", "cut_over_pending", "no_batch", "objective_checks", "policy_unreadable"}
OF_THE_JOB = "reconciliation-unexplained"  # where there is one: tests/terraform/deployment/test_operations_job.py
URGENT = {"ERROR", "CRITICAL"}
SERIES_WORD = re.compile(r"[a-z0-9_]{1,40}")  # a label's value: one of a few words, no text of its own
OF_GOOGLE = {
    "cloudtasks_googleapis_com": {"queue_depth"},
    "pubsub_googleapis_com": {"subscription_oldest_unacked_message_age"},
    "cloudsql_googleapis_com": {"database_cpu_utilization", "database_disk_utilization"},
}


def test_the_stories_tell_of_every_event(lines: list[Line]) -> None:
    """Each word of Event is written by the code in some story, so that what follows leaves nothing out."""
    assert {line.get("event") for line in lines} == set(Event)
    assert not [line for line in lines if "permission denied" in json.dumps(line)]


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
            if name not in {"pending_age", "micro_batch_late"}:
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
    for query in [*query_alerts(plan).values(), *dashboard_queries(plan).values()]:
        assert query.count("(") == query.count(")")
        selectors = re.findall(r"([a-z_]+):(\w+)\{([^}]*)\}", query)
        assert selectors, query
        for domain, name, labels in selectors:
            if domain in OF_GOOGLE:
                assert name in OF_GOOGLE[domain]
                continue
            assert domain == "logging_googleapis_com", query
            values = known.get(re.sub(r"^user_", "", name))
            if values is None:
                values = known[re.sub(r"^user_(\w+)_(sum|count)$", r"\1", name)]
                assert values["metric_descriptor"][0]["value_type"] == "DISTRIBUTION", query
            else:
                assert values["metric_descriptor"][0]["value_type"] == "INT64", query
            asked = set(re.findall(r"(\w+)!?=~?", labels)) - {"monitored_resource"}
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


def test_every_alert_names_a_section_of_the_runbook(plan: dict[str, Any]) -> None:
    """What the on-call person opens exists, and answers the five questions in their order."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), flags=re.MULTILINE | re.DOTALL))
    policies = of_type(plan, "google_monitoring_alert_policy")
    assert len(policies) == len(line_alerts(plan)) + len(query_alerts(plan)) + 2  # and the platform's own
    named = set()
    for address, policy in policies.items():
        link = re.search(r"Runbook: docs/runbook\.md, section ([a-z-]+)$", policy["documentation"][0]["content"])
        assert link is not None, address
        named.add(link[1])
    assert named | {OF_THE_JOB} == set(sections), "a section without an alert"
    for name, text in sections.items():
        places = [text.find(f"**{question}.**") for question in QUESTIONS]
        assert -1 not in places, f"{name}: {QUESTIONS[places.index(-1)]}"
        assert places == sorted(places), name


def test_every_alert_on_a_line_is_rate_limited(plan: dict[str, Any]) -> None:
    """Cloud Monitoring refuses an alert on a line without a limit."""
    for address, policy in of_type(plan, "google_monitoring_alert_policy.line").items():
        assert int(policy["alert_strategy"][0]["notification_rate_limit"][0]["period"].rstrip("s")) >= 300, address


def test_an_alert_names_the_batch_that_its_line_names(plan: dict[str, Any], lines: list[Line]) -> None:
    """The notification says which; an extractor of what no line holds would leave a hole in it."""
    named = 0
    for address, policy in of_type(plan, "google_monitoring_alert_policy.line").items():
        condition = policy["conditions"][0]["condition_matched_log"][0]
        found = [line for line in lines if matches(condition["filter"], entry(line))]
        has_batch = all("batch_conversion_id" in line for line in found)
        assert bool(condition["label_extractors"]) == has_batch, address
        assert ("log.extracted_label.batch" in policy["documentation"][0]["content"]) == has_batch, address
        named += has_batch
    assert named >= 5


def test_what_the_platform_refuses_reaches_a_person(plan: dict[str, Any]) -> None:
    """A callback without the identity token that is asked for is a 403 before any line of ours is written."""
    policies = of_type(plan, "google_monitoring_alert_policy.platform")
    log = f"projects/{plan['variables']['project_id']['value']}/logs/run.googleapis.com%2Frequests"
    # Our own answers have a line of their own; a tick that has to come again is a 500, and ordinary while a check runs.
    for service, own in zip(SERVICES, ({200, 400, 413, 500}, {200, 400, 401, 404, 409, 413, 422, 503}), strict=True):
        texts = [one["conditions"][0]["condition_matched_log"][0]["filter"] for one in policies.values()]
        told = {
            status
            for status in (403, 429, 500, 502, 504, *own)
            if any(matches(text, request(log, service, status)) for text in texts)
        }
        assert told == {403, 429, 500, 502, 504} - own
        assert not any(matches(text, request("projects/p/logs/stdout", service, 403)) for text in texts)


def request(log: str, service: str, status: int) -> dict[str, Any]:
    """A line of Cloud Run's request log."""
    resource = {"type": "cloud_run_revision", "labels": {"service_name": service}}
    return {"logName": log, "resource": resource, "httpRequest": {"status": status}}


def test_severities_reach_their_own_channels(offline: Terraform) -> None:
    """A pager for what is critical, a room for warnings, the mail for all."""
    ids = {name: f"projects/p/notificationChannels/{name}" for name in ("critical", "error", "every", "warning")}
    channels = json.dumps({name: [id_] for name, id_ in ids.items()})
    plan = offline.plan("channels.tfplan", EXAMPLE, f"-var=notification_channels={channels}", "-var=alert_emails=[]")
    for policy in of_type(plan, "google_monitoring_alert_policy").values():
        assert set(policy["notification_channels"]) == {ids["every"], ids[policy["severity"].lower()]}


def test_silence_on_purpose_is_not_told(plan: dict[str, Any], offline: Terraform) -> None:
    """While paused = true what asks for checks is off; what watches money in flight is on."""
    running = offline.plan("running.tfplan", EXAMPLE, "-var=paused=false")
    for one, off in ((plan, OF_CHECKS), (running, set())):
        policies = of_type(one, "google_monitoring_alert_policy.query")
        assert {address.split('"')[1] for address, values in policies.items() if not values["enabled"]} == off


def test_no_metric_has_the_architecture_documents_name(plan: dict[str, Any]) -> None:
    """Where its phase 11 was done micro_batch_conversions exists, and a metric cannot be adopted."""
    assert "micro_batch_conversions" not in metrics(plan)
