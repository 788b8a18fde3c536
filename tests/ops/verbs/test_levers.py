"""Threshold and policy as operators set them: checked by the functions' own parser, shown, agreed to, on record."""

import json

import grpc
import pytest

from sandbox.wire.faults import refuse
from tests.ops.conftest import Shell
from tests.rig import PROJECT, Rig


def newest(shell: Shell, lever: str) -> str:
    """The lever's newest version as typed."""
    return str(shell(lever, "show", "--json").document["set"])


def test_a_threshold_is_set_and_goes_on_record(rig: Rig, shell: Shell) -> None:
    """Old and new are shown, the next check goes by the new one, and who did it and why is written down."""
    typed = shell("threshold", "set", "55.50", "--yes", "--by", "ada", "--why", "fees are up")
    assert typed.code == 0
    assert "20.00 -> 55.50" in typed.err
    assert rig.check().reason == "below_threshold"
    assert rig.checks()[-1]["threshold_usd"] == 55.5
    shown = shell("threshold", "show")
    assert "$55.50 (secret)" in shown.out
    (act,) = rig.sql("SELECT * FROM operator_acts")
    assert (act["act"], act["by_whom"], act["why"]) == ("threshold set", "ada", "fees are up")
    listed = shell("acts")
    assert "threshold set" in listed.out
    assert "fees are up" in listed.out
    assert json.loads(act["detail"]) == {"lever": "threshold", "old": "20.00", "new": "55.50", "version": "2"}


@pytest.mark.parametrize("bad", ["0", "-5", "abc", "NaN", "Infinity", "1e400", ""])
def test_a_bad_threshold_is_never_added(bad: str, rig: Rig, shell: Shell) -> None:
    """The functions' own words, exit code 1, no version."""
    typed = shell("threshold", "set", "--yes", "--", bad)
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (1, "", 1)
    assert "threshold is not" in typed.err
    assert newest(shell, "threshold") == "20.00"


def test_too_many_dollars_are_said_to_be_so(rig: Rig, shell: Shell) -> None:
    """More than a column can hold is not "not above 0"."""
    assert "at most" in shell("threshold", "set", "1e13", "--yes").err
    assert "at most" in shell("policy", "set", "max_batch_usd=1e13", "--yes", "--create").err


def test_a_rule_that_is_none_is_not_taken_back_silently(rig: Rig, shell: Shell) -> None:
    """A slip of the pen beside null would read as done."""
    rig.set_policy('{"max_age_hours": 24}')
    typed = shell("policy", "set", "max_agehours=null", "--yes")
    assert (typed.code, "max_agehours" in typed.err, "max_age_hours" in typed.err) == (1, True, True)


def test_nobody_to_ask_changes_nothing(rig: Rig, shell: Shell) -> None:
    """Without a terminal and without --yes."""
    typed = shell("threshold", "set", "30")
    assert typed.code == 1
    assert "20.00 -> 30" in typed.err
    assert "--yes" in typed.err
    assert newest(shell, "threshold") == "20.00"
    assert rig.sql("SELECT * FROM operator_acts") == []


def test_the_same_again_adds_no_version(rig: Rig, shell: Shell) -> None:
    """Whoever repeats a command after a lost answer changes nothing."""
    assert shell("threshold", "set", "20.00", "--yes", "--json").document["version"] is None
    assert shell("threshold", "show", "--json").document["version"] == "1"


