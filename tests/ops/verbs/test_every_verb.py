"""Every verb where something lacks: one clear line, the exit code that says whether to try again, and soon."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from ops.command_line.root import root
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import query
from tests.ops.conftest import Shell, Typed
from tests.ops.test_command_line import NOWHERE, ROOT, leaves
from tests.rig import FENCES, Peers, Rig, required_settings

Words = tuple[str, ...]

SOON_S: Final = 3
BATCH: Final = "00000000-0000-4000-8000-000000000000"
ONLOOKER: Final = "onlooker_of_verbs"
NO_JSON, NO_OBJECT, OTHER = "{folder}/no.json", "{folder}/list.json", "{folder}/other.json"

READS_THE_DATABASE: Final[tuple[Words, ...]] = (
    ("status",),
    ("status", "--check"),
    ("checks",),
    ("batches",),
    ("batch", BATCH),
    ("payment", "7"),
    ("pending",),
    ("held",),
    ("acts",),
    ("serve", "--port", "0"),
    ("report", "--output", "{folder}/report.html"),
    ("wait", BATCH),
    ("breaker", "show"),
    ("breaker", "reset", "--yes"),
    ("mend", "7", "--dollars", "9.70", "--yes"),
    ("accept", BATCH, "--amount", "14", "--yes"),
    ("cut-over",),
    ("cut-over", "--all", "--yes"),
    ("migrate",),
    ("migrate", "--check"),
    ("migrate", "--status"),
    ("close", "2026-10", "--yes"),
    ("digest",),
    ("export", "payments", "{folder}/payments.csv"),
    ("receipt", "7"),
    ("savings",),
    ("statement", "client", "--month", "2026-10"),
    ("reconcile", "--settled", BATCH, "--why", "x"),
    ("threshold", "recommend"),
)
WATCHES: Final = ("status", "--watch", "--every", "0.2")  # what is away for a while does not end it
DECIDES_AS_A_CHECK: Final[tuple[Words, ...]] = (
    ("trigger", "--dry-run"),
    ("release", BATCH, "--yes"),
    ("resend", BATCH, "--yes"),
    ("fence", "show"),
    ("fence", "enter", BATCH, "--yes"),
    ("fence", "give-up", BATCH, "--yes"),
    ("fence", "accept", "--yes"),
    ("reconcile",),
)
ASKS_GOOGLE: Final[tuple[Words, ...]] = (
    ("threshold", "show"),
    ("threshold", "set", "30", "--yes"),
    ("policy", "show"),
    ("policy", "set", "paused=true", "--yes"),
    ("policy", "pause", "--yes"),
    ("policy", "resume", "--yes"),
    ("trigger",),
    ("remote", "--job", "projects/p/locations/l/jobs/j", "status"),
)
NEEDS_NO_SETTING: Final[dict[Words, tuple[int, str]]] = {
    ("deploy", "review", NO_JSON): (2, "no.json holds no JSON document"),
    ("deploy", "review", NO_OBJECT): (2, "list.json holds no JSON object"),
    ("deploy", "review", OTHER): (2, "other.json holds no resource_changes"),
    ("deploy", "approved", "{folder}/none.tfplan"): (1, "none.tfplan"),
    ("deploy", "migrate", OTHER): (2, "other.json holds no resource_changes"),
    ("deploy", "smoke", OTHER): (1, "not the outputs of this configuration"),
    ("deploy", "rollback", OTHER): (1, "not the outputs of this configuration"),
    ("deploy", "rollback-revision", OTHER): (1, "not the outputs of this configuration"),
    ("peers", "check", "http://127.0.0.1:9"): (3, "did not answer"),
    ("peers", "check", "nowhere"): (2, "not an http(s) address"),
    ("remote", "status"): (1, "MICRO_BATCH_JOB is not set"),
    ("verify", NO_JSON): (1, "NOT TRUE"),
    ("package", "--out", "{folder}/no.json"): (1, "no.json"),
}
EVERY: Final = (*READS_THE_DATABASE, *DECIDES_AS_A_CHECK, *ASKS_GOOGLE, *NEEDS_NO_SETTING)


@pytest.fixture
def settings(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The environment of the rig's functions."""
    for name, value in rig.environment.items():
        monkeypatch.setenv(name, value)
    return rig


