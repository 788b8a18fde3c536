"""What the tests of outages share: a PostgreSQL of their own behind a proxy, both functions, and them in a hurry."""

from collections.abc import Iterator

import pytest

from ops.schema.migrate import migrate
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from sandbox.wire.tcp_proxy import TcpProxy
from tests.e2e.outages.site import SETTINGS, STATEMENT_S, Site
from tests.e2e.stage import Stage, running_stage
from tests.rig import Peers


@pytest.fixture(scope="package")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for these tests alone."""
    with Postgres() as server:
        migrate(lambda: open_session(server.url()))
        yield server


@pytest.fixture(scope="package")
def proxy(server: Postgres) -> Iterator[TcpProxy]:
    """What the functions take for PostgreSQL."""
    with TcpProxy(lambda: server.port) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def running_site(
    server: Postgres, proxy: TcpProxy, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The processes, for all tests of this folder."""
    seen = server.url().replace(f":{server.port}/", f":{proxy.port}/")
    folder = tmp_path_factory.mktemp("outages")
    with running_stage(server.url(), peers, folder, seen_database_url=seen, settings=SETTINGS) as stage:
        yield Site(stage, server, proxy)


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """An empty database, everything up; whatever the processes wrote is looked at afterwards."""
    running_site.proxy.restore()
    running_site.proxy.forget()
    running_site.revive()
    for function in running_site.stage.functions:
        if not function.running:
            function.start()
    running_site.stage.reset()
    yield running_site
    running_site.proxy.restore()
    running_site.stage.spoken()


@pytest.fixture(scope="package")
def impatient(
    server: Postgres, proxy: TcpProxy, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The functions again, with time-outs of seconds."""
    seen = server.url().replace(f":{server.port}/", f":{proxy.port}/")
    folder = tmp_path_factory.mktemp("impatient")
    settings = {**SETTINGS, "DATABASE_STATEMENT_TIMEOUT_S": str(STATEMENT_S)}
    if not server.running:
        server.start()
    with running_stage(server.url(), peers, folder, seen_database_url=seen, settings=settings) as stage:
        yield stage
