"""A process in which all that takes long is done before: each mutant is planted, and its tests run, in a fork of it.

First come the mutants that show only where a module is loaded anew: of our own code nothing is loaded yet. Then the
tests are collected once, and mutants of one function or statement are planted in what is loaded: most of them.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final

import pytest

from sandbox.postgres.server import Postgres
from tests.mutants.forks import in_fork
from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.planting import plant_before_loading, plant_in_loaded
from tests.mutants.reach import CHOSEN, TESTS

# What takes long to load and knows nothing of ours.
LIBRARIES: Final = (
    "google.api_core.exceptions",
    "google.cloud.pubsub_v1",
    "google.cloud.secretmanager_v1",
    "google.cloud.tasks_v2",
    "hypothesis.extra.pytestplugin",
    "hypothesis.strategies",
    "pg8000.native",
    "requests",
    "sandbox.changenow.server",
    "sandbox.google.cloud_tasks.server",
    "sandbox.google.secret_manager.server",
    "sandbox.peers.gchostpay1_tokens",
)
OPTIONS: Final = (
    *CHOSEN,
    *("--timeout=60", "--hypothesis-profile=mutants", "--hypothesis-seed=1", "--capture=sys", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
TEMPLATE: Final = "migrated"
PATIENCE_S: Final = 20.0  # above five times what the tests take
NOT_LOADED: Final = (2, 4)  # pytest's codes where tests could not be collected
LOADING: Final = "loading"
TRIED_MAX: Final = 2


@dataclass(frozen=True)
class Job:
    """A mutant (None: the sound code) and the tests that may notice it, in the order in which they run."""

    mutant: Mutant | None
    tests: Sequence[str]
    seconds: float
    mark: str  # of the tests, as they stand
    is_loaded_anew: bool


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: killed, timeout, survived or unsure; *by* is the test that noticed."""

    outcome: str
    by: str | None = None


class _Tests:
    """A plugin that has the warm server for a fixture, and remembers the first test that fails."""

    def __init__(self, postgres: Postgres) -> None:
        self._warm: dict[str, Any] = {"postgres": postgres, "migrated_template": TEMPLATE}
        self.failed: str | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """Hand out what is there already."""
        value = self._warm.get(fixturedef.argname)
        if value is not None:
            fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
        return value

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first that fails."""
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def run(self, items: Sequence[pytest.Item]) -> str | None:
        """Run tests until one fails; returns it."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed is not None:
                return self.failed
        return None


class _OneJob(_Tests):
    """Runs one job's tests instead of all that was collected."""

    def __init__(self, postgres: Postgres, job: Job) -> None:
        super().__init__(postgres)
        self._job = job

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the chosen ones in their order."""
        found = {item.nodeid: item for item in session.items}
        self.run([found[test] for test in self._job.tests])
        return True


class _ManyJobs(_Tests):
    """Runs job after job, each in a fork of the process that has collected everything."""

    def __init__(self, postgres: Postgres, connection: Connection) -> None:
        super().__init__(postgres)
        self._connection = connection

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer jobs until there are no more."""
        found = {item.nodeid: item for item in session.items}
        while (job := self._connection.recv()) is not None:
            self._connection.send(self._judge(job, found))
        return True

    def _judge(self, job: Job, found: dict[str, pytest.Item]) -> Verdict:
        def run(job: Job) -> str | None:
            if job.mutant is not None:
                plant_in_loaded(job.mutant)
            return self.run([found[test] for test in job.tests])

        return judge_surely(job, lambda job: _in_time(job, partial(run, job)))


def judge_surely(job: Job, judge_once: Callable[[Job], Verdict]) -> Verdict:
    """Judge a mutant so that a loaded machine cannot: the test that failed has to fail again by itself.

    Where the time was over, the sound code must get through the same tests within it.
    """
    for _ in range(TRIED_MAX):
        verdict = judge_once(job)
        if verdict.outcome == "survived" or verdict.by == LOADING:
            return verdict
        if verdict.by is None:
            is_sure = judge_once(replace(job, mutant=None)).outcome == "survived"
        else:
            is_sure = judge_once(replace(job, tests=[verdict.by])) == verdict
        if is_sure:
            return verdict
    return Verdict("unsure")


def work(connection: Connection) -> None:
    """Answer jobs: those of modules to be loaded anew until the first None, the others until the second."""
    os.chdir(ROOT)
    from hypothesis import Phase, settings

    settings.register_profile("mutants", database=None, phases=(Phase.explicit, Phase.generate), deadline=None)
    for library in LIBRARIES:
        importlib.import_module(library)
    with Postgres() as postgres:
        in_fork(lambda: _make_template(postgres), 120.0)
        while (job := connection.recv()) is not None:
            connection.send(judge_surely(job, lambda job: _in_time(job, partial(_load_and_run, postgres, job))))
        in_fork(lambda: int(pytest.main([*OPTIONS, *TESTS], plugins=[_ManyJobs(postgres, connection)])), None)


def _make_template(postgres: Postgres) -> None:
    from ops.schema.migrate import migrate
    from sandbox.postgres.session import open_session

    postgres.create_database(TEMPLATE)
    migrate(lambda: open_session(postgres.url(TEMPLATE)))


def _load_and_run(postgres: Postgres, job: Job) -> str | None:
    if job.mutant is not None:
        plant_before_loading(job.mutant)
    tests = _OneJob(postgres, job)
    files = list(dict.fromkeys(test.partition("::")[0] for test in job.tests))
    code = int(pytest.main([*OPTIONS, *files], plugins=[tests]))
    return LOADING if code in NOT_LOADED else tests.failed


def _in_time(job: Job, run: Callable[[], str | None]) -> Verdict:
    said = in_fork(run, PATIENCE_S + 5 * job.seconds)
    if said is None:
        return Verdict("timeout")
    (failed,) = said
    return Verdict("survived") if failed is None else Verdict("killed", str(failed))
