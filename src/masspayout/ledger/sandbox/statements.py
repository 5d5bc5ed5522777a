"""The payer statement from the sandbox's books."""

from collections import Counter
from collections.abc import AsyncIterator

from psycopg.rows import DictRow

from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.movements import Payment, StatementEntry, StatementPage
from masspayout.ledger.sandbox.store import Connection, SandboxStore
from masspayout.ledger.transaction_ids import split_transaction_id

_PAGE_SIZE = 100


async def stream_statement(
    store: SandboxStore, payer_account_id: str, *, after_nanos: int, until_nanos: int
) -> AsyncIterator[StatementPage]:
    """Stream a payer's payments and receipts, in pages, after a time and up to one."""
    cursor_nanos = after_nanos
    while True:
        async with store.reading() as connection:
            rows = await _read_rows(connection, payer_account_id, cursor_nanos, until_nanos)
        is_last = len(rows) < _PAGE_SIZE
        cursor_nanos = max(after_nanos, until_nanos) if is_last else rows[-1]["consensus_nanos"]
        yield _page(rows, payer_account_id, cursor_nanos)
        if is_last:
            return


async def find_held_units(connection: Connection, payer_account_id: str, token_id: str, at_nanos: int) -> int:
    """Return an account's balance of a token at a time: its present balance, less later movements."""
    cursor = await connection.execute(
        """
        SELECT coalesce((
                   SELECT balance_units FROM holding
                   WHERE token_id = %(token_id)s AND account_id = %(account_id)s
               ), 0)
             - coalesce((
                   SELECT sum(received.units)
                   FROM ledger_transaction AS t, unnest(t.accounts, t.amounts_units) AS received (account_id, units)
                   WHERE t.token_id = %(token_id)s AND t.consensus_nanos > %(at_nanos)s
                     AND received.account_id = %(account_id)s
               ), 0)
             + coalesce((
                   SELECT sum(moved_units) FROM ledger_transaction
                   WHERE token_id = %(token_id)s AND consensus_nanos > %(at_nanos)s AND kind = 'TRANSFER'
                     AND payer_account_id = %(account_id)s
               ), 0) AS held_units
        """,
        {"token_id": token_id, "account_id": payer_account_id, "at_nanos": at_nanos},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row["held_units"])


async def _read_rows(
    connection: Connection, payer_account_id: str, after_nanos: int, until_nanos: int
) -> list[DictRow]:
    cursor = await connection.execute(
        """
        SELECT transaction_id, kind, payer_account_id, token_id, accounts, amounts_units, moved_units, consensus_nanos,
               memo
          FROM ledger_transaction
         WHERE consensus_nanos > %(after)s AND consensus_nanos <= %(until)s AND moved_units > 0
           AND (payer_account_id = %(payer)s AND kind = 'TRANSFER' OR accounts @> ARRAY[%(payer)s::text])
         ORDER BY consensus_nanos LIMIT %(limit)s
        """,
        {"payer": payer_account_id, "after": after_nanos, "until": until_nanos, "limit": _PAGE_SIZE},
    )
    return await cursor.fetchall()


def _page(rows: list[DictRow], payer_account_id: str, cursor_nanos: int) -> StatementPage:
    received_units: Counter[str] = Counter()
    for row in rows:
        if payer_account_id in row["accounts"]:
            units = dict(zip(row["accounts"], row["amounts_units"], strict=True))[payer_account_id]
            received_units[row["token_id"]] += int(units)
    entries = [_entry(row) for row in rows if row["kind"] == "TRANSFER" and row["payer_account_id"] == payer_account_id]
    return StatementPage(entries, cursor_nanos, to_datetime(cursor_nanos), received_units)


def _entry(row: DictRow) -> StatementEntry:
    _, valid_start_nanos = split_transaction_id(row["transaction_id"])
    payments = zip(row["accounts"], row["amounts_units"], strict=True)
    return StatementEntry(
        position=row["consensus_nanos"],
        transaction_id=row["transaction_id"],
        token_id=row["token_id"],
        payments=[Payment(account_id, int(units)) for account_id, units in payments],
        occurred_at=to_datetime(row["consensus_nanos"]),
        mark=row["memo"],
        number=valid_start_nanos,
    )
