"""What docs/runbook.md and docs/deploy.md tell people to type fits the database and the configuration."""

import re
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError

from tests.sessions import open_session, run_sql
from tests.terraform.tool import ROOT, declarations, of_type

DOCUMENTS = {name: (ROOT / "docs" / name).read_text() for name in ("deploy.md", "runbook.md")}
SOME_BATCH = "00000000-0000-4000-8000-000000000000"


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language in both documents."""
    found = (re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S) for text in DOCUMENTS.values())
    return [block for one in found for block in one]


def test_the_sql_runs_on_the_migrated_database(database_url: str) -> None:
    """Every statement, with some batch's id: no column or view has moved."""
    statements = blocks("sql")
    assert len(statements) > 10
    connection = open_session(database_url)
    try:
        for statement in statements:
            try:
                run_sql(connection, statement.replace("BATCH", SOME_BATCH))
            except DatabaseError as error:
                pytest.fail(f"{error}\n{statement}")
    finally:
        connection.close()


def test_commands_name_what_the_configuration_makes(plan: dict[str, Any]) -> None:
    """Queues, topic, job, functions and secrets are called as Terraform calls them."""
    shell = "\n".join(blocks("sh"))
    queues = {values["name"] for values in of_type(plan, "google_cloud_tasks_queue").values()}
    topics = {values["name"] for values in of_type(plan, "google_pubsub_topic").values()}
    services = {values["name"] for values in of_type(plan, "google_cloudfunctions2_function").values()}
    secrets = {address.split('"')[1] for address in of_type(plan, "google_secret_manager_secret")}
    secrets |= set(plan["variables"]["existing_secrets"]["value"])
    assert set(re.findall(r"--queue=([\w-]+)|queues describe ([\w-]+)", shell)) <= {
        pair for name in queues for pair in ((name, ""), ("", name))
    }
    assert set(re.findall(r"scheduler jobs \w+ ([\w-]+)", shell)) == {"micro-batch-conversion-job"}
    assert set(re.findall(r"pubsub topics publish ([\w-]+)", shell)) <= topics
    assert set(re.findall(r"(?:run services [\w-]+|functions describe) ([\w-]+)", shell)) <= services
    assert set(re.findall(r"(?:versions (?:add|list)|--secret=)\s*([A-Z][A-Z0-9_]+)", shell)) <= secrets


def test_make_targets_and_variables_in_the_text_exist() -> None:
    """`make x` is a target; a setting in an hcl block is a variable."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    targets |= set(re.findall(r"^([a-z-]+):", (ROOT / "terraform.mk").read_text(), flags=re.M))
    asked = set(re.findall(r"(?:`|^)make ([a-z-]+)", "\n".join(DOCUMENTS.values()), flags=re.M))
    assert asked
    assert asked <= targets
    settings = set(re.findall(r"^(\w+)\s*=", "\n".join(blocks("hcl")), flags=re.M))
    assert settings
    assert settings <= set(declarations("variable"))


def test_outputs_in_the_text_exist() -> None:
    """`terraform output NAME` names an output."""
    asked = set(re.findall(r"terraform(?: -chdir=terraform)? output (?:-raw )?(\w+)", "\n".join(DOCUMENTS.values())))
    assert asked
    assert asked <= set(declarations("output"))
