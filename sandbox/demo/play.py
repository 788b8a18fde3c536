"""The demo: payments from a file go the whole way, and an account of it is printed."""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import requests

from sandbox.demo.account import Account, find_problems, take_account
from sandbox.demo.account_text import account_lines
from sandbox.demo.columns import counted
from sandbox.demo.payment_file import BadFileError, FilePayment, read_payments
from sandbox.peers.database import add_client
from sandbox.processes.interrupts import Interrupts
from sandbox.world.operations import RefusedPaymentError
from sandbox.world.world import StillWaitingError, World

DONE, BROKEN, BAD_FILE = 0, 1, 2
CHECK_PATIENCE_S = 30.0
BATCH_PATIENCE_S = 60.0
LOG_LINES_SHOWN = 10
PROGRESS_STEP = 500
PAYOUT_THRESHOLD_USD = "20.00"  # of every client: what must be owed before a payout

PENDING = """
SELECT COALESCE(SUM(accumulated_eth), 0) AS value FROM payout_accumulation
WHERE conversion_status = 'pending'
"""
CHECKS = "SELECT COUNT(*) AS value FROM threshold_checks"
NEWEST_CHECK = "SELECT pending_usd, threshold_usd, reason FROM threshold_checks ORDER BY id"
BATCHES = "SELECT COUNT(*) AS value FROM batch_conversions"
UNFINISHED = BATCHES + " WHERE conversion_status NOT IN ('completed', 'failed')"


def run_demo(path: Path, interrupts: Interrupts, *, with_details: bool) -> int:
    """Play the payments in *path*: 0 when every rule held, 1 when one broke, 2 for a bad file."""
    try:
        payments = read_payments(path)
    except BadFileError as error:
        print(error, file=sys.stderr)
        return BAD_FILE
    demo = Demo(World(held=interrupts.held), with_details=with_details)
    # Stopped twice, since a signal may come just before the first; later signals are not heeded.
    try:
        try:
            return demo.run(payments)
        finally:
            demo.world.stop()
    finally:
        demo.world.stop()


