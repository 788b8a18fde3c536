"""The lines that the functions write, written once for every test of what watches them."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from ops.schema.rights import grant_rights
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import query
from tests.integration.outside.test_runtime_rights import PASSWORD, ROLE, as_role
from tests.rig import PROJECT, Peers, Rig
from tests.terraform.watching.story import STORIES, Line, listening

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def lines(postgres: Postgres, migrated_template: str, peers: Peers) -> list[Line]:
    """What the functions write in every story, each in a database of its own, as a user with the runtime's rights."""
    query(postgres.url("postgres"), f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD '{PASSWORD}'")
    with listening() as heard:
        for story in STORIES:
            with _rig(postgres, migrated_template, peers) as rig:
                story(rig)
    query(postgres.url("postgres"), f'DROP ROLE "{ROLE}"')
    return heard


@contextmanager
def _rig(postgres: Postgres, template: str, peers: Peers) -> Iterator[Rig]:
    name = f"story_{os.getpid()}_{next(_numbers)}"
    postgres.create_database(name, template)
    rig = Rig(postgres.url(name), peers, {"DATABASE_URL": as_role(postgres.url(name))})
    grant_rights(rig.connection, [ROLE])
    rig.set_threshold("20.00")
    yield rig
    rig.close()
    for server in (peers.exchange, peers.tasks, peers.secrets, peers.storage):
        server.faults.clear()
    for secret in ("MICRO_BATCH_THRESHOLD_USD", "MICRO_BATCH_POLICY"):
        with suppress(KeyError):
            peers.secrets.delete_secret(PROJECT, secret)
    postgres.drop_database(name)
