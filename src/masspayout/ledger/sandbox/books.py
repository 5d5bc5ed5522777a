"""Queries on the sandbox's books that do not hold up the ledger: holders at a time, payments."""

from collections.abc import AsyncIterator, Mapping, Sequence

from psycopg.rows import DictRow

from masspayout.ledger.port import HolderBalance
from masspayout.ledger.sandbox.store import Connection, SandboxStore

_PAGE_SIZE = 5_000


async def stream_holders(store: SandboxStore, token_id: str, at_nanos: int) -> AsyncIterator[Sequence[HolderBalance]]:
    """Stream the holders of a token at a time: their present balances, less later transactions.

    One cursor reads one snapshot, and transactions that are recorded after its opening are later than ``at_nanos``; so
    the pages are of one moment, however long their reading takes.
    """
    async with store.connection() as connection, connection.cursor(name="holders") as cursor:
        await cursor.execute(
            """
            WITH later AS (
                SELECT * FROM ledger_transaction WHERE token_id = %(token_id)s AND consensus_nanos > %(at_nanos)s
            ), moved AS (
                SELECT account_id, sum(units) AS units
                FROM (
                    SELECT received.account_id, received.units
                    FROM later, unnest(later.accounts, later.amounts_units) AS received (account_id, units)
                    UNION ALL
                    SELECT payer_account_id, -moved_units FROM later WHERE kind = 'TRANSFER'
                ) AS movement
                GROUP BY account_id
            )
            SELECT account_id, balance_units - coalesce(moved.units, 0) AS balance_units
            FROM holding LEFT JOIN moved USING (account_id)
            WHERE token_id = %(token_id)s AND balance_units - coalesce(moved.units, 0) > 0
              AND EXISTS (SELECT FROM token WHERE token.token_id = %(token_id)s AND created_nanos <= %(at_nanos)s)
            """,
            {"token_id": token_id, "at_nanos": at_nanos},
        )
        while rows := await cursor.fetchmany(_PAGE_SIZE):
            yield [HolderBalance(row["account_id"], int(row["balance_units"])) for row in rows]


async def find_result(connection: Connection, transaction_id: str, *, until_nanos: int | None = None) -> DictRow | None:
    """Return the result of a transaction up to a time; without a time, if the mirror does not lag behind."""
    cursor = await connection.execute(
        """
        SELECT result, failed_accounts, failure_codes, consensus_nanos
        FROM ledger_transaction, network
        WHERE transaction_id = %(transaction_id)s
          AND CASE WHEN %(until_nanos)s::bigint IS NULL
                   THEN coalesce((faults ->> 'mirror_lag_seconds')::float8, 0) = 0
                   ELSE consensus_nanos <= %(until_nanos)s::bigint END
        """,
        {"transaction_id": transaction_id, "until_nanos": until_nanos},
    )
    return await cursor.fetchone()


async def find_transferred_units(
    connection: Connection, transaction_ids: Sequence[str], *, until_nanos: int
) -> Mapping[tuple[str, str], int]:
    """Return the amounts that transfers up to a time moved to each recipient, by (transaction id, account id)."""
    cursor = await connection.execute(
        """
        SELECT transaction_id, paid.account_id, paid.units
        FROM ledger_transaction, unnest(accounts, amounts_units) AS paid (account_id, units)
        WHERE transaction_id = ANY(%s) AND consensus_nanos <= %s
        """,
        [list(transaction_ids), until_nanos],
    )
    return {(row["transaction_id"], row["account_id"]): int(row["units"]) async for row in cursor}
