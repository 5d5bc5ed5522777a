"""Events of the sandbox's contracts: deposits, transfers of tokens, and events that the operator emits.

Deposits and transfers are read from the books. An account's deposit is event 0 of its moment, a token's transfer event
1, so that ids may be both; emitted events have indexes from 2.
"""

from collections.abc import AsyncIterator, Mapping

import psycopg
from psycopg.types.json import Jsonb

from masspayout.kernel.errors import Invalid
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.sandbox.store import Connection, SandboxStore


async def emit(
    connection: Connection, contract_id: str, name: str, payload: Mapping[str, object], timestamp_nanos: int
) -> None:
    """Store an event after those that the contract has at the same moment.

    Raises:
        Invalid: The books cannot hold the event: it has a NUL in it.
    """
    try:
        await connection.execute(
            """
            INSERT INTO contract_event (contract_id, timestamp_nanos, event_index, name, payload)
            SELECT %(contract_id)s, %(nanos)s, coalesce(max(event_index), 1) + 1, %(name)s, %(payload)s
            FROM contract_event WHERE contract_id = %(contract_id)s AND timestamp_nanos = %(nanos)s
            """,
            {"contract_id": contract_id, "nanos": timestamp_nanos, "name": name, "payload": Jsonb(dict(payload))},
        )
    except psycopg.DataError as error:
        raise Invalid(f"The event {name!r} cannot be kept: {error.diag.message_primary or error}.") from error


async def stream_events(
    store: SandboxStore, contract_id: str, *, after: tuple[int, int], until_nanos: int
) -> AsyncIterator[LedgerEvent]:
    """Stream the events of a contract, account or token after a cursor of (nanoseconds, index), in order."""
    async with store.connection() as connection, connection.cursor(name="events") as cursor:
        # Payments by the account itself are by far the most rows: they are filtered out before their arrays are read.
        await cursor.execute(
            """
            SELECT timestamp_nanos, event_index, name, payload
            FROM (
                SELECT consensus_nanos AS timestamp_nanos, 0 AS event_index, 'Deposit' AS name,
                       jsonb_build_object('token_id', token_id, 'from', payer_account_id,
                                          'amount_units', received.units, 'transaction_id', transaction_id) AS payload
                FROM ledger_transaction, unnest(accounts, amounts_units) AS received (account_id, units)
                WHERE consensus_nanos BETWEEN %(after_nanos)s AND %(until_nanos)s
                  AND (kind = 'DEPOSIT' OR payer_account_id <> %(contract_id)s)
                  AND received.account_id = %(contract_id)s
                UNION ALL
                SELECT consensus_nanos, 1, 'Transfer',
                       jsonb_build_object('from', payer_account_id, 'recipients', cardinality(accounts),
                                          'amount_units', moved_units, 'transaction_id', transaction_id)
                FROM ledger_transaction
                WHERE consensus_nanos BETWEEN %(after_nanos)s AND %(until_nanos)s
                  AND token_id = %(contract_id)s AND moved_units > 0
                UNION ALL
                SELECT timestamp_nanos, event_index, name, payload
                FROM contract_event
                WHERE contract_id = %(contract_id)s
                  AND timestamp_nanos BETWEEN %(after_nanos)s AND %(until_nanos)s
            ) AS event
            WHERE (timestamp_nanos, event_index) > (%(after_nanos)s, %(after_index)s)
            ORDER BY timestamp_nanos, event_index
            """,
            {
                "contract_id": contract_id,
                "after_nanos": after[0],
                "after_index": after[1],
                "until_nanos": until_nanos,
            },
        )
        async for row in cursor:
            yield LedgerEvent(
                contract_id=contract_id,
                timestamp_nanos=row["timestamp_nanos"],
                index=row["event_index"],
                name=row["name"],
                payload=row["payload"],
            )
