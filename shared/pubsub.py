"""Pub/Sub: batch events go out after the commit; a topic that does not answer never holds up the money path."""

import uuid
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Final

from shared.errors import EventsUnavailable

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

PUBLISH_TIMEOUT_S: Final = 5


class EventPublisher:
    """Publishes to one topic; PUBSUB_EMULATOR_HOST is honoured by Google's client itself."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._made: PublisherClient | None = None

    def publish(self, batch_conversion_id: uuid.UUID, event: str, data: str) -> None:
        """Publish one event and wait for Pub/Sub's answer; raises EventsUnavailable."""
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            future = self._client().publish(
                self._topic,
                data.encode(),
                event=event,
                batch_conversion_id=str(batch_conversion_id),
                timeout=PUBLISH_TIMEOUT_S,
            )
            future.result(timeout=PUBLISH_TIMEOUT_S)
        except (exceptions.GoogleAPIError, GoogleAuthError, FutureTimeout, ValueError) as error:
            raise EventsUnavailable(f"{event} was not published: {type(error).__name__}") from error

    def _client(self) -> "PublisherClient":
        """Make the client on first use: its threads do not survive gunicorn's fork."""
        if self._made is None:
            from google.cloud.pubsub_v1 import PublisherClient

            self._made = PublisherClient()
        return self._made
