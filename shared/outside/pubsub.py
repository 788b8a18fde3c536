"""Pub/Sub: batch events go out after the commit; a topic that does not answer never holds up the money path.

The generated client is enough: one call an event, waited for. The publisher client above it collects messages in
threads of its own, and for a moment after a failure it drops the next one with an AssertionError.
"""

import uuid
from typing import TYPE_CHECKING, Any, Final

from shared.errors import EventRefused, EventsUnavailable
from shared.outside.google_client import GoogleClient

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

PUBLISH_TIMEOUT_S: Final = 5


class EventPublisher:
    """Publishes to one topic."""

    def __init__(self, topic: str, emulator: str | None) -> None:
        self._topic = topic
        self._emulator = emulator
        self.client = GoogleClient(self._new_client)

    def publish(self, batch_conversion_id: uuid.UUID, event: str, data: str) -> None:
        """Publish one event and wait for Pub/Sub's answer; raises EventsUnavailable or EventRefused, and nothing else.

        One attempt: what fails is published by the next check.
        """
        message: dict[str, Any] = {
            "data": data.encode(),
            "attributes": {"event": event, "batch_conversion_id": str(batch_conversion_id)},
        }
        try:
            request = {"topic": self._topic, "messages": [message]}
            self.client.call(
                PUBLISH_TIMEOUT_S, lambda client: client.publish(request, timeout=PUBLISH_TIMEOUT_S, retry=None)
            )
        except Exception as error:  # whatever the client makes of it: the money is where it should be by now
            from google.api_core.exceptions import InvalidArgument

            kind = EventRefused if isinstance(error, InvalidArgument) else EventsUnavailable
            raise kind(f"{event} was not published: {type(error).__name__}") from error

    def _new_client(self) -> "PublisherClient":
        from google.pubsub_v1 import PublisherClient

        if not self._emulator:
            return PublisherClient()
        import grpc
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

        return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(self._emulator)))


def open_publisher(topic: str | None, emulator: str | None) -> EventPublisher | None:
    """Return the publisher of a topic, or None where no topic is set; nothing is connected yet."""
    return EventPublisher(topic, emulator) if topic else None
