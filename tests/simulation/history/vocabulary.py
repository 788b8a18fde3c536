"""What a history is made of: its conditions, its actions, the faults that meet them. Plain data, so that it shrinks."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True)
class Kill:
    """The process ends here, with nothing said to anybody."""


@dataclass(frozen=True)
class PeerFailure:
    """The peer of this call fails in one of its own ways, *flavour*, for so many calls."""

    flavour: int
    times: int = 1


@dataclass(frozen=True)
class Pause:
    """The process stands still for so long while other things happen; after three minutes its sessions are gone."""

    seconds: int
    meanwhile: tuple["Action", ...] = ()


@dataclass(frozen=True)
class KeepBackup:
    """A backup of the database is made, as it stands at this moment."""


@dataclass(frozen=True)
class PutBack:
    """The database is put back to a backup, the newest or one before: sessions end, what came since is forgotten."""

    which: int = 0


@dataclass(frozen=True)
class AfterRestore:
    """A person does one thing of what a restore asks for, rightly or not."""

    step: str
    which: int


@dataclass(frozen=True)
class Moment:
    """A boundary by its name, *before* or *after* the call."""

    name: str
    stage: str


@dataclass(frozen=True)
class Fault:
    """Something that happens at one moment of an action: the how-manieth of a kind or a call, or the one of a name."""

    at: int | Moment
    what: Kill | PeerFailure | Pause | KeepBackup | PutBack
    kind: str = "database"


@dataclass(frozen=True)
class Payment:
    """A payment as another service inserts it; dollars and ether are texts, or None for NULL."""

    usd: str | None
    eth: str | None = None
    age_s: int = 0
    by: str = "october"  # whose insert it is
    client: str = "client"


@dataclass(frozen=True)
class Pay:
    """Payments come in."""

    payments: tuple[Payment, ...]


@dataclass(frozen=True)
class Check:
    """A tick reaches an instance of check_threshold."""

    instance: int = 0
    forced: bool = False
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Time passes, and what is due happens: orders are delivered and paid, exchanges move, callbacks come."""

    seconds: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """A callback that came before comes again, now."""

    which: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Forge:
    """A callback that is not true, of one of several kinds."""

    kind: int


@dataclass(frozen=True)
class Health:
    """Somebody asks for the function's health."""

    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class SetThreshold:
    """An operator adds a version to the threshold's secret, valid or not."""

    payload: bytes


@dataclass(frozen=True)
class SetPolicy:
    """An operator adds a version to the policy's secret, valid or not."""

    payload: bytes


@dataclass(frozen=True)
class MoveMarket:
    """The price and the exchange's range change."""

    price: Decimal
    min_eth: Decimal = Decimal("0.0005")
    max_eth: Decimal | None = None


@dataclass(frozen=True)
class Skew:
    """An instance's clock goes wrong by so much (or right again)."""

    instance: int
    seconds: int


@dataclass(frozen=True)
class Restart:
    """The database server restarts, in good order or not."""

    hard: bool


@dataclass(frozen=True)
class Replace:
    """The platform ends an idle instance; the next request starts another."""

    instance: int


@dataclass(frozen=True)
class Accept:
    """An operator accepts the unusual amounts that wait for it."""


@dataclass(frozen=True)
class CutOver:
    """An operator decides from when on payments are ours: all that wait, or those of the last so many hours."""

    hours: int | None = None


@dataclass(frozen=True)
class Neighbour:
    """A deployed service runs one of its statements, about one of the payments."""

    statement: str
    which: int


@dataclass(frozen=True)
class Hold:
    """A deployed service stands still in a transaction over a payment's row, for a while or (None) for ever."""

    which: int
    seconds: int | None


@dataclass(frozen=True)
class Operate:
    """An operator types a verb: about one of the batches, or about a lever."""

    verb: str
    which: int


Action: TypeAlias = (
    Pay
    | Check
    | Wait
    | Repeat
    | Forge
    | Health
    | SetThreshold
    | SetPolicy
    | MoveMarket
    | Skew
    | Restart
    | Replace
    | Accept
    | CutOver
    | Neighbour
    | Hold
    | Operate
    | KeepBackup
    | PutBack
    | AfterRestore
)


@dataclass(frozen=True)
class Bad:
    """The how-manieth exchange of a history is bad for ever, in one way: as it is made, or once it is paid."""

    number: int
    how: str
    once_paid: bool = False


@dataclass(frozen=True)
class Conditions:
    """What the world of a history is like: whether fates are odd at all, and how its peers are set."""

    price: Decimal = Decimal(3000)
    with_events: bool = True
    odd_fates: bool = True  # exchanges fail, wallets fall silent, tasks are slow
    names_blocked_s: tuple[int, ...] = (26 * 60, 45 * 60, 3600, 4 * 3600, 24 * 3600)
    expires_after_s: tuple[int, int] = (3 * 3600, 4 * 3600)
    wallet_delays_s: tuple[int, ...] = (1,)
    course: str | None = None  # how every exchange goes, instead of its fate
    manner: str | None = None  # how every callback comes, instead of its fate
    moving_in: bool = False  # whether the old service's rows are there, and payments that wait
    peer: str = "deployed"  # GCHostPay1 as it is, or changed as docs/reference/peers.md asks
    odd_deposits: bool = False  # short, twice, too late, never seen; finished after failed, expiry never told
    bad: tuple[Bad, ...] = ()
    threshold: bytes = b"20.00\n"  # what the levers' secrets hold when it begins
    policy: bytes = b"{}"


@dataclass(frozen=True)
class History:
    """A seed's story from the first payment to the last action; the world heals after it."""

    seed: int | str
    conditions: Conditions
    actions: tuple[Action, ...]

    @property
    def holds_rows(self) -> bool:
        """Whether a row is held in it: whoever waits for one waits in real time."""
        return any(isinstance(action, Hold) for action in self.actions)
