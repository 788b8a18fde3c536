"""A plugin for pytest that records which lines of ours and which statements each test runs, and how long it takes.

Lines that run while a module is loaded belong to no test. Given by ``-p tests.mutants.recording``; the record goes to
the file that RECORD_TO names.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from tests.mutants.mutant import ROOT

RECORD_TO: Final = "RECORD_TO"
NO_TEST: Final = "no test"

_coverage: Final = coverage.Coverage(data_file=None, config_file=False, source=[str(ROOT / "shared")])
_seconds: Final[dict[str, float]] = {}
_statements: Final[dict[str, set[str]]] = defaultdict(set)
_current = NO_TEST


def pytest_configure(config: pytest.Config) -> None:
    """Begin before anything of ours is loaded."""
    _coverage.start()
    _coverage.switch_context(NO_TEST)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which statements are asked for from now on."""
    from shared.outside.statements import Statements

    original = Statements.ready

    def ready(self: Any, name: str) -> Any:
        _statements[_current].add(name.partition("/")[0])
        return original(self, name)

    Statements.ready = ready  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Everything from a test's fixtures to their end is the test's."""
    global _current
    began, _current = time.monotonic(), item.nodeid
    _coverage.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _coverage.switch_context(NO_TEST)
        _seconds[item.nodeid], _current = time.monotonic() - began, NO_TEST


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the record down."""
    _coverage.stop()
    data, lines = _coverage.get_data(), defaultdict[str, dict[str, list[int]]](dict)
    for file in data.measured_files():
        path = str(Path(file).relative_to(ROOT))
        for line, tests in data.contexts_by_lineno(file).items():
            for test in tests:
                lines[test].setdefault(path, []).append(line)
    record = {
        test: {"seconds": seconds, "lines": lines[test], "statements": sorted(_statements[test])}
        for test, seconds in _seconds.items()
    }
    Path(os.environ[RECORD_TO]).write_text(json.dumps(record))
