"""Chance in a history is the seed's: ids, hashes and the waits of Google's retries are drawn from it."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

import google.api_core.retry.retry_base as google_retry_base


@contextmanager
def drawn_from(seed: int | str) -> Iterator[None]:
    """Let every draw of the block come from *seed*, in whichever thread it is made."""
    random = Random(f"{seed}/chance")

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=random.getrandbits(128), version=4)

    def token_hex(size: int = 32) -> str:
        return random.randbytes(size).hex()

    with ExitStack() as stack:
        stack.enter_context(patch.object(uuid, "uuid4", uuid4))
        stack.enter_context(patch.object(secrets, "token_hex", token_hex))
        stack.enter_context(patch.object(google_retry_base, "random", SimpleNamespace(uniform=random.uniform)))
        yield
