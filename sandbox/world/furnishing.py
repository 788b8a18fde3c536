"""What Terraform makes in the cloud, made in the stand-ins: topics and the trigger, queues, secrets."""

from datetime import timedelta
from typing import Final

from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.google.pubsub.server import PubSub
from sandbox.google.secret_manager.server import SecretManager
from sandbox.world.addresses import (
    BATCH_QUEUE,
    CHECK_TOPIC,
    EVENTS_TOPIC,
    LOCATION,
    PAYOUT_QUEUE,
    POLICY_SECRET,
    PROJECT,
    RESPONSE_QUEUE,
    THRESHOLD_SECRET,
    queue_path,
    topic_path,
)

SUBSCRIPTION: Final = f"projects/{PROJECT}/subscriptions/eventarc-{LOCATION}-check-threshold-sub-001"
CONCURRENT_DISPATCHES_MAX: Final = 10
# The deployed GCHostPay1 pays twice when an order is delivered twice.
ORDER_ATTEMPTS: Final = 1
RESPONSE_ATTEMPTS: Final = 10
RESPONSE_RETRY: Final = timedelta(hours=24)


def create_topics(pubsub: PubSub, *, check_threshold_url: str) -> None:
    """Create the topics of ticks and of batch events, and Eventarc's subscription to the first."""
    for topic in (CHECK_TOPIC, EVENTS_TOPIC):
        pubsub.create_topic(topic_path(topic))
    pubsub.create_subscription(SUBSCRIPTION, topic_path(CHECK_TOPIC), push_endpoint=check_threshold_url)


def create_queues(tasks: CloudTasks, *, order_attempts: int = ORDER_ATTEMPTS) -> None:
    """Create the queue of orders, with no retry duration beside its attempts, and the queue of responses."""
    tasks.create_queue(
        queue_path(BATCH_QUEUE), max_concurrent_dispatches=CONCURRENT_DISPATCHES_MAX, max_attempts=order_attempts
    )
    tasks.create_queue(queue_path(PAYOUT_QUEUE))
    tasks.create_queue(
        queue_path(RESPONSE_QUEUE),
        max_concurrent_dispatches=CONCURRENT_DISPATCHES_MAX,
        max_attempts=RESPONSE_ATTEMPTS,
        max_retry_duration=RESPONSE_RETRY,
    )


def create_secrets(secrets: SecretManager, *, threshold_usd: str, policy: str | None, swap_executed_url: str) -> None:
    """Add the first version of every secret; no policy is no secret."""
    values = {
        THRESHOLD_SECRET: threshold_usd,
        POLICY_SECRET: policy,
        "GCHOSTPAY1_BATCH_QUEUE": BATCH_QUEUE,
        "MICROBATCH_RESPONSE_QUEUE": RESPONSE_QUEUE,
        "MICROBATCH_URL": swap_executed_url,
    }
    for secret_id, value in values.items():
        if value is not None:
            secrets.add_version(PROJECT, secret_id, value)
