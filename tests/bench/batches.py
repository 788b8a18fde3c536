"""The life of a batch at one size: the check that waits, the opening, the distribution; each beside its bare limit."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sandbox.postgres.session import open_session
from sandbox.world.function_process import FunctionProcess
from tests.bench.figures import Figure, Report
from tests.bench.payments import plan_as_functions_do
from tests.bench.workbench import (
    CHECK_THRESHOLD,
    SWAP_EXECUTED,
    TX_HASH,
    Workbench,
    call_back,
    peak_mib,
    seconds,
    tick,
)

CHECKS: Final = 11  # turns; the first is not counted
ONE_BY_ONE: Final = 1000  # payments, from which larger batches' times are scaled
ONE_BY_ONE_TURNS: Final = 3
ONE_BY_ONE_SIZE_MAX: Final = 100_000
ONE_BY_ONE_TARGET: Final = 1 / 20  # a disk that commits in 0.7 ms leaves the bare UPDATE itself no more than 1/25
RSS_TARGET_MIB: Final = 64

BARE_SUM: Final = (
    "SELECT SUM(accumulated_eth) FROM payout_accumulation WHERE payment_is_claimable(conversion_status,"
    " batch_conversion_id, is_paid_out, accumulated_eth, payment_amount_usd, created_at)"
)
BARE_CLAIM: Final = (
    "UPDATE payout_accumulation SET conversion_status = 'swapping', batch_conversion_id = CAST(%s AS uuid),"
    " updated_at = CAST(%s AS timestamp) WHERE payment_is_claimable(conversion_status, batch_conversion_id,"
    " is_paid_out, accumulated_eth, payment_amount_usd, created_at)"
)
BARE_SHARES: Final = (
    "UPDATE payout_accumulation SET accumulated_amount_usdt = 24.82750000, conversion_status = 'completed',"
    " conversion_tx_hash = %s, updated_at = CAST(%s AS timestamp)"
    " WHERE batch_conversion_id = CAST(%s AS uuid) AND conversion_status = 'swapping'"
)
BARE_RELEASE: Final = (
    "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL,"
    " updated_at = CAST(%s AS timestamp) WHERE batch_conversion_id = CAST(%s AS uuid)"
)
NOW: Final = "2026-11-22 10:00:00"
BARE_UPDATE: Final = "bare UPDATE, no rules"
RELEASE_TURNS: Final = 3
RELEASE_SIZE_MAX: Final = 100_000


def measure(workbench: Workbench, report: Report, size: int) -> None:
    """Measure all of it at one size, and leave the table as it was."""
    workbench.payments.add_pending(size)
    measure_check(workbench, report, size)
    life = Life(workbench, size)
    life.measure(turns=7 if size <= 1000 else 5 if size <= 100_000 else 3)
    life.tell(report)
    if ONE_BY_ONE <= size <= ONE_BY_ONE_SIZE_MAX:
        measure_one_by_one(workbench, report, size)
    if size <= RELEASE_SIZE_MAX:
        measure_release(workbench, report, size)
    workbench.payments.remove()


def measure_check(workbench: Workbench, report: Report, size: int) -> None:
    """Time checks that find too little, in turns with the bare sum."""
    workbench.wait_below()
    whole, server, bare, wire = [], [], [], []
    with workbench.function(CHECK_THRESHOLD) as function:
        for _ in range(CHECKS):
            whole.append(seconds(lambda: tick(function)))
            wire.append(seconds(lambda: workbench.payments.sql(BARE_SUM)))
    with workbench.server_times(), workbench.function(CHECK_THRESHOLD) as function:
        session = open_session(workbench.postgres.url())
        session.cursor().execute("SET application_name = 'micro_batch'")
        plan_as_functions_do(session)
        for _ in range(CHECKS):
            server.append(workbench.server_time_s(lambda: tick(function)))
            bare.append(workbench.server_time_s(lambda: session.cursor().execute(BARE_SUM)))
        session.close()
    target = 2.0 if size == 100_000 else None
    report.add(_figure("check", "check below the threshold, the server's work", size, server, "bare SUM", bare, target))
    report.add(_figure("check", "check below the threshold, whole request", size, whole, "bare SUM", wire))


class Life:
    """Opens and distributes the same payments again and again, by the functions and barely, in turns."""

    def __init__(self, workbench: Workbench, size: int) -> None:
        self._workbench = workbench
        self._payments = workbench.payments
        self._size = size
        self._times: dict[str, list[float]] = {}
        self._peaks: dict[str, float] = {}

    def measure(self, turns: int) -> None:
        """Take turns; every second one begins with the bare limit. The first, when sessions are new, is not counted."""
        self._workbench.set_threshold("0.01")
        with self._workbench.function(CHECK_THRESHOLD) as checks, self._workbench.function(SWAP_EXECUTED) as callbacks:
            for turn in range(turns + 1):
                ways: list[Callable[[], None]] = [lambda: self._by_functions(checks, callbacks), self._barely]
                for way in ways if turn % 2 == 0 else reversed(ways):
                    way()
                    self._payments.renew()
            self._peaks = {"check_threshold": peak_mib(checks), "swap_executed": peak_mib(callbacks)}

    def tell(self, report: Report) -> None:
        """Add what was measured."""
        size = self._size
        times = {name: samples[1:] for name, samples in self._times.items()}
        target = 1.3 if size == 1_000_000 else None
        for name, mine, bare in (
            ("opening", "open", "bare open"),
            ("distribution", "distribute", "bare distribute"),
        ):
            report.add(
                _figure(name, f"{name} of a batch, whole request", size, times[mine], BARE_UPDATE, times[bare], target)
            )
        for function, peak in self._peaks.items():
            smallest = [figure.median for figure in report.of("memory", f"peak RSS of {function}")]
            report.add(Figure("memory", f"peak RSS of {function}", size, "MiB", (round(peak, 1),)))
            if smallest and size == 1_000_000:
                grown = (round(peak - smallest[0], 1) + 0.0,)  # no minus before a zero
                name = f"peak RSS of {function}, more than at the smallest size"
                report.add(Figure("memory", name, size, "MiB", grown, target=RSS_TARGET_MIB))

    def _by_functions(self, checks: FunctionProcess, callbacks: FunctionProcess) -> None:
        self._keep("open", lambda: tick(checks))
        batch = self._payments.newest_batch()
        if batch["payments_count"] != self._size or batch["task_enqueued_at"] is None:
            raise RuntimeError(f"the check has not opened a batch of {self._size} payments")
        self._payments.settle_down()
        token = self._workbench.finish_exchange(batch)
        self._keep("distribute", lambda: call_back(callbacks, token))
        if self._payments.batch(batch["batch_conversion_id"])["conversion_status"] != "completed":
            raise RuntimeError("the callback has not completed the batch")

    def _barely(self) -> None:
        self._payments.set_rules_aside()
        batch = str(uuid.uuid4())
        self._payments.sql("BEGIN")
        self._payments.sql(
            "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, opened_because)"
            " VALUES (CAST(%s AS uuid), 1, 20, 'forced')",
            batch,
        )
        self._keep("bare open", lambda: (self._payments.sql(BARE_CLAIM, batch, NOW), self._payments.sql("COMMIT")))
        self._payments.settle_down()
        self._keep("bare distribute", lambda: self._payments.sql(BARE_SHARES, TX_HASH, NOW, batch))
        self._payments.obey_rules()

    def _keep(self, name: str, work: Callable[[], Any]) -> None:
        self._times.setdefault(name, []).append(seconds(work))


def measure_one_by_one(workbench: Workbench, report: Report, size: int) -> None:
    """Time the first sketch's way on some of a batch's payments, and compare the batch's distribution with it."""
    samples = []
    for _ in range(ONE_BY_ONE_TURNS):
        batch = workbench.open_batch()["batch_conversion_id"]
        rows = workbench.payments.sql(
            "SELECT id FROM payout_accumulation WHERE batch_conversion_id = %s ORDER BY random() LIMIT %s",
            batch,
            ONE_BY_ONE,
        )
        ids = [row["id"] for row in rows]
        samples.append(seconds(partial(_write_one_by_one, workbench, ids)) * size / ONE_BY_ONE)
        workbench.payments.renew()
    name = "one UPDATE and commit a payment" + (f" (scaled from {ONE_BY_ONE:,})" if size > ONE_BY_ONE else "")
    report.add(Figure("one by one", "one UPDATE and commit a payment", size, "s", tuple(samples)))
    (mine,) = [figure.samples for figure in report.of("distribution") if figure.size == size]
    target = ONE_BY_ONE_TARGET if size == 100_000 else None
    report.add(Figure("one by one", "distribution, against one by one", size, "s", mine, name, tuple(samples), target))


