"""Short scenes that lead into situations which chance seldom makes, for a history to play among its other actions."""

import json
from decimal import Decimal
from random import Random
from typing import Any, Final

from tests.simulation.history.scenarios import REFUSED
from tests.simulation.history.vocabulary import (
    Action,
    Check,
    Fault,
    Forge,
    KeepBackup,
    Kill,
    MoveMarket,
    Pay,
    Payment,
    PutBack,
    SetPolicy,
    SetThreshold,
    Wait,
)

MINUTE, HOUR = 60, 3600
ANOTHERS_PAYOUT: Final = 24  # the forged callback that names another batch's exchange


def _levers(threshold: bytes, **policy: Any) -> tuple[Action, Action]:
    return SetThreshold(threshold), SetPolicy(json.dumps(policy).encode())


def _dollars(random: Random) -> Payment:
    return Payment(f"{random.randint(2000, 4000) / 100:.2f}")


def waits_too_long(random: Random) -> tuple[Action, ...]:
    """Payments far below the threshold become too old for the policy."""
    return (
        *_levers(b"1000", max_age_hours=1),
        Pay((_dollars(random),)),
        Wait(random.choice((70, 100)) * MINUTE),
        Check(),
    )


def too_many_wait(random: Random) -> tuple[Action, ...]:
    """Payments far below the threshold become too many for the policy."""
    return (*_levers(b"1000", max_payments=3), Pay(tuple(_dollars(random) for _ in range(4))), Check())


def costs_little(random: Random) -> tuple[Action, ...]:
    """Payments far below the threshold are many dollars beside what the last swap cost."""
    first = (*_levers(b"20"), Pay((_dollars(random),)), Check())
    return (*first, *_levers(b"1000", cost_ratio={"start": 0.05, "tau_hours": 12}), Pay((_dollars(random),)), Check())


def costs_much(random: Random) -> tuple[Action, ...]:
    """Payments below the threshold are few dollars beside what the last swap cost."""
    first = (*_levers(b"20"), Pay((_dollars(random),)), Check())
    return (*first, *_levers(b"1000", cost_ratio={"start": 0.001, "tau_hours": 12}), Pay((_dollars(random),)), Check())


def the_price_falls(random: Random) -> tuple[Action, ...]:
    """An order is refused, and before it is sent again the ETH is worth a third less than the payments."""
    price = Decimal(random.randint(1500, 4500))
    known = Payment("30.00", format(Decimal(30) / price, ".18f"))
    refused = (MoveMarket(price), Pay((known,)), Check(faults=REFUSED))
    return (*_levers(b"20"), *refused, MoveMarket(price * Decimal("0.65")), Wait(50 * MINUTE), Check())


def ordered_too_late(random: Random) -> tuple[Action, ...]:
    """An order is refused, and nobody looks after it until its exchange may expire any moment."""
    waits_s = random.choice((70, 100, 130)) * MINUTE
    return (*_levers(b"20"), Pay((_dollars(random),)), Check(faults=REFUSED), Wait(waits_s), Check())


def reported_with_anothers(random: Random) -> tuple[Action, ...]:
    """A callback about one batch names the exchange of another, which has paid out as much."""
    alike = Pay((_dollars(random),))
    first = (*_levers(b"20"), alike, Check(), Wait(5 * HOUR), Check())
    return (*first, alike, Check(), Forge(ANOTHERS_PAYOUT))


def below_the_minimum(random: Random) -> tuple[Action, ...]:
    """The threshold is reached by what ChangeNow does not take: the rest is left out, since its ETH is not worth it."""
    market = MoveMarket(Decimal(random.randint(1500, 4500)), min_eth=Decimal("0.1"))
    return (*_levers(b"20"), market, Pay((_dollars(random), Payment("900.00", "0.001"))), Check())


def forced_below(random: Random) -> tuple[Action, ...]:
    """Payments far below the threshold are asked for by a forced tick."""
    return (*_levers(b"1000"), Pay((_dollars(random),)), Check(forced=True))


def ordered_and_not_noted(random: Random) -> tuple[Action, ...]:
    """A check dies when Cloud Tasks has its order, and the next one finds the batch."""
    died = Check(faults=(Fault(1, Kill(), "tasks"),))
    return (*_levers(b"20"), Pay((_dollars(random),)), died, Wait(random.choice((4, 11)) * MINUTE), Check())


def reported_too_early(random: Random) -> tuple[Action, ...]:
    """A callback comes before ChangeNow has finished, whole and well signed."""
    return (*_levers(b"20"), Pay((_dollars(random),)), Check(), Wait(random.choice((5, 30))), Forge(0))


def badly_signed(random: Random) -> tuple[Action, ...]:
    """A callback says what might be, with another signature."""
    return (*_levers(b"20"), Pay((_dollars(random),)), Check(), Forge(8))


def put_back_before_the_order(random: Random) -> tuple[Action, ...]:
    """A batch is ordered, the database is put back to the moment before, and a check finds its payments waiting."""
    meanwhile = Wait(random.choice((1, 20)) * MINUTE)
    return (*_levers(b"20"), Pay((_dollars(random),)), KeepBackup(), Check(), meanwhile, PutBack(), Check())
