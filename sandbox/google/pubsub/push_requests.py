"""The HTTP request that brings a Pub/Sub message to a function, as Eventarc sends it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google import pubsub_v1

from sandbox.wire.http_client import Request

_EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"


def push_request(subscription: pubsub_v1.Subscription, message: pubsub_v1.PubsubMessage, timeout_s: float) -> Request:
    """A CloudEvent in binary mode: its facts in ce- headers, the push document as the body."""
    document = {"message": _document(message), "subscription": subscription.name}
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "ce-id": message.message_id,
        "ce-source": f"//pubsub.googleapis.com/{subscription.topic}",
        "ce-specversion": "1.0",
        "ce-time": _publish_time(message),
        "ce-type": _EVENT_TYPE,
    }
    body = json.dumps(document).encode()
    return Request("POST", subscription.push_config.push_endpoint, headers, body, timeout_s)


def _document(message: pubsub_v1.PubsubMessage) -> Mapping[str, Any]:
    """The message as push sends it; data, attributes and ordering key only where there are any."""
    published = _publish_time(message)
    document: dict[str, Any] = {
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.data:
        document["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        document["attributes"] = dict(message.attributes)
    if message.ordering_key:
        document["orderingKey"] = message.ordering_key
    return document


def _publish_time(message: pubsub_v1.PubsubMessage) -> str:
    """RFC 3339 with milliseconds and Z."""
    stamp: Any = pubsub_v1.PubsubMessage.pb(message).publish_time
    return f"{stamp.ToDatetime().isoformat(timespec='milliseconds')}Z"