class Demo:
    """One play of one file in one world."""

    def __init__(self, world: World, *, with_details: bool) -> None:
        self.world = world
        self._with_details = with_details
        self._started_at = datetime.now(UTC)
        self._problems: list[str] = []

    def run(self, payments: list[FilePayment]) -> int:
        """Play it to its end, print the account, and return the exit code."""
        self._say("starting PostgreSQL, the neighbours and the two functions")
        self.world.start()
        try:
            self._register_clients(payments)
            for number, group in groupby(payments, key=lambda payment: payment.round):
                self._play_round(number, list(group))
            self.world.cloud_tasks.wait_idle(CHECK_PATIENCE_S)
            self._pay_out()
        except (StillWaitingError, TimeoutError, RefusedPaymentError) as error:
            self._problems.append(str(error))
        account = take_account(self.world)
        self._problems += find_problems(account) + _missing(payments, account)
        print()
        for line in account_lines(account, self._started_at, with_details=self._with_details):
            print(line)
        return self._conclude(account)

    def _register_clients(self, payments: list[FilePayment]) -> None:
        for client_id in sorted({payment.client_id for payment in payments}):
            add_client(self.world.database_url, client_id, PAYOUT_THRESHOLD_USD)

    def _pay_out(self) -> None:
        """One tick of GCBatchProcessor, as the neighbour that pays out what we have converted."""
        answer = requests.post(self.world.gcbatchprocessor.url, timeout=CHECK_PATIENCE_S)
        if answer.status_code != 200:
            self._problems.append(f"GCBatchProcessor: {answer.json()['message']}")
        self.world.cloud_tasks.wait_idle(CHECK_PATIENCE_S)
        self._say(f"GCBatchProcessor pays out {counted(len(self.world.gcbatchprocessor.payouts), 'client')}")

    def _play_round(self, number: int, payments: list[FilePayment]) -> None:
        """Let the payments come in, make a check, and wait for all that it sets off."""
        for made, payment in enumerate(payments, start=1):
            self.world.pay(
                payment.amount_usd,
                client_id=payment.client_id,
                user_id=payment.user_id,
                nowpayments_outcome_amount=payment.outcome_eth and f"{payment.outcome_eth:f}",
            )
            if made % PROGRESS_STEP == 0 and made < len(payments):
                self._say(f"round {number}: {made} of {len(payments)} payments are in")
        paid_usd = sum(payment.amount_usd for payment in payments)
        self._say(f"round {number}: {counted(len(payments), 'payment')}, ${paid_usd:.2f}; now a check")
        pending_usd, before = self._value(PENDING), self._value(BATCHES)
        check = self._check(number)
        opened = self._value(BATCHES) - before
        self._judge(number, pending_usd, check, opened)
        if opened:
            self._wait(lambda: not self._value(UNFINISHED), f"the end of round {number}'s batch")
            self._say(f"round {number}: the batch is completed")

    def _check(self, number: int) -> dict[str, Any]:
        """One tick of the scheduler, and the row that its check leaves."""
        before = int(self._value(CHECKS))
        self.world.trigger()
        rows = self.world.wait_for(
            lambda: self.world.query(NEWEST_CHECK)[before:],
            f"the check of round {number}",
            CHECK_PATIENCE_S,
        )
        self.world.pubsub.wait_delivered(CHECK_PATIENCE_S)
        return rows[0]

    def _judge(self, number: int, pending_usd: Decimal, check: dict[str, Any], opened: Decimal) -> None:
        """Hold the check's decision against what was there to decide on."""
        threshold_usd = check["threshold_usd"]
        sign = ">=" if pending_usd >= threshold_usd else "<"
        what = f"pending ${pending_usd:.2f} {sign} threshold ${threshold_usd:.2f}"
        done = f"batches opened: {opened}" if opened else "no batch opened"
        self._say(f"round {number}: {what}, {done} ({check['reason']})")
        if check["pending_usd"] != pending_usd:
            counted = f"the check counted ${check['pending_usd']}"
            self._problems.append(f"round {number}: ${pending_usd} were pending, {counted}")
        if bool(opened) != (pending_usd >= threshold_usd):
            self._problems.append(f"round {number}: {what}, and yet {done} ({check['reason']})")

    def _conclude(self, account: Account) -> int:
        print()
        if self._problems:
            for problem in self._problems:
                print(f"PROBLEM: {problem}")
            for name, line in account.log_lines[-LOG_LINES_SHOWN:]:
                print(f"  {name}: {line.get('severity')} {line.get('message')}")
            return BROKEN
        claimed = sum(payment.batch is not None for payment in account.payments)
        waiting = len(account.payments) - claimed
        received = sum((batch.received_usdt or Decimal(0)) for batch in account.batches)
        print(
            f"All is well: {counted(len(account.batches), 'batch')} completed with {counted(claimed, 'payment')}, "
            f"{counted(waiting, 'payment')} pending.\nThe shares sum to the {received:.8f} USDT received, to "
            "the last digit; each batch was paid for once."
        )
        return DONE

    def _wait(self, look: Callable[[], bool], what: str) -> None:
        self.world.wait_for(look, what, BATCH_PATIENCE_S)

    def _value(self, sql: str) -> Decimal:
        return Decimal(self.world.query(sql)[0]["value"])

    def _say(self, text: str) -> None:
        passed_s = (datetime.now(UTC) - self._started_at).total_seconds()
        print(f"[{passed_s:6.2f} s] {text}", flush=True)


def _missing(payments: list[FilePayment], account: Account) -> list[str]:
    """Payments of the file that are not in the database, and the other way round."""
    played = Counter((p.client_id, p.user_id, p.amount_usd) for p in payments)
    stored = Counter((p.client_id, p.user_id, p.paid_usd) for p in account.payments)
    lost = [f"payment {payment} of the file is not in the database" for payment in played - stored]
    odd = [f"payment {payment} was never made" for payment in stored - played]
    return lost + odd
