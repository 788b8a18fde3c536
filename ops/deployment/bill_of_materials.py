"""The bill of materials that lies in each archive: what a function installs, by name, version and package URL.

CycloneDX 1.5, the same bytes for the same lock file: no time, no serial number.
"""

import hashlib
import json
import re
from typing import Any

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """The versions that a lock file pins, by the name in its one spelling."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PINNED.findall(lock)}


def bill_of_materials(function: str, lock: bytes) -> bytes:
    """Write the document for one function's lock file."""
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": function,
                "properties": [{"name": "requirements-sha256", "value": hashlib.sha256(lock).hexdigest()}],
            }
        },
        "components": [
            {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
            for name, version in sorted(pins(lock.decode()).items())
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()
