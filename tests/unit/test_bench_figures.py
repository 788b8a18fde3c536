"""The bench's figures say what was measured: ratios turn by turn, a table, a plot, a file that reads back."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import Figure, Report, amount, read_report, table
from tests.bench.plot import plot


def report() -> Report:
    """Two sizes of a distribution, and a cold start."""
    built = Report({"cores": 2}, {"history": 5})
    name = "distribution of a batch, whole request"
    built.figures = [
        Figure("distribution", name, 1_000, "s", (0.02, 0.03, 0.04), "bare UPDATE", (0.01, 0.02, 0.04)),
        Figure("distribution", name, 100_000, "s", (2.0, 3.0), "bare UPDATE", (1.0, 2.0), 1.3),
        Figure("cold start", "swap_executed", None, "s", (0.4,)),
    ]
    return built


def test_a_ratio_is_the_middle_of_the_ratios_turn_by_turn() -> None:
    """What slows a turn slows both, so that the ratio of medians would say something else."""
    figure = report().figures[0]
    assert figure.ratios == (2.0, 1.5, 1.0)
    assert figure.ratio == 1.5
    unpaired = Figure("one by one", "n", 10, "s", (1.0, 3.0), "l", (4.0, 6.0, 5.0))
    assert unpaired.ratio == 2.0 / 5.0
    assert report().figures[2].ratio is None


def test_the_table_has_a_line_for_each_figure_with_its_target() -> None:
    """Columns are aligned, and Markdown reads them."""
    lines = table(report().figures).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 3
    assert "100,000" in lines[3]
    assert "<= 1.3" in lines[3]


def test_amounts_are_written_with_their_unit() -> None:
    """Milliseconds below a second, no more digits than are worth it."""
    assert amount(0.0123456, "s") == "12.3 ms"
    assert amount(1.23456, "s") == "1.23 s"
    assert amount(53024.4, "a second") == "53,024 a second"


def test_the_file_reads_back(tmp_path: Path) -> None:
    """The kept figures can be shown again."""
    report().write(tmp_path / "figures.json")
    assert read_report(tmp_path / "figures.json") == report()


def test_the_plot_draws_each_curve_that_has_figures() -> None:
    """A line for the figure and one for its limit, from the smallest size to the largest."""
    root = ElementTree.fromstring(plot(report()))  # noqa: S314 - our own drawing
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    assert all(len(line.attrib["points"].split()) == 2 for line in lines)


def test_a_plot_of_nothing_is_still_a_plot() -> None:
    """A run of parts that do not grow with the batch."""
    assert ElementTree.fromstring(plot(Report({}, {}))).tag.endswith("svg")  # noqa: S314 - our own drawing


def test_nothing_is_kept_unless_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kept figures are those of a whole run on an idle machine: trying one part out leaves them alone."""
    measured = report()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "_measured", lambda _: measured)
    monkeypatch.setattr("sys.argv", ["bench", "--sizes", "10", "--history", "20000"])
    bench.main()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("sys.argv", ["bench", "--keep", "elsewhere"])
    bench.main()
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {"figures.json", "scaling.svg"}
