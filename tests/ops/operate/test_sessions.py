"""docs/operate.md shows what is answered."""

import re

import pytest

from ops.command_line.root import root
from ops.command_line.verb_table import VERBS
from tests.ops.operate.sessions import PAGE, commands, made_equal, play
from tests.ops.test_command_line import leaves

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_every_session_is_answered_as_the_page_shows() -> None:
    """Played anew in a world of its own; `make operate` writes the page anew."""
    written, played = commands(PAGE.read_text()), commands(play(PAGE.read_text()))
    assert len(written) > 20
    for (command, before), (_, now) in zip(written, played, strict=True):
        assert made_equal(now) == made_equal(before), f"$ {command}\n{now}\nrun `make operate` and look at what changed"


def test_every_verb_is_played() -> None:
    """Whoever adds a verb shows it at work."""
    typed = [command for command, _ in commands(PAGE.read_text())]
    verbs = [verb.name for section in VERBS.values() for verb in section]
    assert [verb for verb in verbs if not any(re.match(rf"\./microbatch {verb}( |$)", one) for one in typed)] == []


def test_every_document_is_described() -> None:
    """What `--json` holds, for every verb."""
    table = PAGE.read_text().partition("## What `--json` holds")[2]
    described = {name for row in re.findall(r"^\| (`[^|]*`) \|", table, re.M) for name in re.findall("`([^`]+)`", row)}
    assert {" ".join(leaf) for leaf in leaves(root)} == described


def test_a_difference_is_seen() -> None:
    """Other words are not made equal; other times and ids are."""
    assert made_equal("check 1 at 2026-11-24 09:13:17Z: paused") == made_equal(
        "check 1 at 2027-01-01 00:00:00Z: paused"
    )
    assert made_equal("check 1 at 2026-11-24 09:13:17Z: paused") != made_equal(
        "check 1 at 2026-11-24 09:13:17Z: forced"
    )
    assert made_equal("$15.132 pending") != made_equal("$15.133 pending")
