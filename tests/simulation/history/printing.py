"""A history on paper: to be read, and to be played again."""

from collections.abc import Iterator

from tests.simulation.history.vocabulary import Action, Check, Fault, Health, History, Pause, Repeat, Wait


def print_history(history: History, broken: object = None) -> str:
    """Write a history, an action a line with its faults beneath, and the rule that it breaks if there is one."""
    head = f"seed {history.seed}: {broken}" if broken is not None else f"seed {history.seed}"
    return "\n".join([head, f"  {history.conditions}", *_lines(history.actions, "  ")])


def _lines(actions: tuple[Action, ...], indent: str) -> Iterator[str]:
    for number, action in enumerate(actions, 1):
        faults = action.faults if isinstance(action, Check | Wait | Repeat | Health) else ()
        text = str(action)
        yield f"{indent}{number}. {text.replace(f', faults={faults}', '').replace(f'faults={faults}', '')}"
        for fault in faults:
            yield from _fault_lines(fault, indent + "   ")


def _fault_lines(fault: Fault, indent: str) -> Iterator[str]:
    where = fault.at if not isinstance(fault.at, int) else f"{fault.kind}, moment {fault.at}"
    if not isinstance(fault.what, Pause):
        yield f"{indent}at {where}: {fault.what}"
        return
    yield f"{indent}at {where}: stands still for {fault.what.seconds} s" + (
        ", meanwhile" if fault.what.meanwhile else ""
    )
    yield from _lines(fault.what.meanwhile, indent + "  ")
