"""CSV: everybody, in constant memory, and nothing in it that a spreadsheet would run."""

import csv
import io
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.reporting.exports import csv_text, harmless_cell
from payouts import World, accounts

STARTS_A_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@given(st.text())
def test_no_text_is_a_formula_and_none_is_lost(text: str) -> None:
    cell = harmless_cell(text)
    assert not cell.startswith(tuple(STARTS_A_FORMULA))
    assert cell in (text, f"'{text}")


@given(
    st.lists(
        st.lists(
            st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")),
            min_size=2,
            max_size=2,
        )
    )
)
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows)), strict=True))
    assert read == [[harmless_cell(cell) for cell in row] for row in rows]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (7, "7"),
        (-7, "-7"),
        (Decimal("0E-6"), "0.000000"),
        ("=1+1", "'=1+1"),
        ("a=1", "a=1"),
    ],
)
def test_values_are_written_plainly(value: object, cell: str) -> None:
    assert harmless_cell(value) == cell


async def test_everybody_is_in_the_file(admin: httpx.AsyncClient, world: World) -> None:
    distribution = await world.plan()
    async with admin.stream("GET", f"/distributions/{distribution.id}/holders", params={"format": "csv"}) as answer:
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        assert "content-length" not in answer.headers
        rows = list(csv.DictReader(io.StringIO((await answer.aread()).decode())))
    assert [row["account_id"] for row in rows] == sorted(accounts(25))
    assert {(row["payment_amount"], row["paid"], row["failure_code"]) for row in rows} == {("40.000000", "false", "")}
    register = await admin.get(f"/assets/{world.asset.id}/holders", params={"format": "csv"})
    assert len(register.text.splitlines()) == 27
