"""Pub/Sub: batch events go out after the commit; a topic that does not answer never holds up the money path."""

import uuid
from typing import TYPE_CHECKING, Final

from shared.errors import EventsUnavailable
from shared.outside.google_client import GoogleClient

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

PUBLISH_TIMEOUT_S: Final = 5


class EventPublisher:
    """Publishes to one topic; PUBSUB_EMULATOR_HOST is honoured by Google's client itself."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.client = GoogleClient(self._new_client)

    def publish(self, batch_conversion_id: uuid.UUID, event: str, data: str) -> None:
        """Publish one event and wait for Pub/Sub's answer; raises EventsUnavailable."""
        client = self.client.get()  # first, so that what prepares it imports alone
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            future = client.publish(
                self._topic,
                data.encode(),
                event=event,
                batch_conversion_id=str(batch_conversion_id),
                timeout=PUBLISH_TIMEOUT_S,
            )
            future.result(timeout=PUBLISH_TIMEOUT_S)
        except (GoogleAPIError, GoogleAuthError, TimeoutError, ValueError) as error:
            raise EventsUnavailable(f"{event} was not published: {type(error).__name__}") from error

    def _new_client(self) -> "PublisherClient":
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.pubsub_v1 import PublisherClient
        from google.cloud.pubsub_v1.types import BatchSettings

        try:  # events go one by one, each waited for: collecting would only hold them back
            return PublisherClient(BatchSettings(max_messages=1))
        except (GoogleAuthError, ValueError) as error:
            raise EventsUnavailable(f"Pub/Sub cannot be asked: {type(error).__name__}") from error
