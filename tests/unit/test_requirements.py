"""Each function's requirements.txt lists what the function imports, exactly pinned, and no more."""

import ast
import functools
import re
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["check_threshold", "swap_executed"]
RUN_BY_THE_PLATFORM = {"functions-framework"}
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[0-9][0-9A-Za-z.]*)")


def pins(*paths: str) -> dict[str, str]:
    """The pinned packages of the files at *paths*, normalised name to version."""
    found: dict[str, str] = {}
    for path in paths:
        for line in (ROOT / path).read_text().splitlines():
            if not line or line.startswith(("#", "-c ", "-r ")):
                continue
            match = PIN.fullmatch(line)
            assert match, f"{path}: {line!r} is not name==version"
            version = found.setdefault(normalised(match["name"]), match["version"])
            assert version == match["version"], f"{path}: another version of {match['name']}"
    return found


def normalised(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def providers() -> dict[str, str]:
    """Which installed package each module comes from."""
    found: dict[str, str] = {}
    for distribution in distributions():
        for file in distribution.files or []:
            if file.suffix not in {".py", ".so"} or ".." in file.parts:
                continue
            parts = [*file.parts[:-1], file.name.partition(".")[0]]
            if parts[-1] == "__init__":
                parts.pop()
            found[".".join(parts)] = normalised(distribution.metadata["Name"])
    return found


def provider(module: str) -> str | None:
    """The package that *module*, or the longest beginning of its name, comes from."""
    while module:
        if module in providers():
            return providers()[module]
        module = module.rpartition(".")[0]
    return None


def imports(file: Path) -> Iterator[str]:
    """Every module that *file* imports when it runs, wherever in the file; names may be deeper."""
    todo: list[ast.AST] = [ast.parse(file.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            todo += ast.iter_child_nodes(node)


def own_file(module: str) -> Path | None:
    """The file of shared/ that *module* (or the module before its last name) is."""
    for name in (module, module.rpartition(".")[0]):
        path = ROOT / Path(*name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if name.startswith("shared") and file.is_file():
                return file
    return None


def imported_packages(function: str) -> set[str]:
    """What main.py of *function* imports, itself and through shared/; nothing else is reached."""
    packages, seen = set[str](), set[Path]()
    todo = [ROOT / "functions" / function / "main.py"]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in imports(file):
            own = own_file(module)
            if own is not None:
                todo.append(own)
            elif package := provider(module):
                packages.add(package)
    return packages


@pytest.mark.parametrize("function", FUNCTIONS)
def test_requirements_are_what_is_imported(function: str) -> None:
    """Nothing imported is missing from the list, nothing on the list is unused."""
    listed = set(pins(f"functions/{function}/requirements.txt"))
    assert listed == imported_packages(function) | RUN_BY_THE_PLATFORM


def test_nothing_is_left_to_the_newest_version_of_the_day() -> None:
    """What runs these tests is pinned with all that it brings along, and is what is installed."""
    locked = pins("requirements/constraints.txt", "requirements/dev.txt")
    installed = {normalised(item.metadata["Name"]): item for item in distributions()}
    for name, version in locked.items():
        assert installed[name].version == version
        for text in installed[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert normalised(requirement.name) in locked, f"{name} brings {text}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_requirements_agree_with_the_constraints(function: str) -> None:
    """pip refuses a requirement that its constraints contradict: found here, not when deployed."""
    requirements = pins(f"functions/{function}/requirements.txt")
    constraints = pins("requirements/constraints.txt")
    assert requirements.items() <= constraints.items()
