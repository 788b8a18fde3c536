"""What people and neighbours do to a world, through the same interfaces as in production."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import requests
from google.api_core.exceptions import AlreadyExists
from google.cloud.secretmanager_v1 import types
from google.pubsub_v1.types import PubsubMessage, Subscription

from sandbox.google.pubsub.push_requests import push_request
from sandbox.peers.database import database_connection
from sandbox.peers.gcaccumulator import insert_payout_accumulation_pending, parse_payment
from sandbox.wire.google_clients import publisher_client, secrets_client
from sandbox.world.addresses import CHECK_TOPIC, PROJECT, Addresses, topic_path
from sandbox.world.furnishing import SUBSCRIPTION

TIMEOUT_S = 15.0
TICK_TIMEOUT_S = 120.0
CLIENT_WALLET = "0x" + "c1" * 20


class RefusedPaymentError(Exception):
    """GCAccumulator did not take a payment; the message is its answer."""


def pay(
    addresses: Addresses,
    amount_usd: Decimal | str,
    *,
    client_id: str = "client-1",
    user_id: int = 1,
    **more: Any,
) -> int:
    """Let a client's user pay, and return the payment's id; *more* are further fields."""
    payment = _payment(amount_usd, client_id=client_id, user_id=user_id, **more)
    answer = requests.post(f"{addresses.gcaccumulator_url}/", json=payment, timeout=TIMEOUT_S)
    document = answer.json()
    if answer.status_code != 200:
        raise RefusedPaymentError(f"{answer.status_code}: {document.get('message')}")
    return int(document["accumulation_id"])


def pay_before_us(database_url: str, amount_usd: str, fee_pct: Decimal) -> int:
    """Store a payment as GCAccumulator did before anything of ours was installed, and return its id."""
    payment = parse_payment(json.dumps(_payment(amount_usd, client_id="client-1", user_id=1)).encode())
    with database_connection(database_url) as connection:
        return insert_payout_accumulation_pending(connection, payment, fee_pct)


def trigger(addresses: Addresses, *, force: bool = False) -> str:
    """Publish what Cloud Scheduler publishes, and return the message's id."""
    attributes = {"force": "true"} if force else {}
    message = PubsubMessage(data=b"check", attributes=attributes)
    with publisher_client(addresses.pubsub) as client:
        answer = client.publish(topic=topic_path(CHECK_TOPIC), messages=[message], timeout=TIMEOUT_S)
    return str(answer.message_ids[0])


def deliver_tick(function_url: str, *, force: bool = False) -> int:
    """Deliver a tick to a check_threshold that no subscription knows of, as Eventarc does; the answer's status."""
    attributes = {"force": "true"} if force else {}
    subscription = Subscription(
        name=SUBSCRIPTION, topic=topic_path(CHECK_TOPIC), push_config={"push_endpoint": function_url}
    )
    message = PubsubMessage(data=b"check", attributes=attributes, message_id="1", publish_time=datetime.now(UTC))
    request = push_request(subscription, message, TICK_TIMEOUT_S)
    answer = requests.post(request.url, data=request.body, headers=dict(request.headers), timeout=TICK_TIMEOUT_S)
    return answer.status_code


def add_secret_version(addresses: Addresses, secret_id: str, value: str) -> str:
    """Add a version to a secret, made when it is missing, and return the version's name."""
    with secrets_client(addresses.secret_manager) as client:
        parent = f"projects/{PROJECT}"
        replication = types.Replication(automatic=types.Replication.Automatic())
        with suppress(AlreadyExists):  # the usual case: operators add versions
            client.create_secret(
                parent=parent,
                secret_id=secret_id,
                secret=types.Secret(replication=replication),
                timeout=TIMEOUT_S,
            )
        version = client.add_secret_version(
            parent=f"{parent}/secrets/{secret_id}",
            payload=types.SecretPayload(data=value.encode()),
            timeout=TIMEOUT_S,
        )
    return str(version.name)


def read_secret(addresses: Addresses, secret_id: str) -> str:
    """The newest version of a secret."""
    name = f"projects/{PROJECT}/secrets/{secret_id}/versions/latest"
    with secrets_client(addresses.secret_manager) as client:
        answer = client.access_secret_version(name=name, timeout=TIMEOUT_S)
    return str(answer.payload.data.decode())


def query(database_url: str, sql: str, *arguments: Any) -> list[dict[str, Any]]:
    """Run one statement and return its rows by column name."""
    with database_connection(database_url) as connection:
        cursor = connection.cursor()
        cursor.execute(sql, arguments)
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall() if names else []
        connection.commit()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _payment(amount_usd: Decimal | str, **more: Any) -> dict[str, Any]:
    return {
        "payment_amount_usd": str(amount_usd),
        "payment_currency": "usd",
        "client_wallet_address": CLIENT_WALLET,
        "client_payout_currency": "usdt",
        "client_payout_network": "eth",
        **more,
    }
