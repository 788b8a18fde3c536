"""The file of the demo's payments is read strictly: a bad line is refused by its number."""

from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.demo.payment_file import BadFileError, FilePayment, read_payments

HEADER = "round,payment_amount_usd,client_id,user_id"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "payments.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_the_demos_own_file_is_readable() -> None:
    """It has payments in several rounds, some of which know their ETH."""
    payments = read_payments(Path(__file__).parents[2] / "sandbox" / "demo" / "payments.csv")

    assert len({payment.round for payment in payments}) > 1
    assert any(payment.outcome_eth for payment in payments)
    assert not all(payment.outcome_eth for payment in payments)


def test_a_line_becomes_a_payment(tmp_path: Path) -> None:
    """Comments and empty lines are skipped, columns may come in any order, blanks are trimmed."""
    file = written(
        tmp_path,
        "# payments of a test",
        "",
        "user_id,round,outcome_eth,client_id,payment_amount_usd",
        '17, 1, , "anna, bob", 12.5',
        "18,1,0.004,carla,99999999.99",
    )

    assert read_payments(file) == [
        FilePayment(1, Decimal("12.5"), "anna, bob", 17, None),
        FilePayment(1, Decimal("99999999.99"), "carla", 18, Decimal("0.004")),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,abc,anna,1", 'payment_amount_usd is "abc"; write dollars'),
        ("1,-5,anna,1", 'payment_amount_usd is "-5"; write dollars'),
        ("1,0.00,anna,1", 'payment_amount_usd is "0.00"; write dollars'),
        ("1,1.005,anna,1", 'payment_amount_usd is "1.005"; write dollars'),
        ("1,1e3,anna,1", 'payment_amount_usd is "1e3"; write dollars'),
        ("1,NaN,anna,1", 'payment_amount_usd is "NaN"; write dollars'),
        ("1,100000000,anna,1", 'payment_amount_usd is "100000000"; write dollars'),
        ("1,,anna,1", 'payment_amount_usd is ""; write dollars'),
        ("1,5.00,,1", 'client_id is ""; write a name of 1 to 14 characters'),
        ("1,5.00,123456789012345,1", "write a name of 1 to 14 characters"),
        ("1,5.00,an\0na,1", "write a name of 1 to 14 characters"),
        ("1,5.00,anna,nobody", 'user_id is "nobody"; write a whole number'),
        ("1,5.00,anna,9223372036854775808", "user_id is"),
        ("first,5.00,anna,1", 'round is "first"; write a whole number'),
        ("0,5.00,anna,1", 'round is "0"; write a whole number'),
        ("1,5.00,anna", "3 values; write 4: round,payment_amount_usd,client_id,user_id"),
        ("1,5.00,anna,1,2", "5 values; write 4"),
        ('1,"5.00,anna,1', "not CSV"),
        ("1;5.00;anna;1", "1 values; write 4"),
    ],
)
def test_a_bad_line_is_refused(tmp_path: Path, line: str, message: str) -> None:
    """The message holds the line's number in the file, what is wrong and what to write."""
    file = written(tmp_path, "# a comment", HEADER, "1,5.00,anna,1", line)

    with pytest.raises(BadFileError) as refusal:
        read_payments(file)
    assert str(refusal.value).startswith("payments.csv line 4: ")
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: the file ends without a payment"),
        ([HEADER], "line 2: the file ends without a payment"),
        (["1,5.00,anna,1"], 'line 1: the column "1" is unknown'),
        (["round,payment_amount_usd,client_id"], "line 1: the column user_id is missing"),
        ([HEADER + ",user_id"], "line 1: a column comes twice"),
        ([HEADER, "2,5.00,anna,1", "1,5.00,anna,1"], "line 3: round 1 after round 2"),
        ([HEADER + ",outcome_eth", "1,5.00,anna,1,lots"], 'line 2: outcome_eth is "lots"'),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    """The column names have to be there, and the rounds in order."""
    file = tmp_path / "payments.csv"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    with pytest.raises(BadFileError) as refusal:
        read_payments(file)
    assert message in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, or not UTF-8."""
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + b"\n1,5.00,Andr\xe9,1\n")

    for path, message in (
        (tmp_path / "missing.csv", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "latin.csv line 2: not UTF-8"),
    ):
        with pytest.raises(BadFileError, match=message):
            read_payments(path)
