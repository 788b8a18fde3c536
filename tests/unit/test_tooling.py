"""What runs before a commit, before a push and in the CI is what a person types: the same make targets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HOOKS = ROOT / ".pre-commit-config.yaml"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
SQUAWK = (str(BIN / "squawk"), "--config", str(ROOT / "ops" / "schema" / "squawk.toml"), "--reporter", "gcc")


def targets() -> set[str]:
    """Every target that the makefiles know."""
    text = (ROOT / "Makefile").read_text() + (ROOT / "ops/deployment/terraform.mk").read_text()
    return set(re.findall(r"^([a-z-]+):", text, flags=re.M))


def commands(path: Path, key: str) -> list[list[str]]:
    """The words of every command in a YAML file, under one key."""
    return [line.split() for line in re.findall(rf"^\s*(?:- )?{key}: (.+)$", path.read_text(), flags=re.M)]


@pytest.mark.parametrize(("path", "key"), [(HOOKS, "entry"), (WORKFLOW, "run")], ids=["hooks", "CI"])
def test_only_make_targets_are_run(path: Path, key: str) -> None:
    """No check lives in a hook or a workflow alone."""
    found = commands(path, key)
    assert len(found) >= 2
    for words in found:
        assert words[0] == "make"
        assert next(word for word in words[1:] if not word.startswith("-")) in targets()


def test_the_ci_does_what_a_person_does_before_sending_a_change_in() -> None:
    """Every target of .ci/run is among the workflow's."""
    asked = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), flags=re.M))
    assert {"lint", "test"} <= asked
    assert asked <= {words[1] for words in commands(WORKFLOW, "run")}


def test_the_hooks_are_valid_and_fetch_nothing() -> None:
    """The hook runner reads the file, and every repository in it is this one."""
    subprocess.run([str(BIN / "prek"), "validate-config", str(HOOKS)], check=True, capture_output=True)
    assert {words[0] for words in commands(HOOKS, "repo")} == {"local"}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX by_user ON payout_accumulation (user_id)", "require-concurrent-index-creation"),
        ("ALTER TABLE payout_accumulation ALTER COLUMN user_id TYPE TEXT", "changing-column-type"),
        ("ALTER TABLE payout_accumulation ADD COLUMN tip NUMERIC NOT NULL", "adding-required-field"),
        ("ALTER TABLE payout_accumulation RENAME COLUMN user_id TO client", "renaming-column"),
        ("DROP TABLE payout_accumulation", "ban-drop-table"),
        ("ALTER TABLE payout_accumulation ADD CONSTRAINT c CHECK (user_id > 0)", "constraint-missing-not-valid"),
    ],
)
def test_a_migration_that_holds_others_up_is_refused(tmp_path: Path, statement: str, rule: str) -> None:
    """The migrations' linter still sees what would stop the deployed services."""
    migration = tmp_path / "0099_planted.sql"
    migration.write_text(statement + ";\n")
    done = subprocess.run([*SQUAWK, str(migration)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert rule in done.stdout
