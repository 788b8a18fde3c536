"""The two levers as operators set them: read as typed, checked as the functions check, changed by a new version."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ops.command_line.acts import Act
from ops.command_line.answers import Answer, tell
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.text import instant, pairs, rules
from ops.outside.environment import optional
from ops.outside.secret_versions import LeverSecrets, Version
from shared.errors import DatabaseUnavailable, Refused, SettingsInvalid
from shared.model.money import dollars, plain
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET, parse_policy, parse_threshold


@dataclass(frozen=True)
class Lever:
    """A lever: its name, the usual id of its secret, and the parser that the functions use."""

    name: str
    usual_id: str
    parse: Callable[[bytes], Any]

    @property
    def secret_id(self) -> str:
        """The id of its secret in this installation, as the functions are told it."""
        return optional(f"{self.name.upper()}_SECRET_ID") or self.usual_id


THRESHOLD: Final = Lever("threshold", THRESHOLD_SECRET, parse_threshold)
POLICY: Final = Lever("policy", POLICY_SECRET, parse_policy)


@dataclass(frozen=True)
class InForce:
    """What the last check went by, and from where it came."""

    checked_at: datetime
    threshold_usd: Decimal
    threshold_source: str
    policy: str


def show(lever: Lever) -> Answer:
    """Tell what is set, whether the functions would take it, and what the last check went by."""
    version = LeverSecrets().newest(lever.secret_id)
    in_force = read_in_force()
    problem = _problem(lever, version)
    facts: dict[str, Any] = {
        "secret": lever.secret_id,
        "version": version.number if version else None,
        "set": typed(version),
        "valid": problem is None,
        "problem": problem,
        "in_force": _worth(lever, in_force),
        "in_force_since_check": in_force.checked_at if in_force else None,
    }
    lines = {"set": typed(version) or "none (default)", "version": facts["version"], "secret": lever.secret_id}
    if problem:
        lines["NOT VALID"] = problem
    if in_force:
        worth = _worth(lever, in_force) if lever is THRESHOLD else rules(parse_policy(in_force.policy.encode()))
        lines["in force"] = f"{worth}, by the check of {instant(in_force.checked_at)}"
    return Answer(facts, pairs(lines))


def change(lever: Lever, new: str, act: Act, *, create: bool) -> Answer:
    """Check a new value, show old and new, add it as a version once agreed to, and put that on record."""
    lever.parse(new.encode())  # raises LeverInvalid with the functions' own words
    secrets = LeverSecrets()
    old = typed(secrets.newest(lever.secret_id))
    facts = {"lever": lever.name, "old": old, "new": new}
    if old == new:
        return Answer(facts | {"version": None, "recorded": False}, [f"{lever.name} is {new} already"])
    act.agree([f"{lever.name}: {old or 'none (default)'} -> {new}"], f"Set the {lever.name}?")
    version = secrets.add(lever.secret_id, new, create=create)
    recorded = _recorded(act, facts | {"version": version})
    said = f"{lever.name} is {new} from the next check on (version {version})"
    return Answer(facts | {"version": version, "recorded": recorded}, [said])


def typed(version: Version | None) -> str | None:
    """A version as it was typed, or None."""
    return version.payload.decode("utf-8", "replace").strip() if version else None


def newest_document(lever: Lever) -> dict[str, Any] | None:
    """Read a lever's newest version as a JSON object: empty where there is none, None where it is not valid."""
    version = LeverSecrets().newest(lever.secret_id)
    if _problem(lever, version):
        return None
    return read_document(version.payload.decode()) if version else {}


def read_document(text: str) -> dict[str, Any]:
    """Read a JSON object, numbers with a point as Decimal."""
    document = json.loads(text, parse_float=Decimal)
    if not isinstance(document, dict):
        raise NotDone("not a JSON object")
    return document


def write_document(document: Mapping[str, Any]) -> str:
    """Write a JSON object, amounts as strings."""
    return json.dumps(document, default=plain)


def read_in_force() -> InForce | None:
    """Read what the last check went by; None without a database at hand, or before the first check."""
    try:
        with opened_database() as database, database.transaction() as transaction:
            row = transaction.row("get_levers_in_force")
    except (DatabaseUnavailable, SettingsInvalid) as error:
        tell(f"what is in force cannot be told: {error}")
        return None
    return InForce(**row) if row else None


def _problem(lever: Lever, version: Version | None) -> str | None:
    try:
        if version is not None:
            lever.parse(version.payload)
    except Refused as error:
        return str(error)
    return None


def _worth(lever: Lever, in_force: InForce | None) -> str | None:
    if in_force is None:
        return None
    if lever is THRESHOLD:
        return f"{dollars(in_force.threshold_usd)} ({in_force.threshold_source})"
    return in_force.policy


def _recorded(act: Act, detail: Mapping[str, Any]) -> bool:
    """Put the change on record; a lever can be moved while the database is away, and then that is said."""
    try:
        with opened_database() as database, database.transaction() as transaction:
            act.record(transaction, detail)
    except (DatabaseUnavailable, SettingsInvalid) as error:
        tell(f"set, but not on record in operator_acts: {error}")
        return False
    return True
