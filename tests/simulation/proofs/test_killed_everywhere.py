"""Every commit, call and enqueue is found in the code, and a process has been killed before and after each."""

from pathlib import Path

import pytest

from tests.simulation.engine.call_sites import call_sites, network_imports
from tests.simulation.engine.kill_sweep import Sweep, sweep
from tests.simulation.history.scenarios import scenarios
from tests.simulation.world.servers import Servers


@pytest.mark.timeout(300)
def test_a_death_at_any_boundary_is_healed_by_two_checks(servers: Servers) -> None:
    """After any single death no rule is broken, everything gets where it belongs, and no call was left out."""
    swept = sweep(servers, scenarios())
    assert not swept.broken, "\n".join(swept.broken)
    assert not swept.spared
    assert len(swept.journal.killed) > 100
    assert_every_call_was_killed(swept)
    assert_named_by_who_wanted_it(swept)


def assert_every_call_was_killed(swept: Sweep) -> None:
    """A new commit, call or enqueue in the source that no scenario leads to is named here."""
    sites = list(call_sites())
    assert len(sites) > 30
    for stage in ("before", "after"):
        killed = [boundary for (_, when), boundary in swept.journal.killed.items() if when == stage]
        missed = [site for site in sites if not any(site.is_on(boundary) for boundary in killed)]
        assert not missed, f"never killed {stage}: {missed}"


def assert_named_by_who_wanted_it(swept: Sweep) -> None:
    """The reports speak of the code above the adapters."""
    calls = {(boundary.place.partition(":")[0], boundary.call) for boundary in swept.journal.seen.values()}
    assert ("ordering._send_order", "CreateTask") in calls
    assert ("ordering._make_exchange", "POST /exchange") in calls
    assert ("callback._settle", "COMMIT") in calls
    assert not {place for place, _ in calls if place.startswith(("database.", "changenow.", "outside"))}


def test_only_the_adapters_speak_to_the_network() -> None:
    """Another way out would be a door without a watcher."""
    assert not list(network_imports())


def test_a_new_call_and_a_new_way_out_are_found(tmp_path: Path) -> None:
    """Whoever adds one is told, without any list being kept."""
    (tmp_path / "novelty.py").write_text(
        "import requests\n\ndef tell(session, queue):\n    with session.transaction():\n        queue.create_task({})\n"
    )
    assert {(site.module, site.call, site.first) for site in call_sites(tmp_path)} == {
        ("novelty", "transaction", 4),
        ("novelty", "create_task", 5),
    }
    assert list(network_imports(tmp_path)) == [("novelty", "requests")]
