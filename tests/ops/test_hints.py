"""Hints are commands that work as printed: every one in code and documents is tried against the command line."""

import logging
import re
import shlex
from pathlib import Path

import click
import pytest

from ops.command_line.root import root
from tests.ops.conftest import Shell
from tests.rig import Rig

ROOT = Path(__file__).resolve().parents[2]
HINT = re.compile(r"\./microbatch((?: [^\s`\",;()|>]+)+)")
QUOTED = re.compile(r"'[^']*'")
QUOTED_IN_PROSE = re.compile(r"'[^']*'|\"[^\"]*\"")
SAMPLES = {
    "BATCH": "00000000-0000-4000-8000-000000000000",
    "ID": "00000000-0000-4000-8000-000000000000",
    "PAYMENT": "7",
    "DOLLARS": "50.00",
    "PERCENT": "30",
    "AMOUNT": "14",
    "X": "14",
    "USDT": "14",
    "MONTH": "2026-11",
    "N": "3",
    "TIME": "2026-11-24T08:30Z",
    "SECONDS": "60",
}
SPEAKS_OF_MANY_VERBS = {("VERB",), ("deploy",), ("threshold",)}


def hinting_files() -> list[Path]:
    """Everything that a person may read a hint in; decisions on record are history."""
    folders = [ROOT / name for name in ("shared", "functions", "ops", "sandbox", "docs", "terraform")]
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".md", ".tf", ".sql"}]
    return [path for path in found if "decisions" not in path.parts] + [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def hints(text: str, quoted: re.Pattern[str] = QUOTED) -> list[tuple[str, ...]]:
    """The words after ./microbatch, with samples for what is filled in; what a shell would quote stays one word."""
    found = []
    for line in text.splitlines():
        if "./microbatch" not in line:
            continue
        kept: list[str] = quoted.findall(line)
        bare = re.sub(r"\{[^{}]*\}", _filled_in, quoted.sub("QUOTED", line))
        for words in HINT.findall(bare):
            parts = [kept.pop(0) if word == "QUOTED" and kept else word for word in words.split()]
            found.append(tuple(_sample(word) for word in shlex.split(" ".join(parts))))
    return found


def _filled_in(field: re.Match[str]) -> str:
    """A sample for a field of an f-string: a payment, an amount, or else a batch."""
    if "payment" in field[0]:
        return SAMPLES["PAYMENT"]
    return SAMPLES["AMOUNT" if re.search("amount|usd|plain", field[0]) else "BATCH"]


def _sample(word: str) -> str:
    key, equals, value = word.rstrip(".:").rpartition("=")
    return f"{key}{equals}{SAMPLES.get(value, value)}"


def parsed(words: tuple[str, ...], folder: Path) -> None:
    """Let click parse a command to its last word without running it; raises click.UsageError."""
    command: click.Command = root
    arguments = [_file(word, folder) for word in words]
    context = click.Context(root)
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
        if isinstance(command, click.Group) and not arguments:
            raise click.UsageError(f"{name} wants one of its verbs")
    command.make_context(command.name, arguments)


def _file(word: str, folder: Path) -> str:
    if not word.endswith((".json", ".tfplan")) and word not in {"PLAN", "OUTPUTS"}:
        return word
    file = folder / "document.json"
    file.write_text('{"resource_changes": []}')
    return str(file)


@pytest.mark.parametrize("path", hinting_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_hint_is_a_command(path: Path, tmp_path: Path) -> None:
    """Its verb exists, its options do, and nothing is missing."""
    if not path.exists():
        pytest.skip("not written yet")
    for words in hints(path.read_text(), QUOTED_IN_PROSE if path.suffix == ".md" else QUOTED):
        if words in SPEAKS_OF_MANY_VERBS or words[-1] == "--help":
            continue
        try:
            parsed(words, tmp_path)
        except click.ClickException as error:
            pytest.fail(f"./microbatch {' '.join(words)}: {error.format_message()}")


def test_a_wrong_hint_is_found(tmp_path: Path) -> None:
    """The search can fail: a verb, an option and an argument that are not there."""
    assert hints("type `./microbatch batch {name}`, or: ./microbatch policy set '{\"a\": 1}' x") == [
        ("batch", SAMPLES["BATCH"]),
        ("policy", "set", '{"a": 1}', "x"),
    ]
    for wrong in (("nosuch",), ("batch",), ("checks", "--nosuch"), ("threshold",), ("batch", "#2", "more")):
        with pytest.raises(click.UsageError):
            parsed(wrong, tmp_path)


def test_what_a_stuck_batch_prints_works(rig: Rig, shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    """Typed as it stands in the log line, it answers about that batch."""
    rig.pay("30.00")
    rig.check()
    rig.clock.forward(hours=2)
    with caplog.at_level(logging.ERROR):
        rig.check()
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "batch_stuck"]
    (words,) = HINT.findall(line.getMessage())
    typed = shell(*words.split())
    assert typed.code == 0
    assert str(rig.batches()[0]["batch_conversion_id"]) in typed.out


def test_what_is_told_of_payments_left_out_works(rig: Rig, shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    """`held` lists the one that no check may claim, `status` what only the last check could tell."""
    (worthless,) = rig.pay("30.00")
    rig.sql("UPDATE payout_accumulation SET accumulated_eth = 0 WHERE id = %s", worthless)
    rig.pay("60.00")
    rig.set_policy('{"max_batch_usd": 50}')
    with caplog.at_level(logging.WARNING):
        rig.check()
    lines = [record for record in caplog.records if getattr(record, "event", "") == "payments_unclaimable"]
    told = {line.fields["reason"]: HINT.findall(line.getMessage()) for line in lines}  # type: ignore[attr-defined]
    assert told == {"no_dollars": [" held"], "above_batch_cap": [" status"]}
    assert re.search(rf"^ *{worthless} .*no_dollars", shell("held").out, re.M)
    assert "left out    1 payment by the last check: more than the policy lets into a batch" in shell("status").out
