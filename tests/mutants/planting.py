"""Puts a mutant in the place of the code, in this process alone: the files stay as they are."""

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from types import CodeType, FunctionType, ModuleType

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.sql_mutants import NAME


def plant_before_loading(mutant: Mutant) -> None:
    """Let this process load a mutant instead of the module; nothing of ours may be loaded yet."""
    assert not any(name.partition(".")[0] == "shared" for name in sys.modules), "the code is loaded already"
    sys.meta_path.insert(0, _Finder(mutant))


def is_one_function(mutant: Mutant) -> bool:
    """Tell whether a mutant differs in nothing but one function's body, or is a statement's."""
    return mutant.statement is not None or _changed_function(mutant) is not None


def plant_in_loaded(mutant: Mutant) -> None:
    """Change a statement, or the one function that differs, in code that is loaded already."""
    if mutant.statement is not None:
        _plant_statement(mutant, mutant.statement)
        return
    changed = compile(mutant.source, str(ROOT / mutant.path), "exec", dont_inherit=True)
    name = _changed_function(mutant)
    (code,) = (code for code in _codes(changed) if code.co_qualname == name)
    (function,) = (found for found in _loaded(sys.modules[mutant.module]) if found.__qualname__ == name)
    function.__code__ = code


def _plant_statement(mutant: Mutant, name: str) -> None:
    from shared.outside.statements import STATEMENTS

    blocks = NAME.split(mutant.source)[1:]
    STATEMENTS.texts[name] = dict(zip(blocks[::2], blocks[1::2], strict=True))[name].strip().rstrip(";")
    STATEMENTS._ready.clear()


def _changed_function(mutant: Mutant) -> str | None:
    """The qualified name of the one function whose body differs; None where anything else does."""
    before, after = ast.parse((ROOT / mutant.path).read_text()), ast.parse(mutant.source)
    bodies, others = dict(_taken_out(before)), dict(_taken_out(after))
    changed = [name for name, body in others.items() if body != bodies.get(name)]
    is_the_rest_the_same = bodies.keys() == others.keys() and ast.dump(before) == ast.dump(after)
    return changed[0] if is_the_rest_the_same and len(changed) == 1 else None


def _taken_out(scope: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Take the functions' bodies out of a tree; yields them by qualified name."""
    for node in scope.body:
        if isinstance(node, ast.ClassDef):
            yield from _taken_out(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name, "".join(map(ast.dump, node.body))
            node.body = []


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _loaded(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        for member in vars(value).values() if isinstance(value, type) else (value,):
            unwrapped = member.fget if isinstance(member, property) else member
            unwrapped = getattr(unwrapped, "func", getattr(unwrapped, "__func__", unwrapped))
            unwrapped = getattr(unwrapped, "__wrapped__", unwrapped)
            if isinstance(unwrapped, FunctionType):
                yield unwrapped


class _Loader(SourceFileLoader):
    """Loads a module from another text than the file's."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(ROOT / mutant.path))
        self._source = mutant.source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the mutant, past every cache."""
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        return spec_from_loader(fullname, _Loader(self._mutant), origin=str(ROOT / self._mutant.path))
