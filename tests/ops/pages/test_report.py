"""`report`: one file, whole, that needs nothing else; `serve`: the same, alive."""

import base64
import hashlib
import re
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.ops.conftest import Shell, Typed
from tests.ops.pages.hostile import ENDLESS, HEBREW, RUN, TAGS
from tests.ops.pages.markup import Markup, read_markup
from tests.ops.pages.records import Records

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = "postgresql://user:hunter2222@127.0.0.1:9/name"
LISTS = ("now", "figures", "recommendation", "batches", "checks", "pending", "held", "levers")


@pytest.fixture
def typed(records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell on the month of records."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    return bare_shell


def written(typed: Shell, tmp_path: Path, *options: str) -> tuple[Typed, Markup]:
    """Write a report, and read it."""
    file = tmp_path / "report.html"
    answer = typed("report", "--output", file, *options)
    assert answer.code == 0, answer.err
    page = read_markup(file.read_text())
    assert page.problems == []
    return answer, page


def test_a_report_needs_nothing_else(typed: Shell, tmp_path: Path, records: Records) -> None:
    """All the lists and the newest lives; every reference is to itself, and leads somewhere."""
    answer, page = written(typed, tmp_path, "--lives", "3", "--span", "quarter")
    assert [one for one in page.references() if not one.startswith("#")] == []
    assert {one[1:] for one in page.references()} <= set(page.ids())
    assert set(LISTS) <= set(page.ids())
    assert [f"batch-{batch['batch_conversion_id']}" in page.ids() for batch in records.batches[-4:]] == [
        False,
        True,
        True,
        True,
    ]
    assert "MB in" in answer.out
    progress = answer.err.splitlines()
    assert progress[0] == "reading how things stand"
    assert "drawing: Waiting times" in progress


def test_its_policy_lets_only_its_own_style_pass(typed: Shell, tmp_path: Path) -> None:
    """The hash in the policy is that of the style in the file."""
    _, page = written(typed, tmp_path, "--lives", "0")
    (policy,) = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    (style,) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")


def test_hostile_texts_are_texts_in_a_report(typed: Shell, tmp_path: Path) -> None:
    """As on the pages."""
    _, page = written(typed, tmp_path)
    text = page.all("main")[0].text
    assert all(one in text for one in (TAGS, HEBREW, ENDLESS))
    assert f"<script>{RUN}" not in (tmp_path / "report.html").read_text()


def test_what_is_named_is_told_too(typed: Shell, tmp_path: Path) -> None:
    """A batch by any of its names, a payment by its number; who is not there is a refusal, and no file."""
    _, page = written(typed, tmp_path, "--lives", "0", "--batch", "#2", "--payment", "5", "--payment", "7")
    told = [one.attributes["id"] for one in page.all("section")]
    assert [one for one in told if one.startswith("payment-")] == ["payment-5", "payment-7"]
    assert any(one.text == "Batch #2" for one in page.all("h2"))
    other = tmp_path / "other.html"
    for options in (("--payment", "99999999"), ("--batch", "#99999999")):
        answer = typed("report", "--output", other, *options)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.splitlines()[-1].startswith("microbatch: no ")
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_a_file_is_replaced_only_where_that_is_said(typed: Shell, tmp_path: Path) -> None:
    """Refused before anything is read; so is a folder that is not there."""
    file = tmp_path / "report.html"
    file.write_text("mine")
    answer = typed("report", "--output", file)
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert "--overwrite" in answer.err
    assert file.read_text() == "mine"
    assert typed("report", "--output", file, "--overwrite", "--lives", "0", "--json").document["bytes"] > 10_000
    answer = typed("report", "--output", tmp_path / "nowhere" / "x.html")
    assert (answer.code, len(answer.err.splitlines())) == (1, 1)
    assert "there is no folder" in answer.err
    assert typed("report").code == 2
    assert typed("report", "--output", tmp_path).code == 2


@pytest.mark.parametrize("verb", [("serve", "--port", "0"), ("report", "--output", "x.html")])
def test_without_a_database(
    verb: tuple[str, ...], bare_shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line, at once: away is 3, never migrated or not named is 1."""
    monkeypatch.chdir(tmp_path)
    answer = bare_shell(*verb)
    assert (answer.code, answer.out) == (1, "")
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    answer = bare_shell(*verb)
    assert (answer.code, answer.out) == (3, "")
    assert "cannot be reached" in answer.err.splitlines()[-1]
    assert "hunter2" not in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_begins_with_the_address_and_ends_when_told(records_url: str, number: signal.Signals) -> None:
    """The address alone on standard output, at once; 0 at the end, by Ctrl-C or a polite kill."""
    command = [str(ROOT / "microbatch"), "serve", "--port", "0", "--json"]
    environment = {"DATABASE_URL": records_url, "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        told = "".join(run.stdout.readline() for _ in range(3))
        found = re.search(r'"url": "(http://127\.0\.0\.1:[0-9]+/)"', told)
        assert found, told
        assert requests.get(found[1], timeout=30).status_code == 200
        run.send_signal(number)
        try:
            out, err = run.communicate(timeout=60)
        finally:
            run.kill()
    assert (run.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_a_port_that_is_taken(typed: Shell) -> None:
    """One line, with what to type."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = typed("serve", "--port", taken.getsockname()[1])
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert "./microbatch serve --port 0" in answer.err
    assert typed("serve", "--port", 70000).code == 2


def test_no_address_of_a_report_is_anybodys(typed: Shell, tmp_path: Path) -> None:
    """Not even in its SVG is there a place on the network but the names of its own formats."""
    written(typed, tmp_path, "--lives", "2")
    places = set(re.findall(r"(?:https?:)?//[^\s\"'<>)]+", (tmp_path / "report.html").read_text()))
    assert {urlsplit(place).netloc for place in places} <= {"www.w3.org"}