def test_a_lever_of_another_environment_is_another_secret(
    rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the functions are told by THRESHOLD_SECRET_ID the shell is told likewise."""
    rig.peers.secrets.add_version(PROJECT, "THRESHOLD_OF_STAGING", "30.00")
    monkeypatch.setenv("THRESHOLD_SECRET_ID", "THRESHOLD_OF_STAGING")
    assert shell("threshold", "set", "35.00", "--yes").code == 0
    shown = shell("threshold", "show", "--json").document
    assert (shown["set"], shown["secret"]) == ("35.00", "THRESHOLD_OF_STAGING")
    monkeypatch.delenv("THRESHOLD_SECRET_ID")
    assert newest(shell, "threshold") == "20.00"
    rig.peers.secrets.delete_secret(PROJECT, "THRESHOLD_OF_STAGING")


def test_a_policy_is_made_rule_by_rule(rig: Rig, shell: Shell) -> None:
    """Where no secret is, it is made only when told to; rules add up; null takes one back; a bad one is refused."""
    typed = shell("policy", "set", "max_age_hours=24", "--yes")
    assert typed.code == 1
    assert "--create" in typed.err
    assert shell("policy", "set", "max_age_hours=1.5", "--yes", "--create").code == 0
    assert shell("policy", "set", "max_payments=50", "max_batch_usd=5000.25", "--yes").code == 0
    assert json.loads(newest(shell, "policy")) == {
        "max_age_hours": "1.5",
        "max_payments": 50,
        "max_batch_usd": "5000.25",
    }
    rule = '{"start": 0.05, "tau_hours": 12}'
    assert shell("policy", "set", f"cost_ratio={rule}", "--yes").code == 0
    assert json.loads(newest(shell, "policy"))["cost_ratio"] == {"start": "0.05", "tau_hours": 12}
    assert shell("policy", "set", "max_age_hours=null", "--yes").code == 0
    assert "max_age_hours" not in json.loads(newest(shell, "policy"))
    for bad in ("pause=true", "max_payments=0", "paused=maybe", "max_age_hours=NaN", "cost_ratio=0.05"):
        typed = shell("policy", "set", bad, "--yes")
        assert typed.code == 1, bad
        assert "policy" in typed.err
    assert shell("policy", "set", "paused", "--yes").code == 2
    assert shell("policy", "set").code == 2
    rig.check()
    assert json.loads(rig.checks()[-1]["policy"])["max_payments"] == 50
    assert "cost_ratio=(start 0.05, tau_hours 12)" in shell("policy", "show").out


def test_pause_and_resume(rig: Rig, shell: Shell) -> None:
    """A pause keeps every other rule, and holds from the next check on."""
    rig.set_policy('{"max_payments": 1}')
    rig.pay("5.00")
    assert shell("policy", "pause", "--yes", "--why", "drill").code == 0
    assert rig.check().reason == "paused"
    assert json.loads(newest(shell, "policy")) == {"max_payments": 1, "paused": True}
    assert shell("policy", "resume", "--yes").code == 0
    assert rig.check().reason == "payment_count"


def test_a_mistyped_policy_can_be_paused_all_the_same(rig: Rig, shell: Shell) -> None:
    """The newest version is nonsense: a pause stands on what is in force; other rules want the whole document."""
    rig.set_policy('{"max_payments": 7}')
    rig.check()
    rig.set_policy('{"max_payments": 7')
    shown = shell("policy", "show", "--json").document
    assert (shown["valid"], json.loads(shown["in_force"])["max_payments"]) == (False, 7)
    assert shell("policy", "set", "max_payments=8", "--yes").code == 1
    assert shell("policy", "pause", "--yes").code == 0
    now = json.loads(newest(shell, "policy"))
    assert (now["paused"], now["max_payments"]) == (True, 7)
    assert shell("policy", "set", "--document", '{"max_payments": 8}', "--yes").code == 0


def test_a_lever_moves_while_the_database_is_away(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause cannot wait for it; what is not on record is said."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:password@127.0.0.1:9/name")
    typed = shell("threshold", "set", "30", "--yes", "--json")
    assert (typed.code, typed.document["recorded"]) == (0, False)
    assert "not on record" in typed.err
    assert newest(shell, "threshold") == "30"


def test_secret_manager_refuses_or_is_away(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """No right is a refusal, silence is worth another try; one line either way."""
    rig.peers.secrets.faults.add("AddSecretVersion", refuse(grpc.StatusCode.PERMISSION_DENIED))
    typed = shell("threshold", "set", "30", "--yes")
    assert (typed.code, len([line for line in typed.err.splitlines() if line.startswith("microbatch:")])) == (1, 1)
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", "127.0.0.1:9")
    typed = shell("threshold", "show")
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (3, "", 1)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    typed = shell("threshold", "show")
    assert (typed.code, len(typed.err.splitlines())) == (1, 1)
    assert "GOOGLE_CLOUD_PROJECT" in typed.err
