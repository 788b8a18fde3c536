"""docs/moving-in.md, typed as it stands on the installation that it tells of: each session shows what is printed."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from ops.command_line.root import main
from sandbox.postgres.session import query, run_sql
from tests.neighbours import statements
from tests.neighbours.conftest import sessions

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "moving-in.md"
ROWS: Final = (Path(__file__).parent / "moving_in_rows.sql").read_text()
BLOCK: Final = re.compile(r"^( *)```(console|sql)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MOMENT: Final = re.compile(r"(?!2026-10)\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?Z?")
NOW: Final = "2026-11-24 09:00:00Z"


def typed(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Type a command; what it showed, progress and answer, the times of today made equal."""
    program, *arguments = shlex.split(command)
    assert program == "./microbatch"
    assert main(arguments) == 0
    shown = capsys.readouterr()
    return [MOMENT.sub(NOW, line).rstrip() for line in (shown.err + shown.out).splitlines()]


def played(url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The page with every session as it is today; its SQL is run as well."""

    def play(block: re.Match[str]) -> str:
        indent, kind, text = block.groups()
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        if kind == "sql":
            query(url, "\n".join(lines))
            return block[0]
        shown = [line for command in lines if command.startswith("$ ") for line in _session(url, command, capsys)]
        return "\n".join([f"{indent}```console", *(f"{indent}{line}".rstrip() for line in shown), f"{indent}```"])

    return BLOCK.sub(play, PAGE.read_text())


def _session(url: str, command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = typed(command.removeprefix("$ "), capsys)
    _between(url, command)
    return [command, *shown]


def _between(url: str, command: str) -> None:
    """What happens between the sessions without being typed: the callback for the old batch arrives."""
    if command == "$ ./microbatch cut-over":
        for payment, share in ((104, "9.4"), (105, "14.1")):
            query(url, statements.finalize(payment).replace("9.61", share))
        query(url, statements.old_finalize("31000000-0000-4000-8000-000000000000", "23.5"))
        query(url, "UPDATE payout_accumulation SET updated_at = '2026-10-26 09:30'")
        query(url, "UPDATE batch_conversions SET completed_at = '2026-10-26 09:30'")


@pytest.fixture
def installation(deployed_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The installation of the page."""
    query(deployed_url, ROWS)
    monkeypatch.setenv("DATABASE_URL", deployed_url)
    return deployed_url


def test_the_page_is_true(installation: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every session shows what the page prints below it."""
    assert played(installation, capsys) == PAGE.read_text()


def test_the_old_service_can_work_again(installation: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After the statements of the way back its claim goes through, and is refused again after those of coming again."""
    main(["migrate"])
    back, again = [text for _, kind, text in BLOCK.findall(PAGE.read_text()) if kind == "sql"]
    query(installation, statements.OLD_BATCH_INSERT)
    query(installation, back)
    session = sessions(installation)()
    run_sql(session, f"BEGIN; {statements.OLD_CLAIM}")
    claimed = run_sql(
        session, f"SELECT id FROM payout_accumulation WHERE batch_conversion_id = '{statements.OLD_BATCH}'"
    )
    assert len(claimed) == 2
    run_sql(session, "ROLLBACK")
    session.close()
    query(installation, again)
    with pytest.raises(Exception, match="payout_accumulation_join"):
        query(installation, statements.OLD_CLAIM)
