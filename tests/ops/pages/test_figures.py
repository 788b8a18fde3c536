"""Figures: the sentence and the numbers are those of the records, and the plot shows them to eye and ear."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ops.command_line.database import STATEMENTS
from ops.pages.figures.all_figures import read_figures
from ops.pages.figures.bins import filled
from ops.pages.figures.drawing import draw
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import _WIDTHS_S, SPANS_MAX, read_period
from shared.model.money import dollars
from shared.outside.database import Database, open_database
from shared.settings import load_database_settings
from tests.ops.conftest import Shell
from tests.ops.pages.conftest import NOW
from tests.ops.pages.markup import read_markup
from tests.ops.pages.records import Records, Values
from tests.rig import Rig

YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def database(records_url: str) -> Iterator[Database]:
    """The month of records."""
    opened = open_database(load_database_settings({"DATABASE_URL": records_url}), STATEMENTS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def figures(database: Database) -> dict[str, Figure]:
    """Every figure of all of it, by name."""
    with database.transaction() as transaction:
        return {figure.name: figure for figure in read_figures(transaction, NOW, YEAR)}


def completed(records: Records) -> list[Values]:
    """The batches that have their USDT."""
    return [batch for batch in records.batches if batch["conversion_status"] == "completed"]


def test_pending_against_the_threshold(figures: dict[str, Figure], records: Records) -> None:
    """Every check is in it once; the highest sum and the batches opened are the records'."""
    figure = figures["pending"]
    assert sum(row["checks"] for row in figure.rows) == len(records.checks)
    opened = sum(check["batches_opened"] for check in records.checks)
    highest = max(check["pending_usd"] for check in records.checks)
    assert figure.finding.startswith(f"{len(records.checks):,} checks opened {opened:,} batches; ")
    assert dollars(highest) in figure.finding
    assert figure.rows[-1]["threshold_usd"] == records.checks[-1]["threshold_usd"]


def test_batch_sizes(figures: dict[str, Figure], records: Records) -> None:
    """Counted once each in the bin that its words name; half hold as much as the sentence says."""
    figure = figures["sizes"]
    sizes = sorted(batch["total_eth_usd"] for batch in records.batches)
    assert sum(row["batches"] for row in figure.rows) == len(sizes)
    assert {row["between"]: row["batches"] for row in figure.rows}["$200 to $500"] == sum(
        200 <= size < 500 for size in sizes
    )
    assert f"held {dollars(statistics.median_low(sizes))} or less" in figure.finding
    assert figure.finding.endswith(f"held {dollars(sizes[-1])}.")


def test_waiting_times(figures: dict[str, Figure], records: Records) -> None:
    """From the coming in of each payment to the end of its batch."""
    ended = {batch["batch_conversion_id"]: batch["completed_at"] for batch in completed(records)}
    waits = [
        ended[payment["batch_conversion_id"]] - payment["created_at"]
        for payment in records.payments
        if payment["batch_conversion_id"] in ended
    ]
    figure = figures["waiting"]
    by_words = {row["between"]: row["payments"] for row in figure.rows}
    assert sum(by_words.values()) == len(waits)
    one, two = timedelta(hours=1), timedelta(hours=2)
    assert by_words.get("1 h to 2 h", 0) == sum(one <= timedelta(seconds=round(w.total_seconds())) < two for w in waits)
    assert f"Half of {len(waits):,} payments" in figure.finding


def test_received_against_quoted(figures: dict[str, Figure], records: Records) -> None:
    """The sum over the sum, and the one furthest below by its number."""
    batches = completed(records)
    figure = figures["received"]
    assert sum(row["batches"] for row in figure.rows) == len(batches)
    quoted = sum(batch["quoted_usdt"] for batch in batches)
    received = sum((batch["actual_usdt_received"] for batch in batches), Decimal(0))
    assert f"{(received / quoted - 1) * 100:+.2f} % of what was quoted" in figure.finding
    worst = min(batches, key=lambda batch: batch["actual_usdt_received"] / batch["quoted_usdt"])
    assert f"batch #{worst['id']} " in figure.finding