def measure_release(workbench: Workbench, report: Report, size: int) -> None:
    """Time the check that gives an expired batch's payments back, in turns with a bare UPDATE."""
    workbench.wait_below()
    whole, bare = [], []
    with workbench.function(CHECK_THRESHOLD) as function:
        for _ in range(RELEASE_TURNS):
            batch = workbench.open_batch()
            workbench.peers.exchange.expire(batch["cn_api_id"])
            workbench.payments.pass_grace_time(batch["batch_conversion_id"])
            whole.append(seconds(lambda: tick(function)))
            if workbench.payments.batch(batch["batch_conversion_id"])["conversion_status"] != "failed":
                raise RuntimeError("the check has not given the batch back")
            workbench.payments.renew()
            batch_id = workbench.open_batch()["batch_conversion_id"]
            workbench.payments.set_rules_aside()
            bare.append(seconds(partial(workbench.payments.sql, BARE_RELEASE, NOW, batch_id)))
            workbench.payments.obey_rules()
            workbench.payments.renew()
    report.add(_figure("release", "release of an expired batch, whole request", size, whole, BARE_UPDATE, bare))


def _write_one_by_one(workbench: Workbench, ids: list[int]) -> None:
    for payment in ids:
        workbench.payments.sql(
            "UPDATE payout_accumulation SET accumulated_amount_usdt = 24.8275, conversion_status = 'completed',"
            " conversion_tx_hash = %s, updated_at = CAST(%s AS timestamp) WHERE id = %s",
            TX_HASH,
            NOW,
            payment,
        )


def _figure(group: str, name: str, size: int, samples: list[float], *limit: Any) -> Figure:
    limit_name, limits, target = (*limit, None)[:3]
    first = 1 if len(samples) == CHECKS else 0
    return Figure(group, name, size, "s", tuple(samples[first:]), limit_name, tuple(limits[first:]), target)
