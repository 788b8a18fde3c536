"""A node of a chain of the test's own, and the calls that are made to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from sandbox.chain.node import ChainNode


@dataclass
class Client:
    """Calls methods as any client of a node does."""

    node: ChainNode

    def ask(self, method: str, *parameters: Any) -> Any:
        """The result of a call; AssertionError for an error."""
        answer = self.post({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(parameters)})
        assert "error" not in answer, answer
        assert answer["id"] == 7
        return answer["result"]

    def post(self, document: Any, timeout_s: float = 10) -> Any:
        """Whatever the node answers to a document."""
        response = requests.post(self.node.url, json=document, timeout=timeout_s)
        response.raise_for_status()
        return response.json()


@pytest.fixture
def node() -> Iterator[ChainNode]:
    """A node that runs."""
    with ChainNode() as running:
        yield running


@pytest.fixture
def client(node: ChainNode) -> Client:
    """Whoever asks it."""
    return Client(node)
