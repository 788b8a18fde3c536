"""The house is in order: small rooms, short functions, no circle among modules, no name that says nothing."""

import ast
import subprocess
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENTRIES_MAX = 14
FILE_LINES_MAX = 350
FUNCTION_LINES_MAX = 40
SHORT_FUNCTION_LINES = 25
SHORT_FUNCTIONS_SHARE = 0.9

SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "stuff"}
SERIES = {"docs/decisions", "ops/migrations"}  # numbered: one entry more for each thing of their kind


@cache
def files() -> tuple[Path, ...]:
    """Every file of the repository, from its root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(sorted(path for path in map(Path, listed.stdout.splitlines()) if (ROOT / path).is_file()))


@cache
def trees() -> dict[Path, ast.Module]:
    """Every Python file of ours, read."""
    return {path: ast.parse((ROOT / path).read_text()) for path in files() if path.suffix == ".py"}


def module_name(path: Path) -> str:
    """A file's name as it is imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, from ``def`` to its end; decorators do not count."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def functions() -> dict[str, int]:
    """Every function by place, with its lines."""
    return {
        f"{path}:{node.lineno} {node.name}": own_lines(node)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def imported(tree: ast.Module, modules: set[str]) -> set[str]:
    """The modules of ours that a file needs to be loaded; those imported inside a function are not among them."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(node.module)
    return found & modules


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """A way through the modules that comes back to where it began, or nothing."""
    done, way = set[str](), list[str]()

    def walk(module: str) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        way.append(module)
        for other in sorted(arrows[module]):
            if found := walk(other):
                return found
        done.add(way.pop())
        return []

    return next((found for module in sorted(arrows) if (found := walk(module))), [])


def test_no_room_holds_more_than_fourteen_things() -> None:
    """A folder is a room of two to fourteen things; only the root and the numbered series may hold more."""
    entries = {entry for path in files() for entry in (path, *path.parents) if entry.parts}
    counts = Counter(str(entry.parent) for entry in entries)
    crowded = {folder: count for folder, count in counts.items() if count > ENTRIES_MAX}
    assert {folder: count for folder, count in crowded.items() if folder != "." and folder not in SERIES} == {}


def test_no_file_is_long() -> None:
    """A file of ours can be read in one sitting."""
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in trees()}
    assert {path: count for path, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    """None above forty lines, nine in ten under twenty-five."""
    lines = functions()
    assert {place: count for place, count in lines.items() if count > FUNCTION_LINES_MAX} == {}
    short = sum(count < SHORT_FUNCTION_LINES for count in lines.values())
    assert short >= SHORT_FUNCTIONS_SHARE * len(lines)


def test_no_circle_of_imports() -> None:
    """Modules stand on one another in one direction."""
    modules = {module_name(path): tree for path, tree in trees().items()}
    arrows = {name: imported(tree, set(modules)) - {name} for name, tree in modules.items()}
    assert circle(arrows) == []


def test_a_circle_is_found() -> None:
    """The search itself can fail: a planted circle is found, and only the circle is named."""
    arrows: dict[str, set[str]] = {"door": {"hall"}, "hall": {"kitchen"}, "kitchen": {"hall"}, "garden": set()}
    found = circle(arrows)
    assert found[0] == found[-1]
    assert all(other in arrows[module] for module, other in pairwise(found))
    assert circle(arrows | {"kitchen": set()}) == []


def test_every_name_says_what_is_inside() -> None:
    """No drawer for odds and ends."""
    names = {str(path): {part.lower() for part in path.with_suffix("").parts} for path in files()}
    assert {path for path, parts in names.items() if parts & SAYS_NOTHING} == set()


def test_floors_stand_on_one_another() -> None:
    """The model does no I/O: it imports nothing of the floors above it, and no library that speaks to the outside."""
    for path, tree in trees().items():
        if path.parts[:2] != ("shared", "model"):
            continue
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        above = {name for name in modules if name.startswith(("shared.flow", "shared.outside", "shared.settings"))}
        outside = modules & {"socket", "http.client", "urllib.request", "os", "pathlib", "logging", "time", "random"}
        assert not above | outside, f"{path} imports {sorted(above | outside)}"
