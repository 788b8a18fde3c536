"""What the plan watches with: metrics, alerts and charts, by name; and a line of ours as Cloud Logging keeps it."""

import json
import re
from typing import Any

from tests.terraform.tool import of_type
from tests.terraform.watching.story import Line

SERVICES = ("micro-batch-check-threshold", "micro-batch-swap-executed")


def entry(line: Line, service: str = SERVICES[0]) -> dict[str, Any]:
    """A line as Cloud Logging keeps it: special keys apart, the rest in jsonPayload."""
    special = {"severity", "time"}
    return {
        "severity": line["severity"],
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": service}},
        "jsonPayload": {key: value for key, value in line.items() if key not in special},
    }


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


def tiles(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The dashboard's tiles, in order."""
    (values,) = of_type(plan, "google_monitoring_dashboard").values()
    found: list[dict[str, Any]] = json.loads(values["dashboard_json"])["mosaicLayout"]["tiles"]
    return found


def dashboard_queries(plan: dict[str, Any]) -> dict[str, str]:
    """Every PromQL of the dashboard, by its tile's title and its legend."""
    found = {}
    for tile in tiles(plan):
        widget = tile["widget"]
        for one in widget.get("xyChart", {}).get("dataSets", []):
            found[f"{widget['title']}: {one['legendTemplate']}"] = one["timeSeriesQuery"]["prometheusQuery"]
        if "scorecard" in widget:
            found[widget["title"]] = widget["scorecard"]["timeSeriesQuery"]["prometheusQuery"]
    return found


def named_events(text: str) -> set[str]:
    """The events that a filter asks for."""
    (asked,) = re.findall(r'jsonPayload\.event=("[^"]*"|\([^)]*\))', text)
    return set(re.findall(r'"([^"]*)"', asked))


def extracted(line: Line, extractor: str) -> Any:
    """What ``EXTRACT(jsonPayload.field)`` finds in a line."""
    found = re.fullmatch(r"EXTRACT\(jsonPayload\.(\w+)\)", extractor)
    assert found is not None, extractor
    return line.get(found[1])
