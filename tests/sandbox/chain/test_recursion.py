"""The virtual machine's import leaves the process as safe from nested documents as it was."""

import json
from importlib import import_module

import pytest


def test_a_nested_document_is_refused_and_kills_nobody() -> None:
    """With the limit that the machine asks for, reading this would overflow the stack."""
    import_module("sandbox.chain.node")
    with pytest.raises(RecursionError):
        json.loads("[" * 100_000)
