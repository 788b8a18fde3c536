"""Cold starts, beside functions that import the same libraries and do nothing, or import nothing; what imports cost."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import requests

from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionProcess, Target
from tests.bench.figures import Figure, Report
from tests.bench.workbench import Workbench, call_back, tick
from tests.e2e.stage import EVENT_HEADERS

TURNS: Final = 41  # the first, which fills the disk's cache, is not counted
TARGET: Final = 1.15
ANSWER_TIMEOUT_S: Final = 60

_BOTH: Final = ("flask", "functions_framework", "pg8000.dbapi", "pg8000.native", "urllib3")
_EVENTS: Final = ("google.api_core.exceptions", "google.auth.exceptions", "google.cloud.pubsub_v1")
_SECRETS: Final = ("google.api_core.exceptions", "google.cloud.secretmanager_v1", "google_crc32c", "grpc")

LIBRARIES: Final = (
    "functions_framework",
    "pg8000.dbapi",
    "urllib3",
    "google.cloud.secretmanager_v1",
    "google.cloud.tasks_v2",
    "google.cloud.pubsub_v1",
    "google.cloud.sql.connector",
)

_HTTP: Final = """
import functions_framework

@functions_framework.http
def {name}(request):
    return "ok"
"""
_EVENT: Final = """
import functions_framework

@functions_framework.cloud_event
def {name}(event):
    return None
"""


@dataclass(frozen=True)
class Start:
    """A first request, and the libraries that a function must have imported by the end of it."""

    name: str
    target: Target
    libraries: tuple[str, ...]
    ask: Callable[[FunctionProcess], object]


def measure(workbench: Workbench, report: Report) -> None:
    """Time the three kinds of first request, each in turns with its limits."""
    workbench.wait_below()
    token = _completed(workbench)
    starts = (
        Start("check_threshold, first check (below)", CHECK_THRESHOLD, (*_BOTH, *_SECRETS), tick),
        Start("swap_executed, first health check", SWAP_EXECUTED, _BOTH, _ask_health),
        Start(
            "swap_executed, first callback (a repeat)",
            SWAP_EXECUTED,
            _BOTH,
            lambda function: call_back(function, token),
        ),
    )
    for start in starts:
        _measure(workbench, report, start)
    _measure_first_settlement(workbench, report)
    workbench.payments.remove()


def measure_imports(report: Report) -> None:
    """Time what each library costs an interpreter that has loaded nothing yet, and both functions' own modules."""
    modules = ("functions.check_threshold.main", "functions.swap_executed.main", *LIBRARIES)
    for module in modules:
        command = [
            sys.executable,
            "-c",
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)",
        ]
        samples = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(4)]
        report.add(Figure("imports", f"import {module}", None, "s", tuple(samples[1:])))


def _measure(workbench: Workbench, report: Report, start: Start) -> None:
    with_libraries = _plain_function(workbench.folder, start.target, start.libraries)
    without = _plain_function(workbench.folder, start.target, ())
    mine, same, none = _in_turns(
        lambda: _time(FunctionProcess(start.target, workbench.environment(), workbench.folder), start.ask),
        lambda: _time(with_libraries, _ask(start.target)),
        lambda: _time(without, _ask(start.target)),
    )
    report.add(_figure(start.name, mine, "same libraries, nothing done", same, target=TARGET))
    report.add(_figure(start.name, mine, "functions-framework alone", none))


def _measure_first_settlement(workbench: Workbench, report: Report) -> None:
    """Time a first callback that completes a batch and publishes its event, which takes the Pub/Sub client."""
    limit = _plain_function(workbench.folder, SWAP_EXECUTED, (*_BOTH, *_EVENTS))
    tokens = [_open_batch_of_one(workbench) for _ in range(TURNS)]
    mine, same = _in_turns(
        lambda: _time(
            FunctionProcess(SWAP_EXECUTED, workbench.environment(), workbench.folder),
            lambda function: call_back(function, tokens.pop()),
        ),
        lambda: _time(limit, _ask(SWAP_EXECUTED)),
    )
    name = "swap_executed, first callback (completes, publishes)"
    report.add(_figure(name, mine, "same libraries, nothing done", same, target=TARGET))


def _in_turns(*ways: Callable[[], float]) -> list[list[float]]:
    """Measure each way in each turn, every second time in the other order; returns the samples of each."""
    samples: list[list[float]] = [[] for _ in ways]
    for turn in range(TURNS):
        pairs = list(zip(ways, samples, strict=True))
        for way, kept in pairs if turn % 2 == 0 else reversed(pairs):
            kept.append(way())
    return samples


def _open_batch_of_one(workbench: Workbench) -> str:
    """Open a batch of one payment whose exchange is finished; returns its callback's token."""
    workbench.payments.add_pending(1)
    return workbench.finish_exchange(workbench.open_batch())


def _completed(workbench: Workbench) -> str:
    """Complete a batch of one payment; returns its token, which may come again."""
    token = _open_batch_of_one(workbench)
    with workbench.function(SWAP_EXECUTED) as function:
        call_back(function, token)
    return token


def _time(function: FunctionProcess, ask: Callable[[FunctionProcess], object]) -> float:
    """Time from the process's start to its first answer."""
    started = time.perf_counter()
    function.start()
    try:
        ask(function)
        return time.perf_counter() - started
    finally:
        function.kill()


def _ask(target: Target) -> Callable[[FunctionProcess], object]:
    def ask(function: FunctionProcess) -> None:
        answer = (
            requests.post(function.url, json={"message": {}}, headers=EVENT_HEADERS, timeout=ANSWER_TIMEOUT_S)
            if target is CHECK_THRESHOLD
            else requests.get(function.url, timeout=ANSWER_TIMEOUT_S)
        )
        answer.raise_for_status()

    return ask


def _ask_health(function: FunctionProcess) -> None:
    requests.get(f"{function.url}/health", timeout=ANSWER_TIMEOUT_S).raise_for_status()


def _plain_function(folder: Path, target: Target, libraries: tuple[str, ...]) -> FunctionProcess:
    """Write a function of the same name and kind that imports these libraries and does nothing."""
    kind = f"with_{len(libraries)}_libraries_{target.name}"
    source = folder / kind / "functions" / target.name / "main.py"
    source.parent.mkdir(parents=True, exist_ok=True)
    body = _EVENT if target is CHECK_THRESHOLD else _HTTP
    source.write_text("".join(f"import {name}\n" for name in libraries) + body.format(name=target.name))
    return FunctionProcess(replace(target), {}, folder / kind, root=folder / kind)


def _figure(
    name: str, mine: list[float], limit_name: str, limits: list[float], *, target: float | None = None
) -> Figure:
    return Figure("cold start", name, None, "s", tuple(mine[1:]), limit_name, tuple(limits[1:]), target)
