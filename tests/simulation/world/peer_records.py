"""What the peers saw, as they would tell it afterwards: orders taken, orders accepted, callbacks sent."""

import json
import struct
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.peers.gchostpay1_tokens import Order, decrypt_microbatch_to_gchostpay1_token
from tests.rig import SIGNING_KEY, decode
from tests.simulation.history.vocabulary import Payment
from tests.simulation.world.letters import Letter


class RuleBroken(BaseException):
    """One of the rules that never bend was seen broken, from the outside; no code under test may catch it."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


@dataclass(frozen=True)
class Accepted:
    """An order that GCHostPay1 pays."""

    order: Order
    at: datetime


@dataclass(frozen=True)
class Callback:
    """A callback: the letter and its sealed form; *is_true* says whether ChangeNow agrees with it."""

    batch_id: str
    token: str
    letter: Letter
    is_true: bool


@dataclass
class PeerRecords:
    """One history's."""

    ordered: list[Order] = field(default_factory=list)
    accepted: dict[str, Accepted] = field(default_factory=dict)  # by token
    dead_orders: set[str] = field(default_factory=set)  # tokens that GCHostPay1 took and will not pay by
    to_be_paid: set[str] = field(default_factory=set)  # exchanges that its wallet pays, soon or late
    paid_at: dict[str, datetime] = field(default_factory=dict)  # by exchange
    callbacks: list[Callback] = field(default_factory=list)
    broken: list[RuleBroken] = field(default_factory=list)
    came_in: dict[str, Payment] = field(default_factory=dict)  # payments, by NowPayments' id
    payments_of: dict[str, frozenset[str]] = field(default_factory=dict)  # by batch: what it held when it was ordered
    given_up: set[str] = field(default_factory=set)  # batches whose payments may be ordered again, by a person's word


def read_order(body: bytes) -> tuple[str, Order]:
    """Open an order's body as GCHostPay1 would at the second it was signed in; the token and what it says."""
    token = str(json.loads(body)["token"])
    (signed_at_s,) = struct.unpack(">Q", decode(token)[-24:-16])
    return token, decrypt_microbatch_to_gchostpay1_token(token, [SIGNING_KEY], signed_at_s)
