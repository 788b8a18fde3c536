"""The command line as a whole: help without imports, answers alone on standard output, errors in one line."""

import re
import resource
import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest

from ops.command_line.database import STATEMENTS as OPS_STATEMENTS
from ops.command_line.root import root
from ops.command_line.verb_table import VERBS, Verb
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import query
from shared.outside.statements import STATEMENTS
from tests.ops.conftest import Shell
from tests.rig import Rig, new_id

ROOT = Path(__file__).resolve().parents[2]
ALL_VERBS = [verb for verbs in VERBS.values() for verb in verbs]
NOWHERE = "postgresql://user:hunter2222@127.0.0.1:9/name"


def launched(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the launcher as a person would."""
    command = [str(ROOT / "microbatch"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def used_by_children_s() -> float:
    """The processor time of every process that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command below *command*, by the words that are typed for it."""
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    found = []
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found += leaves(below, (*path, name))
    return found


def test_help_comes_at_once(tmp_path: Path) -> None:
    """From any folder, with 0.3 s of a processor at most (others may use the machine), and with every verb's line."""
    times_s = []
    for _ in range(5):
        began_s = used_by_children_s()
        run = launched("--help", cwd=tmp_path)
        times_s.append(used_by_children_s() - began_s)
        assert (run.returncode, run.stderr) == (0, "")
        for verb in ALL_VERBS:
            assert re.search(rf"^  {verb.name}  +{re.escape(verb.summary.split()[0])}", run.stdout, re.M), verb.name
    assert min(times_s) < 0.3


def test_help_imports_no_verb() -> None:
    """Nor the database's driver, nor a client of Google's."""
    code = "import sys; from ops.command_line.root import main; main(['--help']); print(*sys.modules)"
    python = ROOT / ".venv" / "bin" / "python"
    run = subprocess.run([str(python), "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(run.stdout.splitlines()[-1].split())
    assert not {verb.module for verb in ALL_VERBS} & loaded
    assert not {"pg8000", "google.api_core", "grpc", "rich"} & loaded


@pytest.mark.parametrize("verb", ALL_VERBS, ids=lambda verb: verb.name)
def test_the_table_says_what_the_verb_says(verb: Verb) -> None:
    """The line in the help is the first line of the verb's own help, and takes up no more than a line."""
    command = import_module(verb.module).command
    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == verb.summary
    assert len(verb.summary) < 66


@pytest.mark.parametrize("words", leaves(root), ids=" ".join)
def test_every_verb_has_help_and_json(words: tuple[str, ...], bare_shell: Shell) -> None:
    """`--help` explains every option; `--json` is everywhere."""
    typed = bare_shell(*words, "--help")
    assert typed.code == 0
    assert "--json" in typed.out
    assert not re.search(r"^  --?[a-z-]+( [A-Z]+)?$", typed.out, re.M), "an option without a word about it"


def test_what_is_mistyped_is_usage(bare_shell: Shell) -> None:
    """Exit code 2, nothing on standard output."""
    for words in (["nosuchverb"], ["batch"], ["batch", "xyz"], ["batch", "12345z"], ["batch", "--nosuch", "#2"]):
        typed = bare_shell(*words)
        assert (typed.code, typed.out) == (2, ""), words
        assert typed.err


def test_without_settings(bare_shell: Shell) -> None:
    """One line names what is missing."""
    typed = bare_shell("batch", new_id())
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (1, "", 1)
    assert "DATABASE_URL" in typed.err


def test_a_database_that_is_away(bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 means: try again; the password is nobody's to read."""
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    typed = bare_shell("batch", new_id())
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (3, "", 1)
    assert "hunter2" not in typed.err
    typed = bare_shell("batch", new_id(), "--json")
    assert typed.code == 3
    assert "cannot be reached" in typed.document["error"]


def test_nobody_who_may(rig: Rig, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a right, a wrong name or a database that is not there: asking again changes nothing."""
    query(rig.url, "DROP ROLE IF EXISTS onlooker; CREATE ROLE onlooker LOGIN")
    try:
        for url in (re.sub(r"//[^@]+@", "//onlooker@", rig.url), re.sub(r"//[^@]+@", "//nobody@", rig.url)):
            monkeypatch.setenv("DATABASE_URL", url)
            typed = bare_shell("batch", new_id())
            assert (typed.code, typed.out, len(typed.err.splitlines())) == (1, "", 1), typed.err
    finally:
        query(rig.url, "DROP ROLE onlooker")
    monkeypatch.setenv("DATABASE_URL", f"{rig.url}_nowhere")
    assert bare_shell("batch", new_id()).code == 1


def test_a_database_that_was_never_migrated(
    empty_database_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says what to type."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    typed = bare_shell("batch", new_id())
    assert typed.code == 1
    assert "./microbatch migrate" in typed.err


def test_a_database_that_accepts_and_is_silent(
    bare_shell: Shell, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    """A server that is shut down while a verb is typed ends it with a line."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://user@127.0.0.1:{deaf.getsockname()[1]}/name")
        monkeypatch.setenv("DATABASE_CONNECT_TIMEOUT_S", "1")
        typed = bare_shell("batch", new_id())
    assert (typed.code, len(typed.err.splitlines())) == (3, 1)


def test_a_batch_by_any_name(rig: Rig, shell: Shell) -> None:
    """Its id, with or without hyphens, a beginning, its number: the same batch; JSON parses, amounts are strings."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    batch_id = str(batch["batch_conversion_id"])
    for name in (batch_id, batch_id.upper(), batch_id.replace("-", ""), batch_id[:6], batch_id[:13], "#1", "1"):
        typed = shell("batch", name, "--json")
        assert typed.code == 0, typed.err
        assert typed.document["batch_conversion_id"] == batch_id
        assert typed.document["total_usd"] == "30.00000000"
        assert typed.document["created_at"].endswith("Z")
    text = shell("batch", "#1").out
    assert batch["cn_api_id"] in text
    assert "swapping" in text


def test_a_batch_that_nobody_knows(rig: Rig, shell: Shell) -> None:
    """Nothing found is a refusal; a beginning that two batches share names both."""
    for name in (new_id(), "abcdef", "#7", "#9999999999"):
        typed = shell("batch", name)
        assert (typed.code, typed.out, len(typed.err.splitlines())) == (1, "", 1)
    twins = [f"abcdef00-0000-4000-8000-00000000000{digit}" for digit in "12"]
    for twin in twins:
        rig.sql(
            "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation)"
            " VALUES (CAST(%s AS uuid), 1, 1)",
            twin,
        )
    typed = shell("batch", "abcdef00")
    assert typed.code == 1
    assert all(twin in typed.err for twin in twins)
    assert shell("batch", twins[0]).code == 0


def test_the_launcher_makes_its_environment_first(tmp_path: Path) -> None:
    """In a fresh tree the first verb installs what is pinned; what pip says stays off standard output."""
    house = tmp_path / "fresh tree"
    (house / "ops" / "command_line").mkdir(parents=True)
    for name in ("microbatch", "ops/__init__.py", "ops/command_line/__init__.py", "ops/command_line/venv.py"):
        (house / name).write_bytes((ROOT / name).read_bytes())
    (house / "microbatch").chmod(0o755)
    (house / "ops" / "__main__.py").write_text("import sys; print('typed', *sys.argv[1:])\n")
    (house / "requirements").mkdir()
    for name in ("dev.txt", "constraints.txt"):
        (house / "requirements" / name).write_text("")
    for _ in range(2):
        run = subprocess.run(
            [str(house / "microbatch"), "status", "--json"], capture_output=True, text=True, timeout=100, check=True
        )
        assert run.stdout == "typed status --json\n"


def test_every_statement_of_ours_is_used() -> None:
    """No SQL stands by itself without a caller, and no name is taken twice."""
    source = "".join(path.read_text() for path in (ROOT / "ops").rglob("*.py"))
    ours = set(OPS_STATEMENTS.texts) - set(STATEMENTS.texts)
    assert len(ours) > 30
    beginnings = tuple(re.findall(r'f"([a-z]+_[a-z_]+)\{', source))  # of names that are put together
    assert {name for name in ours if f'"{name}"' not in source and not name.startswith(beginnings)} == set()
