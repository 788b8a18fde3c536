"""Changes in place that look harmless in a plan: where money goes, who gets in, what a shared database is asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

WHERE_MONEY_GOES: Final = ("CHANGENOW_API_URL", "CLOUD_SQL_CONNECTION_NAME", "FENCE", "GCHOSTPAY1_URL")
HARMLESS_OF_AN_INSTANCE: Final = frozenset({"deletion_protection", "effective_labels", "terraform_labels"})
HARMLESS_SETTINGS: Final = frozenset({"deletion_protection_enabled", "user_labels", "version"})
Values = Mapping[str, Any]


def update_problems(kind: str, change: Mapping[str, Any]) -> Iterator[str]:
    """What an update in place of this type must not do unseen."""
    before, after = change.get("before") or {}, change.get("after") or {}
    yield from _protection(before, after)
    if rule := RULES.get(kind):
        yield from rule(before, after)


def _protection(before: Values, after: Values) -> Iterator[str]:
    if before.get("deletion_protection") and not after.get("deletion_protection"):
        yield "would lose its protection against deletion"
    if after.get("force_destroy") and not before.get("force_destroy"):
        yield "would be destroyed with what is in it by the next destroy"


def _function(before: Values, after: Values) -> Iterator[str]:
    old, new = _first(before, "service_config"), _first(after, "service_config")
    old_values, new_values = old.get("environment_variables") or {}, new.get("environment_variables") or {}
    for name in WHERE_MONEY_GOES:
        if name in old_values and old_values[name] != new_values.get(name):
            yield f"{name} would become {new_values.get(name, 'unset')} instead of {old_values[name]}"
    if new.get("ingress_settings") == "ALLOW_ALL" != old.get("ingress_settings"):
        yield "would be reached from the whole internet"


def _instance(before: Values, after: Values) -> Iterator[str]:
    """Whatever changes: other services live on an adopted instance, and most changes restart it."""
    old_version, new_version = before.get("database_version"), after.get("database_version")
    if old_version != new_version:
        yield f"would be upgraded from {old_version} to {new_version}, with a downtime"
    changed = [name for name in _changed(before, after) if name not in HARMLESS_OF_AN_INSTANCE | {"settings"}]
    settings = [name for name in _changed(*_both(before, after, "settings")) if name not in HARMLESS_SETTINGS]
    others = [name for name in (*changed, *(f"settings.{name}" for name in settings)) if name != "database_version"]
    if others:
        yield f"would be changed for every service that uses it, some of it with a restart: {', '.join(sorted(others))}"


def _queue(before: Values, after: Values) -> Iterator[str]:
    old, new = _both(before, after, "retry_config")
    if old and _attempts(old) == 1 and _attempts(new) > 1:  # the queue of orders, whatever its name
        yield "would deliver an order again; GCHostPay1 must look for the batch's id before it pays"
    if after.get("desired_state") == "PAUSED" != before.get("desired_state"):
        yield "would be paused"


def _attempts(retries: Values) -> float:
    """How often a task is tried: retrying ends only when count and duration are both used up."""
    attempts = retries.get("max_attempts") or 0
    lasts = str(retries.get("max_retry_duration") or "0s") not in ("0s", "")
    return float("inf") if attempts < 0 or lasts else attempts


def _secret_version(before: Values, after: Values) -> Iterator[str]:
    if before.get("enabled") and not after.get("enabled"):
        yield "would be disabled, and whoever reads it refused"


def _alert(before: Values, after: Values) -> Iterator[str]:
    lost = set(before.get("notification_channels") or ()) - set(after.get("notification_channels") or ())
    if lost and not after.get("notification_channels"):
        yield "would tell nobody any more"


def _first(values: Values, block: str) -> Values:
    blocks = values.get(block) or [{}]
    found: Values = blocks[0]
    return found


def _both(before: Values, after: Values, block: str) -> tuple[Values, Values]:
    return _first(before, block), _first(after, block)


def _changed(before: Values, after: Values) -> list[str]:
    """The names known to differ; what is known only after apply is in neither."""
    return [name for name in before if name in after and before[name] != after[name]]


RULES: Final[Mapping[str, Callable[[Values, Values], Iterator[str]]]] = {
    "google_cloud_tasks_queue": _queue,
    "google_cloudfunctions2_function": _function,
    "google_monitoring_alert_policy": _alert,
    "google_secret_manager_secret_version": _secret_version,
    "google_sql_database_instance": _instance,
}
