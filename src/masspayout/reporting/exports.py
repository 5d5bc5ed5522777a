"""Exports: lists of any size as CSV, in constant memory, harmless to spreadsheets.

A spreadsheet runs a cell that begins like a formula. Such a cell gets an apostrophe in front, which makes it text.
"""

import csv
import io
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from masspayout.db.entities import Distribution, Entitlement, RegisterEntry
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.payout_terms import TERMS

ENTITLEMENT_COLUMNS = ("account_id", "balance", "payment_amount", "paid", "failure_code")
EXPORTED_TERMS = tuple(name for name, term in TERMS.items() if term.is_exported)
REGISTER_COLUMNS = ("account_id", "balance")

_CHUNK_SIZE = 2000
_STARTS_A_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)


def harmless_cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula. Numbers of ours stay as they are."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return f"{value:f}" if hasattr(value, "as_tuple") else str(value)
    return f"'{value}" if value.startswith(_STARTS_A_FORMULA) else value


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([harmless_cell(value) for value in row] for row in rows)
    return text.getvalue()


def entitlements_csv(database: Database, distribution: Distribution) -> AsyncIterator[str]:
    """Stream the entitlements of a distribution, each with the terms that bookkeepers know the payout by."""

    def find_after(work: UnitOfWork, account_id: str) -> Awaitable[Sequence[Entitlement]]:
        return work.entitlements(distribution).find_after(account_id, _CHUNK_SIZE)

    terms = {name: getattr(distribution, name) for name in EXPORTED_TERMS}
    return _csv(database, ENTITLEMENT_COLUMNS, find_after, terms)


def register_csv(database: Database, asset_id: uuid.UUID) -> AsyncIterator[str]:
    """Stream the holders of an asset, with balances in smallest units."""

    def find_after(work: UnitOfWork, account_id: str) -> Awaitable[Sequence[RegisterEntry]]:
        return work.holders.find_register_after(asset_id, account_id, _CHUNK_SIZE)

    return _csv(database, REGISTER_COLUMNS, find_after)


async def _csv(
    database: Database,
    columns: Sequence[str],
    find_after: Callable[[UnitOfWork, str], Awaitable[Sequence[Entitlement | RegisterEntry]]],
    of_all: Mapping[str, Any] = MappingProxyType({}),
) -> AsyncIterator[str]:
    """Yield holders by account id, some thousand lines at a time.

    No connection is held between two pages, so a slow reader keeps nobody waiting.
    """
    yield csv_text([(*columns, *of_all)])
    last = ""
    while True:
        async with database.single_statement() as work:
            holders = await find_after(work, last)
        if not holders:
            return
        yield csv_text((*(getattr(holder, column) for column in columns), *of_all.values()) for holder in holders)
        last = holders[-1].account_id