@pytest.fixture
def ended_soon(bare_shell: Shell, tmp_path: Path) -> Callable[[Words], Typed]:
    """Type a verb and see that it ends soon, with one line that says why, after those that said how far it was."""
    (tmp_path / "no.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "other.json").write_text('{"format_version": "1.2"}')

    def type_verb(words: Words) -> Typed:
        began_s = time.monotonic()
        typed = bare_shell(*(word.replace("{folder}", str(tmp_path)) for word in words))
        took_s = time.monotonic() - began_s
        assert took_s < SOON_S, f"{took_s:.1f} s"
        assert typed.out == ""
        *progress, last = typed.err.splitlines()
        assert last.startswith("microbatch: ") or typed.code == 2, typed.err
        assert not any(line.startswith("microbatch: ") for line in progress)
        assert "an error of our own" not in typed.err
        return typed

    return type_verb


def test_every_verb_is_tried() -> None:
    """Whoever adds a verb says here what it does where something lacks."""
    tried = {words[:2] for words in EVERY} | {words[:1] for words in EVERY}
    assert {leaf for leaf in leaves(root) if leaf not in tried} == set()


@pytest.mark.parametrize("words", [*READS_THE_DATABASE, WATCHES, *DECIDES_AS_A_CHECK, *ASKS_GOOGLE[:-1]], ids=" ".join)
def test_without_settings_it_is_said_which(words: Words, ended_soon: Callable[[Words], Typed]) -> None:
    """Refused, by the names of the variables."""
    typed = ended_soon(words)
    assert typed.code == 1
    assert re.search("DATABASE_URL|GOOGLE_CLOUD_PROJECT|FENCE", typed.err)


@pytest.mark.parametrize("words", NEEDS_NO_SETTING, ids=" ".join)
def test_what_is_typed_wrongly_is_named(words: Words, ended_soon: Callable[[Words], Typed]) -> None:
    """The file or the address, and what it is not."""
    code, named = NEEDS_NO_SETTING[words]
    typed = ended_soon(words)
    assert typed.code == code
    assert named in typed.err


@pytest.fixture
def without_database(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the functions, whose database nobody answers for."""
    there = {"STORAGE_EMULATOR_HOST": peers.storage.address, "FENCE": f"gs://{FENCES}/of-nobody"}
    for name, value in (required_settings(NOWHERE, peers.exchange.url) | there).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("without_database")
@pytest.mark.parametrize("words", [*READS_THE_DATABASE, *DECIDES_AS_A_CHECK], ids=" ".join)
def test_a_database_that_is_away_is_worth_another_try(words: Words, ended_soon: Callable[[Words], Typed]) -> None:
    """Exit code 3; the password is nobody's to read."""
    typed = ended_soon(words)
    assert typed.code == 3, typed.err
    assert "hunter2" not in typed.err


@pytest.mark.usefixtures("without_database")
def test_a_watch_outlives_a_database_that_is_away(bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in the place of the screen, and looks again until somebody ends it."""
    looks = iter(range(3))

    def sleep(_: float) -> None:
        if next(looks, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("ops.verbs.look.status.time.sleep", sleep)
    assert bare_shell(*WATCHES).out.count("PostgreSQL cannot be reached") == 4


@pytest.fixture(scope="module")
def onlooker(migrated_template: str, postgres: Postgres) -> Iterator[str]:
    """A login that may connect and nothing else; the address of a migrated database for it."""
    url = postgres.url(migrated_template)
    query(url, f"DROP ROLE IF EXISTS {ONLOOKER}; CREATE ROLE {ONLOOKER} LOGIN PASSWORD '{ONLOOKER}'")
    yield re.sub(r"//[^@]+@", f"//{ONLOOKER}:{ONLOOKER}@", url)
    query(url, f"DROP ROLE {ONLOOKER}")


@pytest.mark.parametrize("words", [*READS_THE_DATABASE, WATCHES], ids=" ".join)
def test_who_has_no_rights_is_refused(
    words: Words, onlooker: str, ended_soon: Callable[[Words], Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again changes nothing."""
    monkeypatch.setenv("DATABASE_URL", onlooker)
    assert ended_soon(words).code == 1


@pytest.mark.parametrize("words", ASKS_GOOGLE, ids=" ".join)
def test_who_has_no_credentials_is_refused(
    words: Words, ended_soon: Callable[[Words], Typed], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The line says that it is the shell's own credentials that lack."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "telepay-test")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    typed = ended_soon(words)
    assert typed.code == 1, typed.err
    assert "credentials" in typed.err


def test_a_laptop_that_nobody_tells_of_credentials_says_so_in_time(tmp_path: Path) -> None:
    """Google's libraries ask whether it is a machine of theirs, and nobody answers: one line all the same."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "GOOGLE_CLOUD_PROJECT": "telepay-test",
            "GCE_METADATA_IP": f"127.0.0.1:{deaf.getsockname()[1]}",
        }
        command = [str(ROOT / "microbatch"), "threshold", "show"]
        began_s = time.monotonic()
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - began_s < 10
    assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (1, "", 1), run.stderr
    assert "credentials" in run.stderr


NOT_FOUND: Final[dict[Words, str]] = {
    ("batch", BATCH): "./microbatch batches",
    ("payment", "999"): "no payment 999",
    ("receipt", "999"): "no payment 999",
    ("wait", "#999"): "no batch #999",
    ("mend", "999", "--dollars", "9.70", "--yes"): "no payment 999",
    ("accept", "#999", "--amount", "14", "--yes"): "no batch #999",
    ("release", "#999", "--yes"): "no batch #999",
    ("resend", "#999", "--yes"): "no batch #999",
    ("digest", "#999"): "no batch #999",
    ("reconcile", "--settled", "#999", "--why", "x"): "no batch #999",
    ("report", "--output", "{folder}/report.html", "--batch", "#999"): "no batch #999",
    ("report", "--output", "{folder}/nowhere/report.html"): "there is no folder",
    ("export", "payments", "{folder}/payments.csv"): "nothing was written",
    ("statement", "nobody", "--month", "2026-10"): "nobody",
    ("fence", "enter", BATCH, "--yes"): "./microbatch fence show",
}


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("words", NOT_FOUND, ids=" ".join)
def test_what_is_not_there_is_said(words: Words, ended_soon: Callable[[Words], Typed], tmp_path: Path) -> None:
    """Refused by name; no file is left behind."""
    before = {path.name for path in tmp_path.iterdir()}
    typed = ended_soon(words)
    assert typed.code == 1
    assert NOT_FOUND[words] in typed.err
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("words", leaves(root), ids=" ".join)
def test_an_option_that_is_none_is_usage(words: Words, bare_shell: Shell) -> None:
    """Exit code 2 for every verb, nothing on standard output."""
    if words == ("remote",):
        pytest.skip("it hands its words on as they are")
    typed = bare_shell(*words, "--no-such-option")
    assert (typed.code, typed.out) == (2, "")
    assert typed.err.splitlines()[-1].startswith("Error: ")
