"""tests/vectors/tokens.json: the functions' code and the stand-in's independent reading agree with every vector."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.peers.gchostpay1_tokens import (
    Execution,
    UnreadableTokenError,
    UntrustedTokenError,
    decrypt_microbatch_to_gchostpay1_token,
    encrypt_gchostpay1_to_microbatch_token,
)
from shared.errors import TokenRejected, TokenUnreadable, ValueImpossible
from shared.model.tokens import decrypt_gchostpay1_to_microbatch_token, encrypt_microbatch_to_gchostpay1_token
from tests.vectors.tokens import FILE, written

Vector = dict[str, Any]

VECTORS: dict[str, list[Vector]] = json.loads(FILE.read_text())
AGE_MAX = timedelta(hours=25)
STAND_IN_REFUSES = {"unreadable": UnreadableTokenError, "untrusted": UntrustedTokenError}
FUNCTION_REFUSES = {"unreadable": TokenUnreadable, "untrusted": TokenRejected, "impossible": ValueImpossible}


def chosen(kind: str, *, good: bool) -> list[Any]:
    """The vectors of one kind, named."""
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind] if ("fields" in vector) == good]


def at(seconds: int) -> datetime:
    """An instant of a vector."""
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("vector", chosen("orders", good=True))
def test_an_order_is_written_and_read_as_the_vector_has_it(vector: Vector) -> None:
    """The function writes this very token, the peer finds these very fields in it."""
    fields = vector["fields"]
    token = encrypt_microbatch_to_gchostpay1_token(
        batch_conversion_id=uuid.UUID(fields["batch_conversion_id"]),
        cn_api_id=fields["cn_api_id"],
        amount_eth=Decimal(fields["from_amount"]),
        payin_address=fields["payin_address"],
        now=at(fields["timestamp"]),
        signing_key=vector["keys"][0],
    )
    assert token == vector["token"]
    order = vars(decrypt_microbatch_to_gchostpay1_token(token, vector["keys"], vector["now_s"]))
    assert order.pop("from_amount") == Decimal(fields["from_amount"])
    assert {"context": "batch", **order} == {name: fields[name] for name in fields if name != "from_amount"}


@pytest.mark.parametrize("vector", chosen("orders", good=False))
def test_an_order_is_refused_as_the_vector_says(vector: Vector) -> None:
    """The peer does not pay it."""
    with pytest.raises(STAND_IN_REFUSES[vector["refused"]]):
        decrypt_microbatch_to_gchostpay1_token(vector["token"], vector["keys"], vector["now_s"])


@pytest.mark.parametrize("vector", chosen("responses", good=True))
def test_a_response_is_written_and_read_as_the_vector_has_it(vector: Vector) -> None:
    """The peer writes this very token, the function finds these very fields in it."""
    fields = vector["fields"]
    execution = Execution(
        fields["batch_conversion_id"],
        fields["cn_api_id"],
        fields["tx_hash"],
        Decimal(fields["actual_usdt_received"]),
    )
    assert encrypt_gchostpay1_to_microbatch_token(execution, vector["keys"][0], fields["timestamp"]) == vector["token"]
    report = decrypt_gchostpay1_to_microbatch_token(
        vector["token"], signing_keys=vector["keys"], now=at(vector["now_s"]), age_max=AGE_MAX
    )
    assert (str(report.batch_conversion_id), report.cn_api_id, report.tx_hash, report.received_usdt) == (
        fields["batch_conversion_id"],
        fields["cn_api_id"],
        fields["tx_hash"],
        Decimal(fields["actual_usdt_received"]),
    )


@pytest.mark.parametrize("vector", chosen("responses", good=False))
def test_a_response_is_refused_as_the_vector_says(vector: Vector) -> None:
    """The function writes nothing for it."""
    with pytest.raises(FUNCTION_REFUSES[vector["refused"]]):
        decrypt_gchostpay1_to_microbatch_token(
            vector["token"], signing_keys=vector["keys"], now=at(vector["now_s"]), age_max=AGE_MAX
        )


def test_the_file_is_what_the_wire_format_gives() -> None:
    """The vectors are made, not edited: `python -m tests.vectors.tokens` writes this file."""
    assert FILE.read_text() == written()


@pytest.mark.parametrize("kind", ["orders", "responses"])
def test_the_vectors_tell_their_cases_apart(kind: str) -> None:
    """Both sorts are there, and no case stands for another."""
    names = [vector["name"] for vector in VECTORS[kind]]
    assert len(names) == len(set(names))
    assert len(chosen(kind, good=True)) >= 8
    assert len(chosen(kind, good=False)) >= 20


def test_the_example_in_the_page_is_the_first_vector() -> None:
    """docs/reference/peers.md shows a vector as it is, cut where it says so."""
    text = (FILE.parents[2] / "docs" / "reference" / "peers.md").read_text()
    example = json.loads(text.partition("```json\n")[2].partition("```")[0])
    vector = VECTORS["orders"][0]
    for name in ("signed_hex", "token"):
        assert vector[name].startswith(example.pop(name).removesuffix("..."))
    assert example.items() <= vector.items()


def test_what_the_page_names_exists() -> None:
    """A variable that docs/reference/peers.md tells a team to set is one that the sandbox or Terraform reads."""
    root = FILE.parents[2]
    text = (root / "docs" / "reference" / "peers.md").read_text()
    read = (root / "sandbox" / "commands.py").read_text() + (root / "terraform" / "variables_batching.tf").read_text()
    named = set(re.findall(r"\b(SANDBOX_[A-Z0-9_]+)=|`(gchostpay1_\w+) = ", text))
    assert len(named) == 3
    assert all(f'"{sandbox or terraform}"' in read for sandbox, terraform in named)
