"""A payout list is read as a whole or not at all, and every bad row is named."""

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.distributions.csv_import import PayoutList, content_key, parse_payout_list, read_payout_list
from masspayout.kernel.errors import Invalid, InvalidRows, MassPayoutError, NotFound
from masspayout.kernel.money import to_decimal

ADDRESS = "0x" + "aB" * 20


def parse(text: str | bytes, decimals: int = 6) -> PayoutList:
    content = text.encode() if isinstance(text, str) else text
    return parse_payout_list(content.splitlines(keepends=True), decimals, name="list.csv")


def problems_of(text: str | bytes, decimals: int = 6) -> tuple[str, ...]:
    with pytest.raises(InvalidRows) as refusal:
        parse(text, decimals)
    return refusal.value.problems


def test_a_list_is_put_in_order_and_summed() -> None:
    payout_list = parse(f"account_id,amount\n0.0.9,1.5\n{ADDRESS},0.000001\n0.0.10,2\n")
    assert list(payout_list) == [("0.0.10", 2_000_000), ("0.0.9", 1_500_000), (ADDRESS.lower(), 1)]
    assert payout_list.total_units == 3_500_001
    assert len(payout_list) == 3


@pytest.mark.parametrize(
    "text",
    [
        b"account_id,amount\n0.0.1,2\n0.0.3,4",
        b"amount,account_id\n4,0.0.3\n2,0.0.1\n",
        b"account_id,amount\r\n0.0.1,2\r\n0.0.3,4\r\n",
        b"\xef\xbb\xbfaccount_id,amount\n0.0.1,2\n0.0.3,4\n",
        b'"account_id","amount"\n"0.0.1","2"\n"0.0.3","4"\n',
        b"\n\naccount_id,amount\n\n0.0.1,2\n  \n\n0.0.3,4\n\n",
        b" account_id , amount \n 0.0.1 , 2.0 \n0.0.3,\t4.000000000\n",
    ],
    ids=["plain", "columns swapped", "CRLF", "byte-order mark", "quotes", "blank lines", "spaces"],
)
def test_the_same_list_in_another_dress_is_the_same_list(text: bytes) -> None:
    assert list(parse(text)) == [("0.0.1", 2_000_000), ("0.0.3", 4_000_000)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("0.0.7", "line 3: it has 1 field, not 2: '0.0.7'."),
        ("0.0.7,1,000.00", "line 3: it has 3 fields, not 2: '0.0.7,1,000.00'."),
        ('0.0.7,"1', "line 3: its quotes are wrong (unexpected end of data): '0.0.7,\"1'."),
        ("0.0.7," + "1" * 600, "line 3: it is 607 bytes long, which no payment needs."),
        (b"0.0.7,\xff", "line 3: it is not UTF-8 text."),
        ("alice,1", "line 3, account_id: 'alice' is not a valid account id."),
        ("0x12,1", "line 3, account_id: '0x12' is not a valid account id."),
        (",1", "line 3, account_id: '' is not a valid account id."),
        ("0.0.7,-5", "line 3, amount: The amount -5 is negative."),
        ("0.0.7,0.00", "line 3, amount: The amount 0.00 is zero."),
        ("0.0.7,1e5", "line 3, amount: '1e5' is not an amount."),
        ("0.0.7,", "line 3, amount: '' is not an amount."),
        (
            "0.0.7,0.0000001",
            "line 3, amount: The amount 0.0000001 has more decimals than the payment token, which has 6.",
        ),
        ("0.0.1,3", "line 3, account_id: 0.0.1 is already on line 2."),
    ],
)
def test_a_bad_row_is_named_with_its_line_column_and_value(row: str | bytes, problem: str) -> None:
    content = row.encode() if isinstance(row, str) else row
    assert problems_of(b"account_id,amount\n0.0.1,1\n" + content + b"\n0.0.2,1\n") == (problem,)


def test_every_bad_row_is_reported_in_the_order_of_lines() -> None:
    text = f"account_id,amount\n{ADDRESS},1\nbob,0\n0.0.5,1\n\n{ADDRESS.lower()},nan\n0.0.5\n0.0.5,2\n0.0.5,3\n"
    assert problems_of(text) == (
        "line 3, account_id: 'bob' is not a valid account id.",
        "line 3, amount: The amount 0 is zero.",
        f"line 6, account_id: {ADDRESS.lower()} is already on line 2.",
        "line 6, amount: 'nan' is not an amount.",
        "line 7: it has 1 field, not 2: '0.0.5'.",
        "line 8, account_id: 0.0.5 is already on line 4.",
        "line 9, account_id: 0.0.5 is already on line 4.",
    )


