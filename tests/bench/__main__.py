"""`python -m tests.bench`: measures and prints; only `--keep` writes it down, and `--show` prints what is kept."""

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.bench import batches, rates, starts
from tests.bench.figures import Report, describe_machine, read_report, table
from tests.bench.plot import plot
from tests.bench.workbench import SERVER_SETTINGS, running_workbench

SIZES: Final = (10, 1_000, 100_000, 1_000_000)
HISTORY: Final = 5_000_000
PARTS: Final = ("batches", "round trips", "rates", "starts")
KEPT: Final = Path("docs/figures/performance")
DOCUMENT: Final = Path("docs/performance.md")
TABLE_BEGINS: Final = "<!-- table: written by tests.bench -->\n"
TABLE_ENDS: Final = "<!-- end of table -->"
GROUPS: Final = (
    "distribution",
    "one by one",
    "release",
    "check",
    "opening",
    "memory",
    "cold start",
    "round trips",
    "throughput",
    "imports",
)


def main() -> None:
    """Measure, say it as it comes, then the table; where asked to, keep it."""
    arguments = _arguments()
    if arguments.show:
        print(table(_sorted(read_report(KEPT / "figures.json"))))
        return
    report = _measured(arguments)
    print("\n" + table(_sorted(report)))
    if arguments.keep:
        keep(report, arguments.keep)
        print(f"\nkept in {arguments.keep}/: figures.json, scaling.svg")


def keep(report: Report, folder: Path) -> None:
    """Write figures.json and scaling.svg, and the table into the document where it is the document's own folder."""
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder / "figures.json")
    (folder / "scaling.svg").write_text(plot(report), encoding="utf-8")
    if folder == KEPT:
        _put_table(DOCUMENT, table(_sorted(report)))


def _measured(arguments: argparse.Namespace) -> Report:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    settings: dict[str, Any] = {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "history": arguments.history,
        "sizes": list(arguments.sizes),
        "postgres": dict(SERVER_SETTINGS),
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }
    report = Report(describe_machine(os.cpu_count() or 1, memory), settings)
    print(f"a history of {arguments.history:,} completed payments is being made", flush=True)
    with running_workbench(arguments.history) as workbench:
        if "starts" in arguments.parts:
            starts.measure(workbench, report)
            starts.measure_imports(report)
        if "round trips" in arguments.parts:
            sizes = [size for size in rates.ROUND_TRIP_SIZES if size in arguments.sizes]
            rates.measure_round_trips(workbench, report, sizes)
        if "rates" in arguments.parts:
            rates.measure(workbench, report)
        if "batches" in arguments.parts:
            for size in arguments.sizes:
                batches.measure(workbench, report, size)
    settings["load_after"] = [round(load, 2) for load in os.getloadavg()]
    return report


def _put_table(document: Path, rows: str) -> None:
    """Replace the table in a document."""
    before, begins, rest = document.read_text(encoding="utf-8").partition(TABLE_BEGINS)
    _, ends, after = rest.partition(TABLE_ENDS)
    if not (begins and ends):
        raise SystemExit(f"{document} has no place for the table")
    document.write_text(f"{before}{begins}\n{rows}\n\n{ends}{after}", encoding="utf-8")


def _sorted(report: Report) -> list[Any]:
    return [figure for group in GROUPS for figure in report.of(group)]


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="payments in a batch")
    parser.add_argument("--history", type=int, default=HISTORY, help="payments completed before")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    kept = f"keep the figures (in {KEPT}, or in another folder); without it nothing is written"
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--keep", type=Path, nargs="?", const=KEPT, metavar="FOLDER", help=kept)
    what.add_argument("--show", action="store_true", help="show the kept figures and measure nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
