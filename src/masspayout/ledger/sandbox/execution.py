"""Execution of a transaction that reaches the sandbox: the rules of the network, then the books.

All of this runs under the ledger's lock, inside one database transaction.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from psycopg.rows import DictRow

from masspayout.kernel.errors import LedgerRejected
from masspayout.ledger.sandbox.faults import strikes
from masspayout.ledger.sandbox.store import Connection, Network, SandboxStore, the_row
from masspayout.ledger.sandbox.transactions import SandboxTransaction

SUCCESS = "SUCCESS"
_BUSY = "THROTTLED_AT_CONSENSUS"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a transaction: ``code`` when it pays nobody, otherwise the failures by account."""

    code: str = SUCCESS
    failures: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def up_to_date(store: SandboxStore) -> AsyncIterator[tuple[Connection, Network]]:
    """Open the only transaction of the ledger, after the delivery of the delayed ones that are due, of all senders."""
    async with store.locked() as (connection, network):
        yield connection, await _deliver_due(store, connection, network) if network.anything_due else network


async def deliver_due(store: SandboxStore) -> Network:
    """Deliver the delayed transactions that are due. Return the state of the network afterwards."""
    async with up_to_date(store) as (_, network):
        return network


async def _deliver_due(store: SandboxStore, connection: Connection, network: Network) -> Network:
    cursor = await connection.execute(
        """
        DELETE FROM in_transit WHERE deliver_at_nanos <= %s
        RETURNING signed_bytes, deliver_at_nanos, id
        """,
        [network.next_nanos],
    )
    for row in sorted(await cursor.fetchall(), key=_arrival):
        transaction = SandboxTransaction.from_bytes(row["signed_bytes"])
        if _refusal(transaction, network) is None:
            await execute(connection, transaction, network)
            network = await store.lock(connection)
    return network


async def execute(connection: Connection, transaction: SandboxTransaction, network: Network) -> None:
    """Execute a transaction, unless its id was used before; then nothing happens, as on Hedera.

    Raises:
        LedgerRejected: The transaction is refused on arrival: too early, or too late. Its id stays unused.
    """
    position = await _look_up(connection, transaction)
    if position["is_known"]:
        return
    refusal = _refusal(transaction, network)
    if refusal is not None:
        raise refusal
    if strikes(network.faults.busy_percent):
        verdict = Verdict(_BUSY)
    else:
        verdict = await _judge(connection, transaction, position, network.faults.rejections)
    await _enter(connection, transaction, verdict, network.next_nanos)


