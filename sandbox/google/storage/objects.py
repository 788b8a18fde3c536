"""Objects with generations: what a bucket holds, and the preconditions under which it changes."""

import base64
import itertools
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import google_crc32c

FIRST_GENERATION = 1_700_000_000_000_001


class NotFoundError(Exception):
    """There is no such bucket or object."""


class PreconditionError(Exception):
    """The object's generation is not the one that the caller knows."""


@dataclass(frozen=True)
class StoredObject:
    """An object as it was written."""

    bucket: str
    name: str
    content: bytes
    content_type: str
    generation: int
    updated_at: datetime

    @property
    def document(self) -> dict[str, Any]:
        """The object's resource, numbers as text as the API has them."""
        at = self.updated_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.updated_at.microsecond // 1000:03d}Z"
        checksum = google_crc32c.value(self.content).to_bytes(4, "big")
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "size": str(len(self.content)),
            "crc32c": base64.b64encode(checksum).decode(),
            "timeCreated": at,
            "updated": at,
        }


class Buckets:
    """Buckets and their objects; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generations = itertools.count(FIRST_GENERATION)
        self._buckets: dict[str, dict[str, StoredObject]] = {}
        self._writes: list[StoredObject] = []

    def create(self, bucket: str) -> None:
        """Make a bucket; one that is there stays as it is."""
        with self._lock:
            self._buckets.setdefault(bucket, {})

    def read(self, bucket: str, name: str) -> StoredObject:
        """The object as it is now."""
        with self._lock:
            return self._find(bucket, name)

    def write(
        self, bucket: str, name: str, content: bytes, *, content_type: str, expected_generation: int | None
    ) -> StoredObject:
        """Write the object if it has the generation expected: 0 is none at all, None any."""
        with self._lock:
            self._check(bucket, name, expected_generation)
            written = StoredObject(bucket, name, content, content_type, next(self._generations), datetime.now(UTC))
            self._buckets[bucket][name] = written
            self._writes.append(written)
            return written

    def delete(self, bucket: str, name: str, *, expected_generation: int | None) -> None:
        """Remove the object if it has the generation expected."""
        with self._lock:
            self._find(bucket, name)
            self._check(bucket, name, expected_generation)
            del self._buckets[bucket][name]

    def clear(self, bucket: str) -> None:
        """Make a bucket, or empty the one that is there; what was written to it is forgotten."""
        with self._lock:
            self._buckets[bucket] = {}
            self._writes = [written for written in self._writes if written.bucket != bucket]

    @property
    def writes(self) -> list[StoredObject]:
        """Every object ever written, oldest first."""
        with self._lock:
            return list(self._writes)

    def _find(self, bucket: str, name: str) -> StoredObject:
        if bucket not in self._buckets:
            raise NotFoundError("The specified bucket does not exist.")
        if name not in self._buckets[bucket]:
            raise NotFoundError(f"No such object: {bucket}/{name}")
        return self._buckets[bucket][name]

    def _check(self, bucket: str, name: str, expected_generation: int | None) -> None:
        if bucket not in self._buckets:
            raise NotFoundError("The specified bucket does not exist.")
        held = self._buckets[bucket].get(name)
        if expected_generation is not None and expected_generation != (held.generation if held else 0):
            raise PreconditionError("At least one of the pre-conditions you specified did not hold.")