def test_the_error_counts_rows_and_carries_all_of_them() -> None:
    with pytest.raises(InvalidRows) as refusal:
        parse("account_id,amount\n" + "carol,0\n" * 1_234)
    assert refusal.value.message == "list.csv has 1,234 bad rows; no row was imported."
    assert len(refusal.value.problems) == 2 * 1_234
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "list.csv is empty."),
        (b"\n \r\n\n", "list.csv is empty."),
        (b"\xef\xbb\xbf", "list.csv is empty."),
        (b"account_id,amount\n", "list.csv has no payments, only a header."),
        (b"0.0.1,5\n", "list.csv has no proper header on line 1: '0.0.1,5'."),
        (b"\naccount,amount\n", "list.csv has no proper header on line 2: 'account,amount'."),
        (b"amount,amount\n", "list.csv has no proper header on line 1: 'amount,amount'."),
        (
            b"account_id,amount,memo\n",
            "list.csv has no proper header on line 1: it has 3 fields, not 2: 'account_id,amount,memo'.",
        ),
    ],
)
def test_a_file_without_payments_or_a_proper_header_is_refused(text: bytes, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(text)
    assert refusal.value.message == sentence
    assert "account_id,amount" in refusal.value.hint


@pytest.mark.parametrize(
    "text", ["account_id,amount\n".encode("utf-16"), "account_id,amount\n".encode("utf-16-le"), b"\0" * 300]
)
def test_text_of_another_encoding_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid, match=r"list\.csv is not UTF-8 text\.") as refusal:
        parse(text)
    assert "Save it as UTF-8" in refusal.value.hint


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"account_id,amount\r\n0.0.1,2.5\r\n")
    assert list(read_payout_list(path, 2)) == [("0.0.1", 250)]
    path.write_bytes(b"account_id,amount\n0.0.1,x\n")
    with pytest.raises(InvalidRows, match=r"list\.csv has 1 bad row;"):
        read_payout_list(path, 2)


def test_a_file_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*absent\.csv\."):
        read_payout_list(tmp_path / "absent.csv", 2)
    with pytest.raises(Invalid, match="cannot be read: is a directory"):
        read_payout_list(tmp_path, 2)
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="cannot be read: not a directory"):
        read_payout_list(tmp_path / "file" / "list.csv", 2)


ROWS = st.dictionaries(st.integers(0, 10**6).map("0.0.{}".format), st.integers(1, 10**24), min_size=1, max_size=30)


@given(ROWS, st.integers(0, 18), st.randoms(use_true_random=False))
def test_what_is_written_is_read_in_any_order_of_rows(
    amounts: dict[str, int], decimals: int, random_order: random.Random
) -> None:
    rows = [f"{account_id},{to_decimal(units, decimals):f}\n" for account_id, units in amounts.items()]
    random_order.shuffle(rows)
    payout_list = parse("account_id,amount\n" + "".join(rows), decimals)
    assert list(payout_list) == sorted(amounts.items())
    assert payout_list.total_units == sum(amounts.values())


FIELDS = st.text(max_size=12) | st.sampled_from(['"', "0.0.1", "1.5", "", '"0.0.2"', "\r", "\0", ADDRESS])
LINES = st.lists(FIELDS, max_size=4).map(",".join).map(str.encode) | st.binary(max_size=30)


@given(st.lists(LINES, max_size=12), st.booleans())
def test_no_content_breaks_the_reader(lines: list[bytes], with_header: bool) -> None:
    content = b"\n".join([b"account_id,amount", *lines] if with_header else lines)
    try:
        payout_list = parse_payout_list(content.splitlines(keepends=True), 6)
    except MassPayoutError as refusal:
        assert refusal.message  # noqa: PT017 - either outcome is right, each with its own duty
        return
    assert payout_list.total_units == sum(payout_list.amounts_units) > 0
    assert len(set(payout_list.account_ids)) == len(payout_list)


def test_the_content_key_recognises_the_same_payout() -> None:
    one = parse(f"account_id,amount\n0.0.1,1\n{ADDRESS},2.50\n")
    same = parse(f"amount,account_id\n2.5,{ADDRESS.lower()}\n1.000,0.0.1\n")
    key = content_key(one, payment_token_id="0.0.77", concept="March")
    assert key == content_key(same, payment_token_id="0.0.77", concept="March")
    assert len(key) == 64


@pytest.mark.parametrize(
    ("text", "payment_token_id", "concept"),
    [
        ("account_id,amount\n0.0.1,1\n", "0.0.77", "April"),
        ("account_id,amount\n0.0.1,1\n", "0.0.77", None),
        ("account_id,amount\n0.0.1,1\n", "0.0.78", "March"),
        ("account_id,amount\n0.0.1,1.000001\n", "0.0.77", "March"),
        ("account_id,amount\n0.0.2,1\n", "0.0.77", "March"),
        ("account_id,amount\n0.0.1,1\n0.0.2,1\n", "0.0.77", "March"),
    ],
)
def test_the_content_key_tells_different_payouts_apart(text: str, payment_token_id: str, concept: str | None) -> None:
    reference = content_key(parse("account_id,amount\n0.0.1,1\n"), payment_token_id="0.0.77", concept="March")
    assert content_key(parse(text), payment_token_id=payment_token_id, concept=concept) != reference


def test_a_long_list_is_held_compactly(tmp_path: Path) -> None:
    """A million rows must stay well below the 400 MB that a process may have: 300 bytes a row at the peak."""
    path = tmp_path / "long.csv"
    numbers = random.Random(1)
    with path.open("w") as file:
        file.write("account_id,amount\n")
        file.writelines(f"0x{numbers.getrandbits(160):040x},{n}.000001\n" for n in range(100_000))
    tracemalloc.start()
    try:
        payout_list = read_payout_list(path, 6)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(payout_list) == 100_000
    assert peak_bytes < 30_000_000
