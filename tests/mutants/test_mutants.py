"""The mutants are what they claim to be: each differs, most can be planted in loaded code, and what is planted acts."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.model import decision
from shared.model.policy import Policy
from tests.mutants.account import explained
from tests.mutants.campaign import choose
from tests.mutants.forks import in_fork
from tests.mutants.mutant import MUTATED, ROOT, Mutant
from tests.mutants.planting import is_one_function, plant_in_loaded
from tests.mutants.warm_process import Job, Verdict, judge_surely

DECISION = "shared/model/decision.py"
SETTLEMENT = "shared/sql/settlement.sql"


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    """Those of two small files."""
    return choose([DECISION, SETTLEMENT], None, 1)


def opens_at(pending_usd: str) -> bool:
    """Whether so many dollars reach a threshold of $20."""
    pending = decision.Pending(1, Decimal(pending_usd), None)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    reason = decision.decide(pending, threshold_usd=Decimal(20), policy=Policy(), forced=False, in_flight=0, now=now)
    return reason == "threshold_reached"


def test_every_mutant_is_another_program(mutants: list[Mutant]) -> None:
    """No two are the same, none is the file as it is, and each Python one compiles."""
    assert len({mutant.key for mutant in mutants}) == len(mutants) > 100
    for mutant in mutants:
        assert mutant.source != (ROOT / mutant.path).read_text()
        if mutant.statement is None:
            compile(mutant.source, mutant.path, "exec")


def test_an_assignment_is_dropped_and_no_comparison(mutants: list[Mutant]) -> None:
    """What would be no statement at all is no mistake that anybody makes."""
    changed = [mutant.change[1] for mutant in mutants if mutant.operator == "= to <>"]
    assert changed
    assert all("WHERE" in change or "AND" in change or "ON" in change for change in changed), changed


def test_a_sample_is_the_seeds(mutants: list[Mutant]) -> None:
    """The same seed draws the same mutants, another draws others; a larger sample holds the smaller."""
    first, again, other = (choose([DECISION, SETTLEMENT], 20, seed) for seed in (1, 1, 2))
    assert [mutant.key for mutant in first] == [mutant.key for mutant in again] != [mutant.key for mutant in other]
    larger = choose([DECISION, SETTLEMENT], 60, 1)
    assert {mutant.key for mutant in first} < {mutant.key for mutant in larger} < {mutant.key for mutant in mutants}


def test_what_is_planted_acts_in_the_fork_alone(mutants: list[Mutant]) -> None:
    """The threshold, changed from "at least" to "above", is another there, and here it is what it was."""
    wanted = ("if pending.pending_usd >= threshold_usd:", "if pending.pending_usd > threshold_usd:")
    (mutant,) = (mutant for mutant in mutants if mutant.change == wanted)
    assert is_one_function(mutant)

    def planted() -> list[bool]:
        plant_in_loaded(mutant)
        return [opens_at("20"), opens_at("20.01")]

    assert in_fork(planted, 30) == ([False, True],)
    assert opens_at("20")


def test_what_stands_outside_functions_is_loaded_anew(mutants: list[Mutant]) -> None:
    """A field's default shows only where the record is made again."""
    (mutant, *_) = (mutant for mutant in mutants if mutant.change[0] == "is_cut_over_wanted: bool = False")
    assert not is_one_function(mutant)


def test_a_fork_that_hangs_or_breaks_is_told(mutants: list[Mutant]) -> None:
    """Its time over is None, its error is raised with what it was."""
    assert in_fork(lambda: __import__("time").sleep(60), 0.05) is None
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        in_fork(lambda: 1 // 0, 30)


def judged(mutant: Mutant, *verdicts: Verdict) -> tuple[Verdict, list[tuple[bool, list[str]]]]:
    """What a mutant comes to that is seen so, and what was run: whether it was planted, and which tests."""
    ran, left = [], iter(verdicts)

    def judge_once(job: Job) -> Verdict:
        ran.append((job.mutant is not None, list(job.tests)))
        return next(left)

    job = Job(mutant, ["a", "b"], 1.0, "mark", is_loaded_anew=False)
    return judge_surely(job, judge_once), ran


def test_what_fails_once_is_no_kill(mutants: list[Mutant]) -> None:
    """The test that noticed must notice again by itself; one that then passes was the machine's doing."""
    killed, survived = Verdict("killed", "b"), Verdict("survived")
    assert judged(mutants[0], killed, killed) == (killed, [(True, ["a", "b"]), (True, ["b"])])
    assert judged(mutants[0], killed, survived, survived)[0] == survived
    assert judged(mutants[0], killed, survived, killed, survived)[0].outcome == "unsure"
    assert judged(mutants[0], survived)[0] == survived


def test_a_time_limit_must_be_the_mutants(mutants: list[Mutant]) -> None:
    """Where the sound code does not get through within it either, nothing is known of the mutant."""
    timeout, survived = Verdict("timeout"), Verdict("survived")
    assert judged(mutants[0], timeout, survived) == (timeout, [(True, ["a", "b"]), (False, ["a", "b"])])
    assert judged(mutants[0], *(4 * [timeout]))[0].outcome == "unsure"
    assert judged(mutants[0], Verdict("killed", "loading"))[0].outcome == "killed"


def test_every_survivor_explained_is_a_mutant_still() -> None:
    """docs/proof.md explains no line that is no longer there."""
    assert all(path in MUTATED and why.strip() for (path, _, _), why in explained().items())
    for path, taken_out, _ in explained():
        text = re.sub(r"\s+", " ", (ROOT / path).read_text())
        assert re.sub(r"\s+", " ", taken_out) in text, f"{path} does not hold {taken_out}"


def test_an_explained_change_is_not_any_change(mutants: list[Mutant]) -> None:
    """An explanation is of one line and what became of it."""
    first, second = mutants[:2]
    assert (first.path, *first.change) != (second.path, *second.change)
    assert replace(first, lines=(1, 1)).key == first.key
