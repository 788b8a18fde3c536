"""What Google runs goes wrong: the database, Cloud Tasks, Pub/Sub, Secret Manager, Cloud Storage."""

from collections.abc import Callable
from typing import Final

from sandbox.drills.drill import Drill, End
from sandbox.postgres.session import open_session
from sandbox.wire.server import Server
from sandbox.world.addresses import RESPONSE_QUEUE, queue_path
from sandbox.world.world import World

LOCK: Final = """
SELECT id FROM payout_accumulation WHERE conversion_status = 'pending' ORDER BY created_at, id LIMIT 1 FOR UPDATE
"""


def _away(choose: Callable[[World], Server]) -> Callable[[World], End]:
    def begin(world: World) -> End:
        server = choose(world)
        server.stop()
        return server.start

    return begin


def _kill_database(world: World) -> End:
    world.postgres.kill()
    return world.postgres.start


def _lock_row(world: World) -> End:
    """Hold the oldest pending payment in a transaction that does not end, as a person's forgotten session does."""
    connection = open_session(world.database_url, autocommit=False)
    cursor = connection.cursor()
    cursor.execute(LOCK)
    if not cursor.fetchall():
        connection.close()
        raise ValueError("no payment is pending: let one come in first")

    def end() -> None:
        connection.close()

    return end


def _pause_responses(world: World) -> End:
    """Take callbacks and deliver none: they pile up."""
    queue = queue_path(RESPONSE_QUEUE)
    world.cloud_tasks.pause(queue)

    def end() -> None:
        world.cloud_tasks.resume(queue)

    return end


DRILLS: Final = (
    Drill("database-away", "PostgreSQL has died", _kill_database),
    Drill("row-locked", "somebody holds the oldest pending payment", _lock_row),
    Drill("cloud-tasks-away", "orders and callbacks cannot be queued", _away(lambda world: world.cloud_tasks)),
    Drill("pubsub-away", "ticks and events cannot be published", _away(lambda world: world.pubsub)),
    Drill("secret-manager-away", "threshold and policy cannot be read", _away(lambda world: world.secret_manager)),
    Drill("storage-away", "the fence can be neither read nor written", _away(lambda world: world.storage)),
    Drill("responses-paused", "callbacks are queued and not delivered", _pause_responses),
)
