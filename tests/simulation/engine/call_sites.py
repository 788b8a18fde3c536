"""Every line of the functions' library that speaks to somebody, as its source shows it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.simulation.engine.boundaries import ADAPTERS, SHARED, Boundary

CALLS: Final = frozenset(
    {"transaction", "exclusive", "create_task", "request", "access_secret_version", "publish", "urlopen", "connect"}
)
ALONE: Final = frozenset({"row", "rows", "execute"})  # a statement by itself, where it is asked of one of these
HOLDERS: Final = frozenset({"session", "database", "queries"})
NETWORK: Final = frozenset(
    {"aiohttp", "asyncio", "ftplib", "google", "grpc", "http", "httpx", "pg8000", "requests", "smtplib", "socket"}
    | {"socketserver", "ssl", "subprocess", "telnetlib", "urllib3", "xmlrpc"}
)


@dataclass(frozen=True)
class CallSite:
    """A call of one of the doors' names, from its first line to its last."""

    module: str
    call: str
    first: int
    last: int

    def is_on(self, boundary: Boundary) -> bool:
        """Whether this call waits for that boundary."""
        return any(module == self.module and self.first <= line <= self.last for module, line in boundary.sites)


def call_sites(folder: Path = SHARED) -> Iterator[CallSite]:
    """Every such call in the library."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_door(node.func):
                yield CallSite(path.stem, node.func.attr, node.lineno, node.end_lineno or node.lineno)


def _is_door(function: ast.Attribute) -> bool:
    """Whether a method of this name leaves the process; a transaction's statements do no more than its COMMIT."""
    holder = ast.unparse(function.value).rpartition(".")[2]
    return function.attr in CALLS or (function.attr in ALONE and holder in HOLDERS)


def network_imports(folder: Path = SHARED) -> Iterator[tuple[str, str]]:
    """Every module outside the adapters that imports something with which one could speak to somebody.

    What takes requests in speaks to nobody else: the simulation plays the requests themselves.
    """
    for path in sorted(folder.rglob("*.py")):
        if path.stem in ADAPTERS or path.parent.name == "serving":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _imported(node):
                if name.partition(".")[0] in NETWORK:
                    yield path.stem, name


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
