"""The deploy verbs: look at the plan, try the result, take it back.

    ./microbatch deploy review PLAN.json        refuse a plan that would lose something; approve its file
    ./microbatch deploy approved PLAN           is this the very file that was reviewed?
    ./microbatch deploy migrate PLAN.json       the plan's migrations, from here or inside the project
    ./microbatch deploy smoke OUTPUTS.json      health, then one check through the topic
    ./microbatch deploy rollback-revision OUTPUTS.json   back to the revisions that passed it last
    ./microbatch deploy rollback OUTPUTS.json   pause the schedule, list what is under way

PLAN.json is `terraform show -json PLAN`, OUTPUTS.json is `terraform output -json`. The last three
read the database of DATABASE_URL, or of the Cloud SQL settings.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import database_settings
from ops.command_line.exits import Exit
from ops.command_line.text import instant
from ops.deployment.inside import PlannedJob, migrate_inside, planned_users, smoke_inside
from ops.deployment.installation import Installation, tasks_client
from ops.deployment.package import ROOT
from ops.deployment.plan.approval import approve, require_approval, withdraw
from ops.deployment.plan.review import objections
from ops.deployment.revisions import Revisions
from ops.deployment.rollback import SCHEDULER_URL, list_under_way, pause_schedule
from ops.deployment.smoke_test import DEFAULT_PATIENCE, Patience, smoke
from ops.verbs.install.migrate import bring_up_to_date
from shared.outside.connection import connect

ARCHIVE: Final = ROOT / "build" / "operations.zip"


class JsonFile(click.Path):
    """A file that holds a JSON object, with a list under *listed* where one is named."""

    name = "FILE.json"

    def __init__(self, listed: str | None = None) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)
        self._listed = listed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the object."""
        path = Path(str(super().convert(value, param, ctx)))
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            self.fail(f"{path} holds no JSON document: {error}", param, ctx)
        if not isinstance(document, dict):
            self.fail(f"{path} holds no JSON object", param, ctx)
        if self._listed and not isinstance(document.get(self._listed), list):
            self.fail(f"{path} holds no {self._listed}: write it by terraform show -json PLAN", param, ctx)
        return document


@click.group()
def command() -> None:
    """Review a plan, try a deployment, take it back."""


@command.command()
@click.argument("plan", type=JsonFile("resource_changes"))
@click.option("--allow", multiple=True, metavar="ADDRESS", help="Accept what would happen to this resource.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The plan, to be approved.")
@answering
def review(plan: Mapping[str, Any], allow: tuple[str, ...], file: Path | None) -> Answer:
    """Name every objection to a plan, and exit 1 if there is one; else approve its file."""
    problems = objections(plan, allow)
    for problem in problems:
        tell(f"refused: {problem}")
    if problems:
        tell("if it is meant, name it: --allow ADDRESS (make: ALLOW='ADDRESS ADDRESS ...')")
        if file:
            withdraw(file)
        return Answer({"objections": problems}, exit=Exit.REFUSED)
    if not file:
        return Answer({"objections": []})
    digest = approve(file, allow)
    return Answer({"objections": [], "sha256": digest}, [f"reviewed: {file} sha256 {digest}"])


@command.command()
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--sha256", "expected", help="What the review printed, where it is not to be taken from beside the plan.")
@answering
def approved(plan: Path, expected: str | None) -> Answer:
    """Exit 0 only if this is the file that was reviewed, byte for byte."""
    digest = require_approval(plan, expected)
    return Answer({"sha256": digest}, [f"as reviewed: {plan} sha256 {digest}"])


@command.command("migrate")
@click.argument("plan", type=JsonFile("resource_changes"))
@click.option(
    "--archive", type=click.Path(dir_okay=False, path_type=Path), default=ARCHIVE, help="The job's archive, as planned."
)
@answering
def migrate_database(plan: Mapping[str, Any], archive: Path) -> Answer:
    """Bring the database up to the migrations: in the plan's own job where it has one, else from here."""
    job = PlannedJob.read(plan)
    roles = planned_users(plan)
    return migrate_inside(job, archive, roles) if job else bring_up_to_date(roles=roles)


@command.command("smoke")
@click.argument("outputs", type=JsonFile(), required=False)
@click.option("--installation", "document", metavar="JSON", help="What the outputs say of the installation, instead.")
@click.option("--health-s", type=float, default=DEFAULT_PATIENCE.health_s, help="How long health may take.")
@click.option("--check-s", type=float, default=DEFAULT_PATIENCE.check_s, help="How long a check may take to come.")
@click.option("--poll-s", type=float, default=DEFAULT_PATIENCE.poll_s, help="Pause between two looks.")
@answering
def smoke_test(outputs: Mapping[str, Any] | None, document: str | None, **given: float) -> Answer:
    """Try the deployment once: health, then one check; exit 1 when it does not work."""
    given_here = {"installation": {"value": json.loads(document or "{}")}}
    installation = Installation.read(given_here if outputs is None else outputs)
    answer = smoke_inside(installation) if installation.operations_job else _smoke_from_here(installation, given)
    if answer.exit == Exit.DONE and installation.services:
        passed = Revisions(installation.services, installation.packages_bucket).record()
        tell(f"on record as good: {', '.join(passed.values())}")
    return answer


def _smoke_from_here(installation: Installation, given: Mapping[str, float]) -> Answer:
    patience = Patience(**given)
    with closing(connect(database_settings())) as connection:
        row = smoke(installation, connection, tasks=tasks_client(), patience=patience, say=tell)
    said = (
        f"check {row['id']} at {instant(row['checked_at'])}: {row['reason']}, "
        f"${row['pending_usd']} pending, threshold ${row['threshold_usd']}"
    )
    return Answer({"check": row}, [said])


@command.command("rollback-revision")
@click.argument("outputs", type=JsonFile())
@answering
def rollback_revision(outputs: Mapping[str, Any]) -> Answer:
    """Give both functions' traffic back to the revisions that last passed the smoke test."""
    installation = Installation.read(outputs)
    revisions = Revisions(installation.services, installation.packages_bucket).go_back(tell)
    said = [f"{name}: {revision}" for name, revision in revisions.items()]
    return Answer({"revisions": revisions}, [*said, "the next make deploy gives the newest ones the traffic again"])


@command.command()
@click.argument("outputs", type=JsonFile())
@click.option(
    "--scheduler-url",
    default=SCHEDULER_URL,
    envvar="CLOUD_SCHEDULER_URL",
    show_default=True,
    help="Cloud Scheduler's API.",
)
@answering
def rollback(outputs: Mapping[str, Any], scheduler_url: str) -> Answer:
    """Pause the schedule and list what is under way; exit 1 when it still runs."""
    installation = Installation.read(outputs)
    pause_schedule(installation.scheduler_job, scheduler_url)
    tell(f"paused: {installation.scheduler_job}")
    tell("set paused = true in the .tfvars as well: the next apply would resume it")
    # Only now the database, which may be what the rollback is for.
    said: list[str] = []
    with closing(connect(database_settings())) as connection:
        list_under_way(installation, connection, tasks=tasks_client(), say=said.append)
    return Answer({"paused": installation.scheduler_job, "under_way": said}, said)
