"""Pub/Sub's subscriptions: what each still has to deliver, and the pushing of it until it is taken."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from google import pubsub_v1 as types

from sandbox.google.pubsub.push_requests import push_request
from sandbox.wire.http_client import Answer, HttpSender, Sent
from sandbox.wire.timetable import Timetable

_GOOD_STATUSES = (102, 200, 201, 202, 204)
# Of a retry policy that names no backoffs.
_POLICY_MIN_S, _POLICY_MAX_S = 10.0, 600.0


@dataclass(frozen=True, kw_only=True)
class Delivery(Sent):
    """One push of a message to a subscription."""

    subscription: str
    message_id: str


@dataclass
class Outstanding:
    """A message not acknowledged; *leased_until* (monotonic seconds) keeps other pullers off it."""

    message: types.PubsubMessage
    pushes: int = 0
    leased_until: float = 0.0


@dataclass
class Subscription:
    """A subscription and what it still has to deliver, by message id (which is the ack id too)."""

    message: types.Subscription
    outstanding: dict[str, Outstanding] = field(default_factory=dict)

    @property
    def pushes(self) -> bool:
        """Whether messages are pushed rather than pulled."""
        return bool(self.message.push_config.push_endpoint)

    def free(self) -> list[Outstanding]:
        """What a puller may have now, oldest first."""
        if self.pushes:
            return []
        held = self.outstanding.values()
        return [each for each in held if each.leased_until <= time.monotonic()]

    def backoff_s(self, pushes: int, default: tuple[float, float]) -> float:
        """The wait after this many pushes: doubling from the minimum to the maximum."""
        least_s, most_s = default
        message: Any = types.Subscription.pb(self.message)
        if message.HasField("retry_policy"):
            policy = message.retry_policy
            least_s, most_s = _POLICY_MIN_S, _POLICY_MAX_S
            if policy.HasField("minimum_backoff"):
                least_s = policy.minimum_backoff.ToTimedelta().total_seconds()
            if policy.HasField("maximum_backoff"):
                most_s = policy.maximum_backoff.ToTimedelta().total_seconds()
        return min(least_s * 2.0 ** min(pushes - 1, 64), most_s)


class Pusher:
    """Pushes messages from threads of its own; *changed* guards subscriptions and deliveries."""

    def __init__(
        self,
        changed: threading.Condition,
        *,
        time_scale: float,
        backoffs_s: tuple[float, float],
        deadline_s: float | None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self._changed = changed
        self._time_scale = time_scale
        self._backoffs_s = backoffs_s
        self._deadline_s = deadline_s
        self._sender = HttpSender()
        self._timetable: Timetable | None = None

    @property
    def running(self) -> bool:
        """Whether it pushes."""
        return self._timetable is not None

    def start(self) -> None:
        """Begin to push."""
        self._sender = HttpSender()
        self._timetable = Timetable()
        self._timetable.start()

    def stop(self) -> None:
        """Break off the pushes under way; what is outstanding has to be pushed anew."""
        with self._changed:
            timetable, self._timetable = self._timetable, None
            self._changed.notify_all()
        self._sender.abort()
        if timetable is not None:
            timetable.stop()

    def push(self, subscription: Subscription, outstanding: Outstanding, wait_s: float = 0.0) -> None:
        """Push a message after *wait_s* seconds, and again until it is taken."""
        if self._timetable is not None:
            self._timetable.add(wait_s, partial(self._push_now, subscription, outstanding))

    def _push_now(self, subscription: Subscription, outstanding: Outstanding) -> None:
        message = outstanding.message
        with self._changed:
            if subscription.outstanding.get(message.message_id) is not outstanding:
                return  # taken meanwhile
            outstanding.pushes += 1
            number = outstanding.pushes
            deadline_s = self._deadline_s or subscription.message.ack_deadline_seconds
            request = push_request(subscription.message, message, deadline_s)
        sent_at = datetime.now(UTC)
        answer = self._sender.send(request)
        with self._changed:
            self.deliveries.append(
                Delivery(
                    subscription=subscription.message.name,
                    message_id=message.message_id,
                    number=number,
                    url=request.url,
                    status=answer.status,
                    error=answer.error,
                    sent_at=sent_at,
                )
            )
            self._conclude(subscription, outstanding, answer)
            self._changed.notify_all()

    def _conclude(self, subscription: Subscription, outstanding: Outstanding, answer: Answer) -> None:
        message_id = outstanding.message.message_id
        if subscription.outstanding.get(message_id) is not outstanding:
            return  # the message is to be delivered anew, whatever became of this push
        if answer.status in _GOOD_STATUSES:
            del subscription.outstanding[message_id]
        else:
            wait_s = subscription.backoff_s(outstanding.pushes, self._backoffs_s)
            self.push(subscription, outstanding, wait_s / self._time_scale)
