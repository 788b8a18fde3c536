"""Which tests reach what: recorded once for each test file, and anew where it or the code has changed."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, TypeGuard

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.recording import RECORD_TO

FOLDER: Final = ROOT / "build" / "mutants"
TESTS: Final = ("tests/unit", "tests/integration")
CHOSEN: Final = ("-m", "not slow and not long", "-p", "no:cacheprovider", "-q", "--tb=line")

MUTANT_S: Final = 8.0  # of tests, as they were recorded, for one mutant: what they do not notice counts as not noticed
AT_ONCE_S: Final = 0.1
FEWEST: Final = 3

Record = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Reach:
    """The tests by id, with their seconds, the lines and the statements that each runs."""

    tests: Record
    mutant_s: float = MUTANT_S

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that can notice a mutant, the fast ones first, as many as a mutant may take.

        Of those that take longer each file has its turn: what one of a file does not notice, the next seldom does.

        What runs while a module is loaded is the tests' that run a function which uses the name, else of all that run
        anything of the module.
        """
        found = self._running(mutant) or self._using(mutant) or self._of_module(mutant.path)
        in_turn, turns = [], Counter[str]()
        for test in sorted(found, key=self.seconds):
            file = test.partition("::")[0]
            turns[file] += self.seconds(test) > AT_ONCE_S
            in_turn.append((turns[file], self.seconds(test), test))
        tests = [test for _, _, test in sorted(in_turn)]
        spent_s = list(accumulate(map(self.seconds, tests)))
        return tests[: max(bisect(spent_s, self.mutant_s), FEWEST)]

    def mark(self, tests: Sequence[str]) -> str:
        """What these tests are, as they stand: what they did not notice once they do not notice again."""
        files = {test.partition("::")[0] for test in tests}
        said = [*tests, *sorted(_record_of(file).name for file in files)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:20]

    def seconds(self, test: str) -> float:
        """How long a test takes."""
        return float(self.tests[test]["seconds"])

    def _running(self, mutant: Mutant) -> list[str]:
        if mutant.statement is not None:
            return [test for test, record in self.tests.items() if mutant.statement in record["statements"]]
        first, last = mutant.lines
        wanted = {(mutant.path, line) for line in range(first, last + 1)}
        return sorted({test for place in wanted for test in self._by_line.get(place, ())})

    def _using(self, mutant: Mutant) -> list[str]:
        """The tests that use what the changed line of the module's own gives a name to, or whose file speaks of it."""
        named = re.match(r"\s*(?:class )?(\w+)", (ROOT / mutant.path).read_text().splitlines()[mutant.lines[0] - 1])
        if not named:
            return []
        using = {test for place in _functions_using(mutant.path, named[1]) for test in self._by_line.get(place, ())}
        speaking = {test for test in self.tests if _speaks_of(test.partition("::")[0], named[1])}
        return sorted(using | speaking)

    def _of_module(self, path: str) -> list[str]:
        paths = [path] if path in self._by_path else [*_importers(path)]
        return sorted({test for one in paths for test in self._by_path.get(one, ())})

    @cached_property
    def _by_line(self) -> dict[tuple[str, int], list[str]]:
        found: dict[tuple[str, int], list[str]] = {}
        for test, record in self.tests.items():
            for path, lines in record["lines"].items():
                for line in lines:
                    found.setdefault((path, line), []).append(test)
        return found

    @cached_property
    def _by_path(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for test, record in self.tests.items():
            for path in record["lines"]:
                found.setdefault(path, []).append(test)
        return found


@cache
def _speaks_of(file: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", (ROOT / file).read_text()) is not None


@cache
def _functions_using(path: str, name: str) -> tuple[tuple[str, int], ...]:
    """Where the statements stand, by file, in which a module's own name is used, or a field of that name."""
    found = []
    for file in sorted((ROOT / "shared").rglob("*.py")):
        tree, place = ast.parse(file.read_text()), str(file.relative_to(ROOT))
        is_known = place == path or any(_is_import_of(node, path, name) for node in ast.walk(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                uses = (inner for inner in ast.walk(node) if _is_named(inner, name, is_known))
                found += [(place, inner.lineno) for inner in uses]
    return tuple(found)


def _is_import_of(node: ast.AST, path: str, name: str) -> bool:
    module = path.removesuffix(".py").replace("/", ".")
    return isinstance(node, ast.ImportFrom) and node.module == module and name in {each.name for each in node.names}


def _is_named(node: ast.AST, name: str, is_known: bool) -> TypeGuard[ast.expr]:
    is_it = is_known and isinstance(node, ast.Name) and node.id == name
    return is_it or (isinstance(node, ast.Attribute) and node.attr == name)


def _importers(path: str) -> Iterable[str]:
    name = path.removesuffix(".py").replace("/", ".")
    for file in (ROOT / "shared").rglob("*.py"):
        if f"from {name} import" in file.read_text():
            yield str(file.relative_to(ROOT))


def read_reach(processes: int, folders: Sequence[str] = TESTS, mutant_s: float = MUTANT_S) -> Reach:
    """Read what is recorded of some folders' tests, after recording what is not."""
    found = (path for place in folders for path in [*(ROOT / place).rglob("test_*.py"), ROOT / place] if path.is_file())
    files = sorted(str(path.relative_to(ROOT)) for path in found)
    stale = [file for file in files if not _record_of(file).exists()]
    if stale:
        print(f"recording what {len(stale)} files of tests reach ...", flush=True)
        _record(stale, processes)
    records = (json.loads(_record_of(file).read_text()).items() for file in files)
    return Reach({test: record for tests in records for test, record in tests}, mutant_s)


def _record(files: Sequence[str], processes: int) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts = [files[number::processes] for number in range(min(processes, len(files)))]
    running = []
    for number, part in enumerate(parts):
        command = [sys.executable, "-m", "pytest", *CHOSEN, "-p", "tests.mutants.recording", *part]
        environment = os.environ | {RECORD_TO: str(FOLDER / f"recorded-{number}.json")}
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
    for number, (part, process) in enumerate(zip(parts, running, strict=True)):
        said, _ = process.communicate()
        if process.returncode not in (0, 5):
            raise SystemExit(f"the sound code must pass its tests before it is changed:\n{said}")
        recorded = json.loads((FOLDER / f"recorded-{number}.json").read_text())
        for file in part:
            mine = {test: record for test, record in recorded.items() if test.partition("::")[0] == file}
            _record_of(file).write_text(json.dumps(mine))


@cache
def _record_of(file: str) -> Path:
    """Where a test file's record is; another file whenever the test or the code is another."""
    digest = hashlib.sha256((ROOT / file).read_bytes() + _code())
    return FOLDER / f"{file.replace('/', '.')}.{digest.hexdigest()[:16]}.json"


@cache
def _code() -> bytes:
    paths = sorted(path for path in (ROOT / "shared").rglob("*") if path.suffix in {".py", ".sql"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).digest()
