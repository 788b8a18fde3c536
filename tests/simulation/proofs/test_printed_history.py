"""The history that docs/reference/simulation.md prints is what its seed tells today."""

import re
from pathlib import Path

from tests.simulation.history.generator import generate
from tests.simulation.history.printing import print_history

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "simulation.md"
PRINTED = re.compile(r"<!-- history (\d+) -->\n```\n(.*?)```\n", re.DOTALL)


def test_the_printed_history_is_the_seed_s() -> None:
    """Whoever reads the page reads what is played; ``--print`` writes the text that belongs here."""
    found = PRINTED.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2].rstrip("\n") == print_history(generate(int(found[1])))