def test_what_was_saved(
    figures: dict[str, Figure], records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums of `savings`, and each batch in one span."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    sums = bare_shell("savings", "--since", f"{NOW - YEAR:%Y-%m-%d}", "--json").document
    figure = figures["saved"]
    assert f"saved ${Decimal(sums['saved_usd']):,.2f} in fixed costs: {sums['swaps_saved']:,} swaps" in figure.finding
    assert sum(row["batches"] for row in figure.rows) == sums["batches_measured"] > 10
    assert {row["at"] for row in figure.rows} <= {row["at"] for row in figures["pending"].rows}


def test_failures(figures: dict[str, Figure], records: Records) -> None:
    """Batches that failed by their reason, checks that could not work by theirs; waiting is no failure."""
    told = Counter[tuple[str, str]]()
    for row in figures["failures"].rows:
        told[row["what"], row["reason"]] += row["failures"]
    failed = Counter(
        ("batch", batch["failure_reason"]) for batch in records.batches if batch["conversion_status"] == "failed"
    )
    away = Counter(("check", check["reason"]) for check in records.checks if check["reason"] == "exchange_unavailable")
    assert told == failed + away
    assert away.total() > 0
    assert f"{failed.total()} of {len(records.batches)} batches failed" in figures["failures"].finding


def test_every_plot_can_be_seen_and_heard(figures: dict[str, Figure]) -> None:
    """Two widths; the page's own colours alone; the sentence as its name, and words for each mark."""
    for figure in figures.values():
        plots = draw(figure)
        assert plots.count("<svg ") == 2
        page = read_markup(f"<h1>x</h1>{plots}")
        assert page.problems == []
        colours = {
            one.attributes[name] for one in page.elements for name in ("fill", "stroke") if name in one.attributes
        }
        assert colours <= {"none", *(f"var(--{name})" for name in ("ink", "line", "blue", "red", "green"))}
        assert f"{figure.title}. {figure.finding}" in {one.attributes["aria-label"] for one in page.all("svg")}
        marks = [one for one in page.elements if one.attributes.get("role") == "graphics-symbol"]
        assert len(marks) > 4, figure.name
        assert all(one.attributes.get("aria-label") for one in marks), figure.name


def test_spans_are_few_and_hold_everything(database: Database) -> None:
    """Whatever the period, no more spans than can be read, and the record of checks begins the first."""
    assert list(_WIDTHS_S) == sorted(_WIDTHS_S)
    with database.transaction() as transaction:
        for days in (1, 7, 30, 365):
            period = read_period(transaction, NOW, timedelta(days=days))
            assert period is not None
            assert (period.until - period.since).total_seconds() / period.width_s <= SPANS_MAX
        whole = read_period(transaction, NOW, YEAR)
        (first,) = transaction.rows("get_first_check_time")
    assert whole is not None
    assert whole.since == first["first_at"]


def test_where_nothing_is_there_nothing_is_drawn(database: Database) -> None:
    """A period in which nothing happened has sentences and no plots."""
    with database.transaction() as transaction:
        found = list(read_figures(transaction, datetime(2040, 1, 1, tzinfo=UTC), timedelta(days=1)))
    assert [draw(figure) for figure in found] == [""] * len(found)
    assert all(re.search(r"[Nn]o|0 ", figure.finding) for figure in found)


def test_empty_bins_between_others_are_shown() -> None:
    """A gap in a histogram is a gap, and not a neighbour."""
    rows = [{"bin": 0, "n": 2}, {"bin": 2, "n": 1}]
    assert [(row["between"], row["n"]) for row in filled(rows, (1, 2), str, "n")] == [
        ("below 1", 2),
        ("1 to 2", 0),
        ("2 and more", 1),
    ]


def test_batches_of_one_payment_saved_nothing(rig: Rig) -> None:
    """A time in which nothing was saved is nought dollars, and no error."""
    rig.clock.now = datetime.now(UTC)
    (batch,) = rig.open_batches("30.00")
    rig.pay_out(batch, "29.50")
    rig.call_back(rig.response(batch, "29.50"))
    opened = open_database(load_database_settings({"DATABASE_URL": rig.url}), STATEMENTS)
    try:
        with opened.transaction() as transaction:
            drawn = {figure.name: figure for figure in read_figures(transaction, rig.clock.now, timedelta(days=30))}
    finally:
        opened.close()
    assert [row["saved_usd"] for row in drawn["saved"].rows] == [0]
