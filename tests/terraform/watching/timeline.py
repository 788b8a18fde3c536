"""Hours and days of log lines, as the time series that Monitoring would make of them, for Prometheus's own rule tests.

A line that the code wrote stands for its kind: told again at other minutes, with its own labels, and its own numbers
unless others are given.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.terraform.watching.logging_filter import matches
from tests.terraform.watching.planned import entry, extracted
from tests.terraform.watching.story import Line

ON_RUN = 'monitored_resource="cloud_run_revision"'
DAY_MIN = 24 * 60


@dataclass(frozen=True)
class Told:
    """One line at one minute."""

    minute: int
    line: Line


@dataclass(frozen=True)
class Timeline:
    """What is told in a number of minutes, beside Google's own gauges."""

    minutes: int
    told: tuple[Told, ...] = ()
    gauges: tuple[tuple[str, int], ...] = ()

    def every(self, step_min: int, line: Line, *, first: int = 1, last: int | None = None, **fields: Any) -> "Timeline":
        """Tell *line* again and again, from the first to the last minute."""
        end = self.minutes if last is None else last
        return replace(self, told=(*self.told, *(Told(at, line | fields) for at in range(first, end + 1, step_min))))

    def once(self, minute: int, line: Line, **fields: Any) -> "Timeline":
        """Tell *line* at one minute."""
        return replace(self, told=(*self.told, Told(minute, line | fields)))

    def gauge(self, series: str, value: int) -> "Timeline":
        """Hold one of Google's own series at a value all the time."""
        return replace(self, gauges=(*self.gauges, (series, value)))

    def input_series(self, metrics: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
        """The series as promtool's rule tests read them, a sample a minute; counters start at 0."""
        found = [
            {"series": series, "values": " ".join(map(str, counted))}
            for name, values in metrics.items()
            for series, counted in self._of(name, values).items()
        ]
        return found + [{"series": series, "values": f"{value}x{self.minutes}"} for series, value in self.gauges]

    def _of(self, name: str, values: Mapping[str, Any]) -> dict[str, list[float]]:
        increments: dict[str, list[float]] = {}
        for one in self.told:
            if matches(values["filter"], entry(one.line)):
                for series, amount in _counted(name, values, one.line):
                    increments.setdefault(series, [0.0] * (self.minutes + 1))[one.minute] += amount
        return {series: list(_summed(amounts)) for series, amounts in increments.items()}


def _counted(name: str, values: Mapping[str, Any], line: Line) -> Iterator[tuple[str, float]]:
    """What one line adds to which series of a metric: 1, or for a distribution its number to the sum."""
    series = f"logging_googleapis_com:user_{name}"
    extractor = values["value_extractor"]
    if extractor:
        number = extracted(line, extractor)
        if number is not None:
            yield f"{series}_sum{{{ON_RUN}}}", float(number)
            yield f"{series}_count{{{ON_RUN}}}", 1
        return
    labels = {label: extracted(line, text) for label, text in sorted((values["label_extractors"] or {}).items())}
    told = "".join(f',{label}="{"" if value is None else value}"' for label, value in labels.items())
    yield f"{series}{{{ON_RUN}{told}}}", 1


def _summed(amounts: Iterable[float]) -> Iterator[float]:
    total = 0.0
    for amount in amounts:
        total += amount
        yield total