async def find_failures(connection: Connection, token_id: str, account_ids: Sequence[str]) -> dict[str, str]:
    """Return the accounts that cannot receive (or send) a token, each with the failure code.

    Accounts that the ledger does not know do not fail: their first transfer creates and associates them.
    """
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (account_id) account_id, code
        FROM (
            SELECT account_id, 'ACCOUNT_DELETED' AS code, 1 AS precedence
            FROM deleted_account WHERE account_id = ANY(%(account_ids)s)
            UNION ALL
            SELECT account_id,
                   CASE WHEN frozen AND associated THEN 'ACCOUNT_FROZEN_FOR_TOKEN'
                        ELSE 'TOKEN_NOT_ASSOCIATED_TO_ACCOUNT' END,
                   2
            FROM holding
            WHERE token_id = %(token_id)s AND account_id = ANY(%(account_ids)s) AND (frozen OR NOT associated)
        ) AS failure
        ORDER BY account_id, precedence
        """,
        {"account_ids": list(account_ids), "token_id": token_id},
    )
    return {row["account_id"]: row["code"] for row in await cursor.fetchall()}


async def record(
    connection: Connection,
    *,
    transaction_id: str,
    kind: str,
    payer_account_id: str,
    token_id: str,
    consensus_nanos: int,
    memo: str,
    verdict: Verdict | None = None,
    account_ids: Sequence[str] = (),
    amounts_units: Sequence[int] = (),
) -> None:
    """Debit a payer, credit accounts, creating and associating those that are new, and write down the transaction.

    The transaction's id is used up from now on, with any verdict. One statement does it all, so that the lists travel
    once.
    """
    verdict = verdict or Verdict()
    await connection.execute(
        """
        WITH paid AS (
            SELECT * FROM unnest(
                string_to_array(%(account_ids)s, ','), string_to_array(%(amounts_units)s, ',')::numeric[]
            ) AS paid (account_id, units)
        ), credit AS (
            INSERT INTO holding (token_id, account_id, balance_units)
            SELECT %(token_id)s, account_id, units FROM paid
            WHERE account_id <> %(debited_account_id)s
            ON CONFLICT (token_id, account_id)
            DO UPDATE SET balance_units = holding.balance_units + excluded.balance_units
        ), debit AS (
            UPDATE holding
            SET balance_units = balance_units - (
                SELECT coalesce(sum(units), 0) FROM paid WHERE account_id <> %(debited_account_id)s)
            WHERE token_id = %(token_id)s AND account_id = %(debited_account_id)s
        )
        INSERT INTO ledger_transaction (transaction_id, kind, result, payer_account_id, token_id, accounts,
            amounts_units, moved_units, failed_accounts, failure_codes, consensus_nanos, memo)
        VALUES (%(transaction_id)s, %(kind)s, %(result)s, %(payer_account_id)s, %(token_id)s,
            string_to_array(%(account_ids)s, ','), string_to_array(%(amounts_units)s, ',')::numeric[],
            %(moved_units)s, %(failed_accounts)s, %(failure_codes)s, %(consensus_nanos)s, %(memo)s)
        """,
        {
            "transaction_id": transaction_id,
            "kind": kind,
            "result": verdict.code,
            "payer_account_id": payer_account_id,
            # A payment to oneself moves nothing, and no statement may change a row twice.
            "debited_account_id": payer_account_id if kind == "TRANSFER" else "",
            "token_id": token_id,
            "account_ids": _joined(account_ids),
            "amounts_units": _joined(amounts_units),
            "moved_units": Decimal(sum(amounts_units)),
            "failed_accounts": list(verdict.failures),
            "failure_codes": list(verdict.failures.values()),
            "consensus_nanos": consensus_nanos,
            "memo": memo,
        },
    )


def _joined(values: Iterable[str | int]) -> str:
    """Return a long list as one text: the driver takes far longer over an array. No account id has a comma in it."""
    return ",".join(map(str, values))


def _arrival(row: DictRow) -> tuple[int, int]:
    return row["deliver_at_nanos"], row["id"]


async def _look_up(connection: Connection, transaction: SandboxTransaction) -> DictRow:
    """Return whether the id was used before, with the state of token, payer and recipients.

    ``paused`` is NULL for an unknown token. ``is_obstructed`` is true if any account cannot receive or send.
    """
    cursor = await connection.execute(
        """
        SELECT EXISTS (SELECT FROM ledger_transaction WHERE transaction_id = %(transaction_id)s) AS is_known,
               (SELECT paused FROM token WHERE token_id = %(token_id)s) AS paused,
               coalesce((
                   SELECT balance_units FROM holding
                   WHERE token_id = %(token_id)s AND account_id = %(payer_account_id)s
               ), 0) AS balance_units,
               EXISTS (
                   SELECT FROM holding
                   WHERE token_id = %(token_id)s AND account_id = ANY(string_to_array(%(account_ids)s, ','))
                     AND (frozen OR NOT associated)
               ) OR EXISTS (
                   SELECT FROM deleted_account WHERE account_id = ANY(string_to_array(%(account_ids)s, ','))
               ) AS is_obstructed
        """,
        {
            "transaction_id": transaction.transaction_id,
            "token_id": transaction.token_id,
            "payer_account_id": transaction.payer_account_id,
            "account_ids": _joined([transaction.payer_account_id, *transaction.accounts]),
        },
    )
    return await the_row(cursor)


def _refusal(transaction: SandboxTransaction, network: Network) -> LedgerRejected | None:
    """Return the error of a transaction that the network does not take now, if any."""
    if transaction.valid_seconds > network.longest_valid_seconds:
        return LedgerRejected(
            "INVALID_TRANSACTION_DURATION",
            f"{transaction.transaction_id} is valid for {transaction.valid_seconds} seconds; "
            f"the sandbox takes {network.longest_valid_seconds} at most.",
            "It was signed for another sandbox.",
        )
    if network.next_nanos > transaction.expires_nanos:
        return LedgerRejected(
            "TRANSACTION_EXPIRED",
            f"{transaction.transaction_id} was valid for {transaction.valid_seconds} seconds and came too late.",
            "It is signed anew once it is proven dead.",
        )
    if transaction.valid_start_nanos >= network.next_nanos:
        return LedgerRejected(
            "INVALID_TRANSACTION_START",
            f"{transaction.transaction_id} starts to be valid only after the ledger's time.",
            "Set the clock of the machine that signs, then retry.",
        )
    return None


async def _judge(
    connection: Connection, transaction: SandboxTransaction, position: DictRow, rejections: Mapping[str, str]
) -> Verdict:
    """Return the verdict on a transaction: failures of all first; then, in its order, those of the recipients."""
    if position["paused"] is None:
        return Verdict("INVALID_TOKEN_ID")
    if position["paused"]:
        return Verdict("TOKEN_IS_PAUSED")
    payer = transaction.payer_account_id
    failures = dict[str, str]()
    if position["is_obstructed"]:
        failures = await find_failures(connection, transaction.token_id, [payer, *transaction.accounts])
    if payer in failures:
        return Verdict("PAYER_NOT_ABLE")
    failures |= rejections
    failures = {account: failures[account] for account in transaction.accounts if account in failures}
    payments = zip(transaction.accounts, transaction.amounts_units, strict=True)
    needed_units = sum(units for account, units in payments if transaction.atomic or account not in failures)
    if position["balance_units"] < needed_units:
        return Verdict("INSUFFICIENT_TOKEN_BALANCE")
    if transaction.atomic and failures:
        return Verdict(next(iter(failures.values())))
    return Verdict(failures=failures)


async def _enter(
    connection: Connection, transaction: SandboxTransaction, verdict: Verdict, consensus_nanos: int
) -> None:
    """Move the money of a judged transaction, and record it."""
    paid = [
        (account, units)
        for account, units in zip(transaction.accounts, transaction.amounts_units, strict=True)
        if verdict.code == SUCCESS and account not in verdict.failures
    ]
    account_ids = [account for account, _ in paid]
    amounts_units = [units for _, units in paid]
    await record(
        connection,
        transaction_id=transaction.transaction_id,
        kind="TRANSFER",
        payer_account_id=transaction.payer_account_id,
        token_id=transaction.token_id,
        consensus_nanos=consensus_nanos,
        memo=transaction.memo,
        verdict=verdict,
        account_ids=account_ids,
        amounts_units=amounts_units,
    )
