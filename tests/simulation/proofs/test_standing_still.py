"""A check that stands still anywhere while an order is out whose fate it does not know: no second order is paid."""

from dataclasses import replace

from tests.simulation.engine.player import play
from tests.simulation.history.shrinking import describe
from tests.simulation.history.story import Check, Climate, Die, Fault, History, Moment, Pause, Pay, Row, Wait
from tests.simulation.world.servers import Servers

MINUTE, HOUR = 60, 3600
# The wallet pays late, so that ChangeNow cannot tell; the order's name is free again when the check wakes up.
SLOW = Climate(odd_fates=False, names_blocked_s=(26 * MINUTE,), wallet_delays_s=(2 * HOUR,))
NOTED_BY_NOBODY = Check(faults=(Fault(1, Die(), "tasks"),))
ASLEEP_S = 40 * MINUTE
STORY = History("standing still", SLOW, (Pay((Row("25.00"),)), NOTED_BY_NOBODY, Wait(15 * MINUTE), Check(), Wait(HOUR)))
ASLEEP_IN = 3  # the number of the action


def test_standing_still_anywhere_pays_nothing_twice(standing: Servers) -> None:
    """At every boundary of the check that finds the order again, by turns alone and with a tick beside it."""
    seen = play(standing, STORY)
    assert seen.broken is None
    assert seen.journal.counts["orders accepted"] == 1
    moments = [moment for moment, steps in seen.journal.steps.items() if ASLEEP_IN in steps]
    assert any("CreateTask" in name for name, _ in moments)
    for number, (name, stage) in enumerate(moments):
        result = play(standing, _asleep(Moment(name, stage), with_tick=number % 2 == 0))
        assert result.broken is None, describe(result)
        assert result.journal.faults["pause"] == 1
        assert result.journal.counts["orders accepted"] == 1


def _asleep(moment: Moment, *, with_tick: bool) -> History:
    meanwhile = (Check(1),) if with_tick else ()
    check = Check(faults=(Fault(moment, Pause(ASLEEP_S, meanwhile)),))
    return replace(STORY, actions=(*STORY.actions[:ASLEEP_IN], check, *STORY.actions[ASLEEP_IN + 1 :]))
