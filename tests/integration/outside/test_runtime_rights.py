"""The functions as a database user of their own, with what they need and no more."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from pg8000.exceptions import DatabaseError

from ops.schema.rights import grant_rights
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import query
from tests.ops.conftest import Shell, bare_shell
from tests.rig import Peers, Rig

__all__ = ["bare_shell"]

ROLE = "micro-batch-check@telepay-459221.iam"  # as Cloud SQL calls a service account
PASSWORD = "password-of-the-runtime"


def as_role(url: str) -> str:
    """The same database as the functions' own user."""
    parts = urlsplit(url)
    return f"postgresql://{quote(ROLE, safe='')}:{PASSWORD}@{parts.hostname}:{parts.port}{parts.path}"


@pytest.fixture
def role_url(postgres: Postgres, database_url: str) -> Iterator[str]:
    """A migrated database, whose functions log in as a user that owns nothing."""
    query(database_url, f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD '{PASSWORD}'")
    yield as_role(database_url)
    query(database_url, f'DROP OWNED BY "{ROLE}"; DROP ROLE "{ROLE}"')


@pytest.fixture
def rig(role_url: str, database_url: str, peers: Peers) -> Iterator[Rig]:
    """Functions that log in as that user; the test itself looks as the owner."""
    rig = Rig(database_url, peers, {"DATABASE_URL": role_url})
    rig.set_threshold("20.00")
    yield rig
    rig.close()


def test_without_grants_nothing_is_read(rig: Rig, role_url: str) -> None:
    """What follows is worth something only because of this."""
    with pytest.raises(DatabaseError, match="permission denied"):
        query(role_url, "SELECT COUNT(*) FROM payout_accumulation")


def test_batches_go_their_whole_way(rig: Rig) -> None:
    """Opened, ordered, settled to the last unit; given back and opened again; each change on record by the rules."""
    grant_rights(rig.connection, [ROLE])
    rig.pay("10.00", "15.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "24.50")
    rig.call_back(rig.response(batch, "24.50"))
    assert (
        sum(payment["accumulated_amount_usdt"] for payment in rig.payments())
        == rig.batches()[0]["actual_usdt_received"]
    )
    rig.pay("30.00")
    rig.check()
    rig.peers.exchange.fail(rig.batches()[1]["cn_api_id"])
    rig.clock.forward(hours=1)
    rig.check()
    assert [one["conversion_status"] for one in rig.batches()] == ["completed", "failed", "swapping"]
    changes = "SELECT COUNT(*) AS changes FROM batch_state_changes"
    assert rig.sql(changes)[0]["changes"] >= 7
    assert len(rig.sql("SELECT * FROM released_payments")) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM payout_accumulation",
        "DELETE FROM batch_conversions",
        "TRUNCATE threshold_checks",
        "UPDATE payout_accumulation SET client_wallet_address = '0xmine'",
        "UPDATE payout_accumulation SET accumulated_eth = 1000",
        "UPDATE payout_accumulation SET is_paid_out = FALSE",
        "INSERT INTO payout_accumulation (client_id) VALUES ('mine')",
        "INSERT INTO batch_state_changes DEFAULT VALUES",
        "INSERT INTO operator_acts DEFAULT VALUES",
        "UPDATE batch_events SET data = '{}'",
        "INSERT INTO cut_over_decisions DEFAULT VALUES",
        "ALTER TABLE payout_accumulation DISABLE TRIGGER ALL",
        "DROP TABLE batch_events",
        "CREATE TABLE mine (id INTEGER)",
        "SET ROLE telepay",
    ],
)
def test_what_is_not_theirs_is_refused(rig: Rig, role_url: str, sql: str) -> None:
    """A function that was taken over cannot write off a payment, change who is paid, or rewrite what happened."""
    grant_rights(rig.connection, [ROLE])
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        query(role_url, sql)


def test_migrate_grants_and_says_so(
    rig: Rig, role_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each migration, as often as one likes; a user that is not there, or is the owner, is refused by name."""
    monkeypatch.setenv("DATABASE_URL", rig.url)
    for _ in range(2):
        granted = bare_shell("migrate", "--grant", ROLE, "--json")
        assert granted.code == 0, granted.err
        assert any(f'TO "{ROLE}"' in statement for statement in granted.document["granted"])
    assert query(role_url, "SELECT COUNT(*) FROM payout_accumulation") == [(0,)]
    refused = bare_shell("migrate", "--grant", "nobody")
    assert (refused.code, "no database user 'nobody'" in refused.err) == (1, True)
    owner = bare_shell("migrate", "--grant", urlsplit(rig.url).username)
    assert (owner.code, "a user of their own" in owner.err) == (1, True)
