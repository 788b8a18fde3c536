"""What was measured: samples taken in turns, their medians and spread, and the ratio to a limit of the same run."""

import json
import platform
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """Samples of one thing at one size; *limits* are those of what it is compared with, taken in turns with it."""

    group: str
    name: str
    size: int | None  # payments
    unit: str
    samples: tuple[float, ...]
    limit_name: str = ""
    limits: tuple[float, ...] = ()
    target: float | None = None  # the ratio at most, or with no limit the figure itself

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def limit(self) -> float | None:
        """The middle sample of the limit."""
        return statistics.median(self.limits) if self.limits else None

    @property
    def ratios(self) -> tuple[float, ...]:
        """Each sample over the limit's sample of the same turn, so that what slows both cancels."""
        if len(self.limits) == len(self.samples):
            return tuple(sample / limit for sample, limit in zip(self.samples, self.limits, strict=True))
        return tuple(sample / self.limit for sample in self.samples) if self.limit else ()

    @property
    def ratio(self) -> float | None:
        """The middle ratio."""
        return statistics.median(self.ratios) if self.limits else None

    @property
    def document(self) -> dict[str, Any]:
        """The figure for the JSON file."""
        derived = {"median": self.median, "limit": self.limit, "ratio": self.ratio}
        spread = {"low": min(self.samples), "high": max(self.samples)}
        return asdict(self) | derived | spread | {"ratios": self.ratios}


@dataclass
class Report:
    """All figures of a run, and what it ran on."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Keep a figure and say it, so that a run that is stopped has told what it knows."""
        self.figures.append(figure)
        print(f"  {line(figure)}", flush=True)

    def of(self, group: str, name: str | None = None) -> list[Figure]:
        """The figures of a group, by that name where one is given."""
        return [each for each in self.figures if each.group == group and name in (None, each.name)]

    def write(self, path: Path) -> None:
        """Write the figures as JSON."""
        document = {"machine": self.machine, "settings": self.settings}
        rows = [figure.document for figure in self.figures]
        path.write_text(json.dumps(document | {"figures": rows}, indent=1) + "\n", encoding="utf-8")


def read_report(path: Path) -> Report:
    """Read what write() wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    figures = [Figure(**_fields(row)) for row in document["figures"]]
    return Report(document["machine"], document["settings"], figures)


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """A figure's own fields among what its document tells."""
    own = {name: row[name] for name in Figure.__dataclass_fields__}
    return own | {name: tuple(own[name]) for name in ("samples", "limits")}


def describe_machine(cores: int, memory_bytes: int) -> dict[str, Any]:
    """Say what the figures were taken on."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": cores,
        "memory_gib": round(memory_bytes / 2**30, 1),
        "python": platform.python_version(),
    }


HEADINGS = ("what", "payments", "median", "spread", "limit", "ratio", "target")


def row(figure: Figure) -> tuple[str, ...]:
    """A figure's cells, under HEADINGS."""
    target = ""
    if figure.target is not None:
        target = f"<= {figure.target:.4g}" + ("" if figure.limits else f" {figure.unit}")
    return (
        figure.name,
        f"{figure.size:,}" if figure.size is not None else "",
        amount(figure.median, figure.unit),
        f"{amount(min(figure.samples), figure.unit)} - {amount(max(figure.samples), figure.unit)}",
        f"{amount(figure.limit, figure.unit)} ({figure.limit_name})" if figure.limit is not None else "",
        f"{figure.ratio:.3g}" if figure.ratio is not None else "",
        target,
    )


def line(figure: Figure) -> str:
    """A figure on one line."""
    name, size, median, spread, limit, ratio, target = row(figure)
    parts = [
        f"{name}",
        f"N={size}" if size else "",
        median,
        f"[{spread}]",
        limit,
        f"x {ratio}" if ratio else "",
        target,
    ]
    return "  ".join(part for part in parts if part)


def amount(value: float, unit: str) -> str:
    """Write a figure with its unit, in as many digits as it is worth."""
    if unit == "s" and value < 1:
        return f"{value * 1000:.3g} ms"
    digits = f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
    return f"{digits} {unit}"


def table(figures: list[Figure]) -> str:
    """Figures as aligned columns, which Markdown reads as a table."""
    rows = [HEADINGS, *(row(figure) for figure in figures)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
