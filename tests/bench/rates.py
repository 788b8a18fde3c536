"""How much goes through at small sizes, and how often either function talks to the database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sandbox.wire.tcp_proxy import TcpProxy
from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED
from shared.model.tokens import decrypt_gchostpay1_to_microbatch_token, encrypt_microbatch_to_gchostpay1_token
from tests.bench.figures import Figure, Report
from tests.bench.workbench import TX_HASH, Workbench, at_once, call_back, seconds, tick
from tests.rig import SIGNING_KEY, response_token

BATCH: Final = 10  # payments
CALLBACKS: Final = 80
CHECKS: Final = 40
TOKENS: Final = 5000
TURNS: Final = 3
ROUND_TRIP_SIZES: Final = (10, 1000, 100_000)


def measure(workbench: Workbench, report: Report) -> None:
    """Measure the rates."""
    _measure_callbacks(workbench, report)
    _measure_checks(workbench, report)
    _measure_tokens(report)


def measure_round_trips(workbench: Workbench, report: Report, sizes: list[int]) -> None:
    """Count, by a proxy before the database, what a check that waits, one that opens, and a callback take."""
    url = urlsplit(workbench.postgres.url())
    for size in sizes:
        workbench.payments.add_pending(size)
        with TcpProxy(lambda: workbench.postgres.port) as proxy:
            through = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{proxy.port}").geturl()
            with (
                workbench.function(CHECK_THRESHOLD, database_url=through) as checks,
                workbench.function(SWAP_EXECUTED, database_url=through) as callbacks,
            ):
                counted = partial(_counted, proxy, report, size=size)
                workbench.wait_below()
                counted("check, new instance", lambda: tick(checks))
                counted("check that waits", lambda: tick(checks))
                workbench.set_threshold("0.01")
                counted("check that opens a batch", lambda: tick(checks))
                token = workbench.finish_exchange(workbench.payments.newest_batch())
                counted("callback that completes the batch", partial(call_back, callbacks, token))
                counted("callback that repeats it", partial(call_back, callbacks, token))
        workbench.payments.remove()


def _counted(proxy: TcpProxy, report: Report, name: str, work: Callable[[], object], *, size: int) -> None:
    proxy.forget()
    before = len(proxy.connections)
    work()
    opened = len(proxy.connections) - before
    title = f"{name}, round trips ({opened} new connections)"
    report.add(Figure("round trips", title, size, "round trips", (proxy.round_trips,)))


def _measure_callbacks(workbench: Workbench, report: Report) -> None:
    with workbench.function(SWAP_EXECUTED) as function:
        for workers in (1, 8):
            rates = []
            for _ in range(TURNS):
                tokens = [_small_batch(workbench) for _ in range(CALLBACKS)]
                work: list[Callable[[], object]] = [partial(call_back, function, token) for token in tokens]
                rates.append(CALLBACKS / at_once(work, workers))
                workbench.payments.remove()
            name = f"callbacks, {workers} at a time, batches of {BATCH}"
            report.add(Figure("throughput", name, BATCH, "a second", tuple(rates)))


def _small_batch(workbench: Workbench) -> str:
    workbench.payments.insert_pending(BATCH)
    return workbench.finish_exchange(workbench.open_batch())


def _measure_checks(workbench: Workbench, report: Report) -> None:
    workbench.wait_below()
    with workbench.function(CHECK_THRESHOLD) as function:
        tick(function)
        rates = [CHECKS / seconds(lambda: [tick(function) for _ in range(CHECKS)]) for _ in range(TURNS)]
    report.add(Figure("throughput", "checks with nothing pending", 0, "a second", tuple(rates)))


def _measure_tokens(report: Report) -> None:
    now = datetime.now(UTC)
    batch = UUID(int=5)
    response = response_token(
        batch_conversion_id=str(batch), cn_api_id="0123456789abcd", tx_hash=TX_HASH, received=48.123456, sent_at=now
    )

    def write() -> None:
        for _ in range(TOKENS):
            encrypt_microbatch_to_gchostpay1_token(
                batch_conversion_id=batch,
                cn_api_id="0123456789abcd",
                amount_eth=Decimal("0.01612345"),
                payin_address="0x" + "1" * 40,
                now=now,
                signing_key=SIGNING_KEY,
            )

    def read() -> None:
        for _ in range(TOKENS):
            decrypt_gchostpay1_to_microbatch_token(
                response, signing_keys=[SIGNING_KEY], now=now, age_max=timedelta(hours=25)
            )

    for name, work in (("orders written and signed", write), ("responses verified and read", read)):
        rates = tuple(TOKENS / seconds(work) for _ in range(TURNS))
        report.add(Figure("throughput", f"tokens: {name}", None, "a second", rates))
