"""A shell in which the operators' verbs are typed, on a database and peers of the test's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ops.command_line.root import main
from tests.rig import Rig


@dataclass(frozen=True)
class Typed:
    """What a verb came to: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


Shell = Callable[..., Typed]


@pytest.fixture
def bare_shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Type verbs in the environment as it is."""

    def type_verb(*arguments: object) -> Typed:
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Typed(code, told.out, told.err)

    return type_verb


@pytest.fixture
def shell(rig: Rig, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Type verbs with the settings of the rig's functions in the environment."""
    for name, value in rig.environment.items():
        monkeypatch.setenv(name, value)
    return bare_shell
