"""Judges mutants over several warm processes; what is known from an earlier run is not run again."""

import json
import multiprocessing
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from random import Random
from typing import Any, Final

from tests.mutants.mutant import Candidate, Mutant
from tests.mutants.planting import is_one_function
from tests.mutants.python_mutants import python_mutants
from tests.mutants.reach import FOLDER, Reach
from tests.mutants.sql_mutants import sql_mutants
from tests.mutants.warm_process import Job, Verdict, work

RESULTS: Final = FOLDER / "results.jsonl"
KILLED: Final = ("killed", "timeout")
UNSURE: Final = "unsure"  # it failed once and not again: another run tries it anew
TOLD_EVERY: Final = 200
FAST_S: Final = 3.0  # a test that noticed a neighbour lately and is no slower goes first
LATELY: Final = 4


@dataclass
class Account:
    """What became of the mutants, by key."""

    mutants: list[Mutant]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    duration_s: float = 0.0

    def survivors(self) -> list[Mutant]:
        """Those that no test noticed, in the order of their places."""
        return [mutant for mutant in self.mutants if self.verdicts[mutant.key].outcome not in KILLED]


def choose(paths: Sequence[str], sample: int | None, seed: int) -> list[Mutant]:
    """Make the mutants of some files, all or a sample that the seed draws; each change once.

    A larger sample of the same seed holds the smaller one.
    """
    candidates: list[Candidate] = []
    for path in paths:
        candidates += (python_mutants if path.endswith(".py") else sql_mutants)(path)
    if sample is not None and sample < len(candidates):
        shuffled = Random(seed).sample(range(len(candidates)), len(candidates))
        candidates = [candidates[index] for index in sorted(shuffled[:sample])]
    made = (candidate.make() for candidate in candidates)
    return list({mutant.key: mutant for mutant in made if mutant.changed}.values())


def judge(mutants: list[Mutant], reach: Reach, processes: int) -> Account:
    """Judge every mutant; those killed before stay killed, survivors are tried again where the tests are others."""
    began, account, jobs = time.monotonic(), Account(mutants), []
    known = _read_results()
    for mutant in mutants:
        job, before = _job(mutant, reach), known.get(mutant.key)
        is_known = before is not None and before["outcome"] != UNSURE
        if before is not None and is_known and (before["outcome"] in KILLED or before["tests"] == job.mark):
            account.verdicts[mutant.key] = Verdict(before["outcome"], before["by"])
        elif job.tests:
            jobs.append(job)
        else:
            account.verdicts[mutant.key] = Verdict("untested")
    if jobs:
        _Crew(jobs, account, processes).work()
    account.duration_s = time.monotonic() - began
    return account


def _job(mutant: Mutant, reach: Reach) -> Job:
    tests = reach.of(mutant)
    return Job(
        mutant, tests, sum(map(reach.seconds, tests)), reach.mark(tests), is_loaded_anew=not is_one_function(mutant)
    )


def _read_results() -> dict[str, dict[str, Any]]:
    if not RESULTS.exists():
        return {}
    return {row["key"]: row for row in map(json.loads, RESULTS.read_text().splitlines())}


class _Crew:
    """The warm processes, each with the job that it is at."""

    def __init__(self, jobs: Sequence[Job], account: Account, processes: int) -> None:
        self._loaded_anew = deque(job for job in jobs if job.is_loaded_anew)
        self._others = deque(job for job in jobs if not job.is_loaded_anew)
        self._account = account
        self._processes = min(processes, len(jobs))
        self._at_work: dict[Any, Job] = {}
        self._have_loaded: set[Any] = set()
        self._noticed: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LATELY))

    def work(self) -> None:
        """Hand out every job and take in the verdicts."""
        context = multiprocessing.get_context("spawn")
        crew = []
        for _ in range(self._processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs,))
            process.start()
            theirs.close()
            crew.append((process, ours))
            self._hand_out(ours)
        with RESULTS.open("a") as results:
            for job, verdict in self._verdicts():
                assert job.mutant is not None
                self._account.verdicts[job.mutant.key] = verdict
                known = {"key": job.mutant.key, **vars(verdict), "place": job.mutant.place, "tests": job.mark}
                results.write(json.dumps(known) + "\n")
                results.flush()
        for process, _ in crew:
            process.join()

    def _verdicts(self) -> Iterator[tuple[Job, Verdict]]:
        judged, began = 0, time.monotonic()
        while self._at_work:
            for connection in wait(list(self._at_work)):
                assert isinstance(connection, Connection)
                verdict, job = connection.recv(), self._at_work.pop(connection)
                if verdict.by is not None and job.mutant is not None:
                    self._noticed[job.mutant.path].append(verdict.by)
                judged += 1
                if judged % TOLD_EVERY == 0:
                    left = len(self._loaded_anew) + len(self._others)
                    print(f"{judged} judged in {time.monotonic() - began:.0f} s, {left} left", flush=True)
                yield job, verdict
                self._hand_out(connection)

    def _hand_out(self, connection: Connection) -> None:
        if self._loaded_anew and connection not in self._have_loaded:
            self._send(connection, self._loaded_anew.popleft())
            return
        if connection not in self._have_loaded:
            self._have_loaded.add(connection)
            connection.send(None)
        if self._others:
            self._send(connection, self._others.popleft())
        else:
            connection.send(None)

    def _send(self, connection: Connection, job: Job) -> None:
        assert job.mutant is not None
        lately = set(self._noticed[job.mutant.path]) & set(job.tests)
        first = [test for test in job.tests if test in lately]
        job = replace(job, tests=[*first, *(test for test in job.tests if test not in lately)])
        connection.send(job)
        self._at_work[connection] = job
