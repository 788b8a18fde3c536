"""The ten lines that docs/performance.md opens with hold in the kept run."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.figures import Figure, Report, read_report

DOCS = Path(__file__).resolve().parents[2] / "docs"
MILLION, MANY = 1_000_000, 100_000


@pytest.fixture(scope="module")
def report() -> Report:
    """The figures that are kept beside the page."""
    return read_report(DOCS / "figures" / "performance" / "figures.json")


def found(report: Report, name: str, size: int | None = None) -> list[Figure]:
    """The figures whose names hold *name*, of one size where one is given; never none."""
    figures = [figure for figure in report.figures if name in figure.name and size in (None, figure.size)]
    assert figures, f"no figure of {name}"
    return figures


def ratio_max(report: Report, name: str, size: int | None = None) -> float:
    """The largest ratio to a limit."""
    return max(figure.ratio for figure in found(report, name, size) if figure.ratio is not None)


def median_max(report: Report, name: str, size: int | None = None) -> float:
    """The largest median."""
    return max(figure.median for figure in found(report, name, size))


def depend_on_payments(report: Report) -> bool:
    """Whether any round trips differ from size to size."""
    trips = found(report, "round trips")
    return any(len({each.median for each in trips if each.name == name}) > 1 for name in {each.name for each in trips})


def cold_start_ratio(report: Report) -> float:
    """The largest ratio of a first answer to the same libraries."""
    return max(figure.ratio or 0 for figure in found(report, ", first") if "same libraries" in figure.limit_name)


HOLDS: list[tuple[str, Callable[[Report], bool]]] = [
    (
        "0.1 s with 100,000 payments pending; in the database at most twice",
        lambda run: (
            median_max(run, "check below the threshold, whole", MANY) < 0.1
            and ratio_max(run, "check below the threshold, the server's", MANY) <= 2
        ),
    ),
    ("1,000,000 payments costs at most 1.3", lambda run: ratio_max(run, "opening of a batch", MILLION) <= 1.3),
    (
        "at most 1.3 times the bare UPDATE as well",
        lambda run: ratio_max(run, "distribution of a batch", MILLION) <= 1.3,
    ),
    ("20 times faster", lambda run: ratio_max(run, "distribution, against one by one", MANY) <= 1 / 20),
    ("below 128 MiB", lambda run: max(figure.median for figure in run.of("memory")) < 128),
    ("1 s, at most 1.15", lambda run: median_max(run, ", first") < 1 and cold_start_ratio(run) <= 1.15),
    ("do not depend on the number of payments", lambda run: not depend_on_payments(run)),
    ("more than 20 small batches", lambda run: min(each.median for each in found(run, "callbacks, ")) > 20),
    ("more than 10,000 a second", lambda run: min(each.median for each in found(run, "tokens: ")) > 10_000),
    ("a history of 5,000,000", lambda run: run.settings["history"] >= 5_000_000),
]


def lines() -> list[str]:
    """The numbered lines that the page opens with."""
    return re.findall(r"^\d+\. (.+)$", (DOCS / "performance.md").read_text().partition("\n## ")[0], flags=re.M)


@pytest.mark.parametrize("number", range(len(HOLDS)))
def test_a_line_holds_in_the_kept_run(report: Report, number: int) -> None:
    """What is claimed was measured."""
    words, holds = HOLDS[number]
    assert words in lines()[number]
    assert holds(report), lines()[number]


def test_there_are_ten_lines_and_each_is_checked() -> None:
    """No claim stands there by itself."""
    assert len(lines()) == len(HOLDS) == 10
