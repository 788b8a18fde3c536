"""The figures of docs/economics.md are those that its programs give."""

import re

import pytest

from ops.advice.arrivals import read_csv
from tests.ops.economics.__main__ import CURVE, PAGE, QUIET, data_folder, drawn, put, tables
from tests.ops.economics.tables import scaling


def test_the_made_up_traffics_table_is_what_the_replay_gives() -> None:
    """The architecture document's thresholds, computed again; changed figures would be seen."""
    page = PAGE.read_text()
    assert put(page, {"scaling": scaling()}) == page
    assert put(page, {"scaling": scaling().replace("3.1", "3.2")}) != page


def test_every_table_has_been_written() -> None:
    """No place is empty."""
    places = re.findall(
        r"<!-- (\w+): written by tests\.ops\.economics -->\n(.*?)<!-- end of \1 -->", PAGE.read_text(), re.S
    )
    assert {name for name, text in places if text.count("\n|") > 4} == {"gas", "scaling", "quiet", "burst", "families"}
    assert CURVE.is_file()


@pytest.mark.slow
@pytest.mark.skipif(data_folder() is None, reason="the real payments are not on this machine")
def test_the_real_tables_are_what_the_data_give() -> None:
    """Where the data are at hand, every figure is computed again."""
    folder = data_folder()
    assert folder is not None
    page = PAGE.read_text()
    assert put(page, tables(folder)) == page
    assert drawn(read_csv(folder / QUIET)) == CURVE.read_text()
