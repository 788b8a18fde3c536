"""Pub/Sub on loopback: topics, pull subscriptions, and push subscriptions as Eventarc makes them."""

import copy
import itertools
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

import grpc
from google import pubsub_v1 as types
from google.protobuf.empty_pb2 import Empty

from sandbox.google.pubsub.subscriptions import Delivery, Outstanding, Pusher, Subscription
from sandbox.wire.grpc_server import Call, GrpcServer, RefusedError, now

__all__ = ["Delivery", "PubSub"]

_PUBLISHER = "google.pubsub.v1.Publisher"
_SUBSCRIBER = "google.pubsub.v1.Subscriber"
_ACK_DEADLINE_S = 10
_PULL_WAIT_S = 1.0
_FIRST_MESSAGE_ID = 1_000_000_001


class PubSub(GrpcServer):
    """Topics and subscriptions; every message is delivered at least once.

    A push is repeated until it is taken, after *redelivery_min_s*, doubling to *redelivery_max_s*,
    or as the subscription's own retry policy says. It waits for its answer for the subscription's
    acknowledgement deadline, or *deadline_s* where given. Backoffs and the leases of pulled
    messages are divided by *time_scale*. Streaming pull is not served.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        time_scale: float = 1.0,
        redelivery_min_s: float = 0.1,
        redelivery_max_s: float = 60.0,
        deadline_s: float | None = None,
    ) -> None:
        super().__init__(port)
        self._time_scale = time_scale
        self._changed = threading.Condition()
        self._message_ids = itertools.count(_FIRST_MESSAGE_ID)
        self._topics: dict[str, types.Topic] = {}
        self._published: dict[str, list[types.PubsubMessage]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._pusher = Pusher(
            self._changed,
            time_scale=time_scale,
            backoffs_s=(redelivery_min_s, redelivery_max_s),
            deadline_s=deadline_s,
        )

    def calls(self) -> Iterable[Call]:
        """The calls of Publisher and Subscriber that are served."""
        topic, topics = types.Topic, types.ListTopicsResponse
        published, pulled = types.PublishResponse, types.PullResponse
        publisher = (
            ("CreateTopic", topic, topic, self._create_topic),
            ("GetTopic", types.GetTopicRequest, topic, self._get_topic),
            ("ListTopics", types.ListTopicsRequest, topics, self._list_topics),
            ("Publish", types.PublishRequest, published, self._publish),
        )
        made = types.Subscription
        subscriber = (
            ("CreateSubscription", made, made, self._subscribe),
            ("GetSubscription", types.GetSubscriptionRequest, made, self._get_subscription),
            ("Pull", types.PullRequest, pulled, self._pull),
            ("Acknowledge", types.AcknowledgeRequest, Empty, self._acknowledge),
            ("ModifyAckDeadline", types.ModifyAckDeadlineRequest, Empty, self._modify_deadline),
        )
        return [
            Call(service, name, request, answer, serve)
            for service, calls in ((_PUBLISHER, publisher), (_SUBSCRIBER, subscriber))
            for name, request, answer, serve in calls
        ]

    def start(self) -> None:
        """Listen, and push what is outstanding."""
        super().start()
        with self._changed:
            self._pusher.start()
            for subscription in self._subscriptions.values():
                for outstanding in subscription.outstanding.values():
                    self._hand_out(subscription, outstanding)

    def stop(self) -> None:
        """Break off calls and pushes; topics, subscriptions and messages stay for start()."""
        self._pusher.stop()
        super().stop()

    # For those who run the sandbox

    def create_topic(self, path: str) -> None:
        """Create the topic with this full name."""
        self._create_topic(types.Topic(name=path))

    def create_subscription(
        self,
        path: str,
        topic: str,
        *,
        push_endpoint: str = "",
        minimum_backoff: timedelta | None = None,
        maximum_backoff: timedelta | None = None,
    ) -> None:
        """Subscribe to the topic, by push to the URL where one is given, else for pulling."""
        backoffs = {"minimum_backoff": minimum_backoff, "maximum_backoff": maximum_backoff}
        policy = {name: value for name, value in backoffs.items() if value is not None}
        self._subscribe(
            types.Subscription(
                name=path,
                topic=topic,
                push_config={"push_endpoint": push_endpoint},
                retry_policy=policy or None,
            )
        )

    def publish(self, topic: str, data: bytes = b"", **attributes: str) -> str:
        """Publish one message, as the scheduler does; its id."""
        message = types.PubsubMessage(data=data, attributes=attributes)
        request = types.PublishRequest(topic=topic, messages=[message])
        return str(self._publish(request).message_ids[0])

    def repeat(self, topic: str, message_id: str) -> None:
        """Deliver a published message once more to all subscriptions, acknowledged or not."""
        with self._changed:
            for message in self._published[topic]:
                if message.message_id == message_id:
                    self._deliver(topic, message)

    def published(self, topic: str) -> list[types.PubsubMessage]:
        """Copies of all messages ever published to the topic, oldest first."""
        with self._changed:
            return copy.deepcopy(self._published.get(topic, []))

    @property
    def deliveries(self) -> list[Delivery]:
        """The pushes that were answered or failed, in the order in which they were."""
        with self._changed:
            return list(self._pusher.deliveries)

    def wait_delivered(self, timeout_s: float) -> None:
        """Return once no push is outstanding; TimeoutError when some still are."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._undelivered(), timeout_s):
                left = ", ".join(self._undelivered())
                raise TimeoutError(f"not delivered after {timeout_s} s: {left}")

    def wait_published(self, topic: str, count: int, timeout_s: float) -> None:
        """Return once the topic has had *count* messages; TimeoutError when that takes too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._published.get(topic, [])) >= count, timeout_s):
                made = len(self._published.get(topic, []))
                raise TimeoutError(f"{made} of {count} messages after {timeout_s} s")

    # The calls of the publisher

    def _create_topic(self, request: types.Topic) -> types.Topic:
        with self._changed:
            if request.name in self._topics:
                raise _exists(request.name)
            self._topics[request.name] = copy.deepcopy(request)
            self._published[request.name] = []
            return request

    def _get_topic(self, request: types.GetTopicRequest) -> types.Topic:
        with self._changed:
            if request.topic not in self._topics:
                raise _not_found(request.topic)
            return copy.deepcopy(self._topics[request.topic])

    def _list_topics(self, request: types.ListTopicsRequest) -> types.ListTopicsResponse:
        with self._changed:
            topics = [
                copy.deepcopy(topic)
                for name, topic in self._topics.items()
                if name.startswith(f"{request.project}/topics/")
            ]
        return types.ListTopicsResponse(topics=topics)

    def _publish(self, request: types.PublishRequest) -> types.PublishResponse:
        for message in request.messages:
            if not message.data and not message.attributes:
                text = "Some messages in the PublishRequest are empty: no data and no attributes."
                raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, text)
        with self._changed:
            if request.topic not in self._topics:
                raise _not_found(request.topic)
            stored = [self._stamped(message) for message in request.messages]
            for message in stored:
                self._published[request.topic].append(message)
                self._deliver(request.topic, message)
            self._changed.notify_all()
        return types.PublishResponse(message_ids=[message.message_id for message in stored])

    def _stamped(self, message: types.PubsubMessage) -> types.PubsubMessage:
        stamped = copy.deepcopy(message)
        stamped.message_id, stamped.publish_time = str(next(self._message_ids)), now()
        return stamped

    # The calls of the subscriber

    def _subscribe(self, request: types.Subscription) -> types.Subscription:
        with self._changed:
            if request.name in self._subscriptions:
                raise _exists(request.name)
            if request.topic not in self._topics:
                raise _not_found(request.topic)
            stored = copy.deepcopy(request)
            stored.ack_deadline_seconds = request.ack_deadline_seconds or _ACK_DEADLINE_S
            self._subscriptions[request.name] = Subscription(stored)
            return copy.deepcopy(stored)

    def _get_subscription(self, request: types.GetSubscriptionRequest) -> types.Subscription:
        with self._changed:
            return copy.deepcopy(self._find(request.subscription).message)

    def _pull(self, request: types.PullRequest) -> types.PullResponse:
        """Lease what is free; wait a short while for the first message where there is none."""
        with self._changed:
            subscription = self._find(request.subscription)
            self._changed.wait_for(lambda: subscription.free() or not self._pusher.running, _PULL_WAIT_S)
            leased = subscription.free()[: request.max_messages]
            lease_s = subscription.message.ack_deadline_seconds / self._time_scale
            for outstanding in leased:
                outstanding.leased_until = time.monotonic() + lease_s
            received = [
                types.ReceivedMessage(ack_id=outstanding.message.message_id, message=outstanding.message)
                for outstanding in leased
            ]
            return copy.deepcopy(types.PullResponse(received_messages=received))

    def _acknowledge(self, request: types.AcknowledgeRequest) -> Empty:
        with self._changed:
            for ack_id in request.ack_ids:
                self._find(request.subscription).outstanding.pop(ack_id, None)
        return Empty()

    def _modify_deadline(self, request: types.ModifyAckDeadlineRequest) -> Empty:
        """Lengthen the leases; 0 seconds gives the messages back at once."""
        with self._changed:
            subscription = self._find(request.subscription)
            until = time.monotonic() + request.ack_deadline_seconds / self._time_scale
            for ack_id in request.ack_ids:
                if ack_id in subscription.outstanding:
                    subscription.outstanding[ack_id].leased_until = until
            self._changed.notify_all()
        return Empty()

    # What is stored; under the lock

    def _find(self, path: str) -> Subscription:
        if path not in self._subscriptions:
            raise _not_found(path)
        return self._subscriptions[path]

    def _deliver(self, topic: str, message: types.PubsubMessage) -> None:
        for subscription in self._subscriptions.values():
            if subscription.message.topic == topic:
                outstanding = Outstanding(message)
                subscription.outstanding[message.message_id] = outstanding
                self._hand_out(subscription, outstanding)
        self._changed.notify_all()

    def _hand_out(self, subscription: Subscription, outstanding: Outstanding) -> None:
        if subscription.pushes:
            self._pusher.push(subscription, outstanding)

    def _undelivered(self) -> list[str]:
        return [
            f"{name} {message_id}"
            for name, subscription in self._subscriptions.items()
            if subscription.pushes
            for message_id in subscription.outstanding
        ]


def _not_found(path: str) -> RefusedError:
    text = f"Resource not found (resource={path.rpartition('/')[2]})."
    return RefusedError(grpc.StatusCode.NOT_FOUND, text)


def _exists(path: str) -> RefusedError:
    text = f"Resource already exists in the project (resource={path.rpartition('/')[2]})."
    return RefusedError(grpc.StatusCode.ALREADY_EXISTS, text)
