"""The topic that starts checks: one tick as Cloud Scheduler sends it."""

from typing import Final

from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient

from ops.command_line.failures import Away, NotDone
from ops.outside.environment import trigger_topic

TIMEOUT_S: Final = 8  # somebody waits at the keyboard


def publish_tick(*, force: bool) -> str:
    """Publish one tick and return the message's id; PUBSUB_EMULATOR_HOST is honoured by Google's client itself."""
    topic = trigger_topic()
    attributes = {"force": "true"} if force else {}
    publisher = PublisherClient()
    try:
        future = publisher.publish(topic, b"{}", timeout=TIMEOUT_S, source="operator", **attributes)
        return str(future.result(timeout=TIMEOUT_S))
    except exceptions.NotFound as error:
        raise NotDone(f"there is no topic {topic}; MICRO_BATCH_TRIGGER_TOPIC names another") from error
    except TimeoutError as error:
        raise Away("Pub/Sub did not answer; the tick may or may not have been sent") from error
