"""Many seeds over several worker processes, and the account of what they met."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from tests.simulation.engine.journal import Journal
from tests.simulation.engine.play import play
from tests.simulation.history.generator import generate
from tests.simulation.history.printing import print_history
from tests.simulation.history.shrinking import shortest
from tests.simulation.history.vocabulary import History
from tests.simulation.world.servers import running_servers

Tell = Callable[[int], History]

SHRINK_S = 60.0
SHRUNK_MAX = 3  # of each worker; the others are only named
TOLD_EVERY = 1000  # histories


@dataclass
class CampaignResult:
    """What came of a campaign."""

    journal: Journal = field(default_factory=Journal)
    broken: list[str] = field(default_factory=list)
    duration_s: float = 0.0


def run(first: int, count: int, workers: int, shrink_s: float = SHRINK_S, *, tell: Tell = generate) -> CampaignResult:
    """Play so many seeds from the first on; *tell* makes a seed's history."""
    began = time.monotonic()
    account = CampaignResult()
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for worker in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        seeds = range(first + worker, first + count, workers)
        process = context.Process(target=_work, args=(sender, seeds, shrink_s, tell), daemon=False)
        process.start()
        sender.close()
        pipes.append(receiver)
        processes.append(process)
    for told in _received(pipes):
        if isinstance(told, str):
            account.broken.append(told)
            print(told, flush=True)
        else:
            account.journal.add(told)
            _tell_how_far(account.journal.counts["histories"], count, time.monotonic() - began)
    for process in processes:
        process.join()
        if process.exitcode:
            account.broken.append(f"a worker ended with {process.exitcode}")
    account.duration_s = time.monotonic() - began
    return account


def _tell_how_far(played: int, count: int, duration_s: float) -> None:
    if played % TOLD_EVERY == 0 and played < count:
        print(f"{played} of {count} histories in {duration_s:.0f} s", flush=True)


def _received(pipes: list[Connection]) -> Iterator[Journal | str]:
    while pipes:
        for pipe in wait(pipes):
            assert isinstance(pipe, Connection)
            try:
                yield pipe.recv()
            except EOFError:
                pipes.remove(pipe)


def _work(sender: Connection, seeds: range, shrink_s: float, tell: Tell) -> None:
    shrunk = 0
    with running_servers() as servers:
        for seed in seeds:
            result = play(servers, tell(seed))
            sender.send(result.journal.totals())
            if result.broken is None:
                continue
            if shrunk < SHRUNK_MAX and shrink_s:
                result = shortest(servers, result, shrink_s)
                shrunk += 1
            sender.send(print_history(result.history, result.broken))
    sender.close()


def summary(account: CampaignResult) -> str:
    """The account in a few lines."""
    journal = account.journal
    counts = journal.counts
    places = sorted({name for name, _ in journal.seen})
    both = [place for place in places if all((place, stage) in journal.killed for stage in ("before", "after"))]
    return f"""\
{counts["histories"]} histories, {counts["steps"]} steps, {counts["checks"]} checks, {counts["processes"]} processes \
in {account.duration_s:.0f} s
{counts["payments"]} payments; {counts["batches"]} batches: {counts["batches completed"]} completed, \
{counts["batches failed"]} failed and given back
${counts["micro-dollars converted"] / 1e6:,.2f} converted into {counts["micro-USDT distributed"] / 1e6:,.2f} USDT
{counts["orders accepted"]} orders accepted, {counts["exchanges paid"]} exchanges paid
{counts["backups put back"]} backups put back, {counts["payments put back"]} payments after them; the fence: \
{_listed(counts, "fence ")}
{len(places)} boundaries found, {len(both)} of them killed before and after
checks: {_listed(counts, "check: ")}
callbacks: {_listed(counts, "callback: ")}
{sum(journal.faults.values())} faults: {_listed(journal.faults, "")}
{len(account.broken)} rules broken"""


def _listed(counts: dict[str, int], prefix: str) -> str:
    found = {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items(), key=lambda item: -item[1]))
