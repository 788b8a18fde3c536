"""The recommendation on a page and in a report: what the command line recommends, with its curve and its numbers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from ops.command_line.database import STATEMENTS
from ops.pages.figures.cost_curve import draw_cost_curve
from ops.pages.figures.drawing import draw
from ops.pages.sections import recommendation
from ops.pages.serving import Pages
from shared.model.money import dollars
from shared.outside.database import Database, open_database
from shared.settings import load_database_settings
from tests.ops.conftest import Shell
from tests.ops.pages.conftest import NOW
from tests.ops.pages.markup import read_markup

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def database(records_url: str) -> Iterator[Database]:
    """The month of records."""
    opened = open_database(load_database_settings({"DATABASE_URL": records_url}), STATEMENTS)
    yield opened
    opened.close()


def test_the_page_says_what_is_recommended(
    pages_url: str, records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding, what was weighed and every number of the verb, and what to type."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    typed = bare_shell("threshold", "recommend", "--days", "3650", "--json").document
    told = bare_shell("threshold", "recommend", "--days", "3650").out
    answer = requests.get(pages_url + "recommendation", timeout=TIMEOUT_S)
    page = read_markup(answer.text)
    assert (answer.status_code, page.problems) == (200, [])
    text = " ".join(page.all("main")[0].text.split())
    best = typed["recommended"]
    for said in (f"against today it {typed['saving']}", f"./microbatch threshold set {best['threshold_usd']}"):
        assert said in told
        assert said in text
    assert f"{typed['payments']:,} payments in" in text
    rows = page.all("tr")[1:]
    assert len(rows) == len(typed["choices"]) + 1
    for row, choice in zip(rows, typed["choices"], strict=False):
        assert choice["cost_usd_a_day"].rstrip("0").rstrip(".") in row.text


def test_the_curve_can_be_seen_and_heard(database: Database) -> None:
    """A point for each choice in the table, with its words, today's apart; the sentence is the plot's name."""
    with database.transaction() as transaction:
        known = recommendation.read_payments(transaction, NOW, "year")
    assert not isinstance(known, str)
    advice = recommendation._advise(known)
    figure = draw_cost_curve(advice)
    page = read_markup(f"<h1>x</h1>{draw(figure)}")
    assert page.problems == []
    assert f"{figure.title}. {figure.finding}" in {one.attributes["aria-label"] for one in page.all("svg")}
    labels = [one.attributes.get("aria-label", "") for one in page.elements]
    for line in (*advice.lines, advice.today):
        assert [label for label in labels if label.startswith(f"{dollars(line.levers.threshold_usd)}: $")]


def test_a_page_that_is_loaded_again_is_replayed_once(database: Database) -> None:
    """The same payments and levers give the same advice without another replay; others another."""
    with database.transaction() as transaction:
        first, again = (recommendation.read_payments(transaction, NOW, "year") for _ in range(2))
        less = recommendation.read_payments(transaction, NOW, "week")
    assert not isinstance(first, str)
    assert not isinstance(again, str)
    assert not isinstance(less, str)
    assert recommendation._advise(first) is recommendation._advise(again)
    assert recommendation._advise(less).payments < recommendation._advise(first).payments


def test_where_nothing_can_be_told_it_says_so(database_url: str, database: Database) -> None:
    """No payment at all, and too few of them."""
    empty = open_database(load_database_settings({"DATABASE_URL": database_url}), STATEMENTS)
    with Pages(empty, 0, lambda: NOW) as pages:
        page = read_markup(requests.get(pages.url + "recommendation", timeout=TIMEOUT_S).text)
    empty.close()
    assert "There is no payment to replay." in page.all("main")[0].text
    assert page.all("svg") == []
    with database.transaction() as transaction:
        none = recommendation.read_payments(transaction, datetime(2040, 1, 1, tzinfo=UTC), "day")
    assert none == "there is no payment to replay"
    with database.transaction() as transaction:
        few = recommendation.read_payments(transaction, NOW - timedelta(days=29, hours=12), "day")
    ((figure, plot),) = recommendation.show_recommendation(few, "day").facts["drawn"]
    assert "too few to tell anything by" in figure.finding
    assert plot == ""
