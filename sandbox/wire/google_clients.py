"""Google's own clients for a server at `host:port` that speaks plain gRPC and wants no credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport


@contextmanager
def tasks_client(address: str) -> Iterator[CloudTasksClient]:
    """Cloud Tasks."""
    with grpc.insecure_channel(address) as channel:
        yield CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


@contextmanager
def secrets_client(address: str) -> Iterator[SecretManagerServiceClient]:
    """Secret Manager."""
    with grpc.insecure_channel(address) as channel:
        yield SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))


@contextmanager
def publisher_client(address: str) -> Iterator[Any]:
    """Pub/Sub's publisher: each call is one request, nothing is gathered or repeated."""
    with grpc.insecure_channel(address) as channel:
        yield PublisherClient(transport=PublisherGrpcTransport(channel=channel))


@contextmanager
def subscriber_client(address: str) -> Iterator[Any]:
    """Pub/Sub's subscriber, by pulling."""
    with grpc.insecure_channel(address) as channel:
        yield SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
