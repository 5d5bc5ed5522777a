"""Administration of the sandbox: tokens, deposits, freezes, the clock, faults.

The commands ``masspayout sandbox …``, the demo and the tests use it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.next_steps import Action
from masspayout.ledger.failures import describe_failure
from masspayout.ledger.port import TokenInformation
from masspayout.ledger.sandbox.contract_events import emit
from masspayout.ledger.sandbox.execution import deliver_due, find_failures, record, up_to_date
from masspayout.ledger.sandbox.faults import Faults
from masspayout.ledger.sandbox.store import Network, SandboxStore
from masspayout.ledger.sandbox.tokens import find_token, load_holders, mint, require_units, token_exists
from masspayout.ledger.transaction_ids import make_transaction_id

DEFAULT_TREASURY = "0.0.1000"


@dataclass(frozen=True, slots=True)
class Holding:
    """An account's holding of one token."""

    token_id: str
    balance_units: int
    associated: bool
    frozen: bool


@dataclass(frozen=True, slots=True)
class AccountState:
    """The state of an account. One without holdings is unknown to the sandbox."""

    account_id: str
    deleted: bool
    holdings: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class RecordedTransaction:
    """A transaction in the books.

    ``moved_units`` went to ``paid_count`` accounts; ``failed_count`` accounts got nothing.
    """

    transaction_id: str
    kind: str
    result: str
    payer_account_id: str
    token_id: str
    moved_units: int
    paid_count: int
    failed_count: int
    consensus_at: datetime
    memo: str


_ANOTHER_ID = ("Take another id, or: ", Action.RESET_SANDBOX)


class SandboxAdministration:
    """The operator's side of a sandbox. Every method is one transaction."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    async def create_token(
        self,
        token_id: str,
        *,
        name: str,
        symbol: str,
        decimals: int,
        supply_units: int | None = None,
        treasury_account_id: str = DEFAULT_TREASURY,
        holders: Iterable[tuple[str, int]] = (),
    ) -> TokenInformation:
        """Create a token and distribute it to holders; the treasury keeps the rest of the supply.

        Args:
            token_id: The id, in canonical form.
            name: The name.
            symbol: The short name.
            decimals: The decimals of a whole token.
            supply_units: The supply; by default the sum of the holders' amounts.
            treasury_account_id: The account that gets the rest.
            holders: Accounts and amounts, loaded as a stream: millions are fine.

        Raises:
            Conflict: There is such a token already.
            Invalid: A holder occurs twice or has a negative balance, or the supply does not suffice for all.
        """
        async with up_to_date(self._store) as (connection, network):
            if await token_exists(connection, token_id):
                raise Conflict(f"The sandbox has a token {token_id} already.", *_ANOTHER_ID)
            handed_out_units = await load_holders(connection, token_id, holders)
            supply_units = handed_out_units if supply_units is None else supply_units
            if supply_units < handed_out_units:
                raise Invalid(
                    f"The supply of {supply_units} units is less than the {handed_out_units} that holders are to get.",
                    "Raise the supply, or leave it out.",
                )
            await connection.execute(
                """
                INSERT INTO token (
                    token_id, name, symbol, decimals, total_supply_units, treasury_account_id, created_nanos
                )
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                """,
                [token_id, name, symbol, decimals, supply_units, treasury_account_id, network.next_nanos],
            )
            await record(
                connection,
                transaction_id=_operator_transaction_id(treasury_account_id, network),
                kind="CREATE",
                payer_account_id=treasury_account_id,
                token_id=token_id,
                consensus_nanos=network.next_nanos,
                memo=name,
                account_ids=[treasury_account_id],
                amounts_units=[supply_units - handed_out_units],
            )
            return await find_token(connection, token_id)

    async def deposit(
        self, token_id: str, amount_units: int, account_id: str, *, sender_account_id: str | None = None
    ) -> str:
        """Mint into an account, or transfer from another one. Return the transaction's id.

        The account is created and associated if it is new.

        Raises:
            NotFound: There is no such token.
            Invalid: The amount is not above 0.
            Conflict: The account is deleted, frozen or not associated any more, or the sender holds too little.
        """
        if amount_units <= 0:
            raise Invalid(f"{amount_units} units cannot be deposited.", "Give an amount above 0.")
        async with up_to_date(self._store) as (connection, network):
            token = await find_token(connection, token_id)
            code = (await find_failures(connection, token_id, [account_id])).get(account_id)
            if code is not None:
                failure = describe_failure(code)
                raise Conflict(f"{account_id} cannot receive {token_id}: {failure.sentence}", failure.next_step)
            if sender_account_id is None:
                await mint(connection, token_id, amount_units)
            else:
                await require_units(connection, token_id, amount_units, sender_account_id)
            payer = sender_account_id or token.treasury_account_id or DEFAULT_TREASURY
            transaction_id = _operator_transaction_id(payer, network)
            await record(
                connection,
                transaction_id=transaction_id,
                kind="DEPOSIT" if sender_account_id is None else "TRANSFER",
                payer_account_id=payer,
                token_id=token_id,
                consensus_nanos=network.next_nanos,
                memo="deposit",
                account_ids=[account_id],
                amounts_units=[amount_units],
            )
            return transaction_id

    async def emit(
        self, contract_id: str, name: str, payload: Mapping[str, object], *, timestamp_nanos: int | None = None
    ) -> None:
        """Add an event of a contract.

        Args:
            contract_id: The contract, in canonical form.
            name: The kind of event; a listener sets an unknown one aside.
            payload: The values of the event.
            timestamp_nanos: The time, for an event that shows late or together with others; by default now.

        Raises:
            Invalid: The books cannot hold the payload.
        """
        async with up_to_date(self._store) as (connection, network):
            await emit(connection, contract_id, name, payload, timestamp_nanos or network.next_nanos)

    async def freeze(self, account_ids: Sequence[str], token_id: str | None = None) -> None:
        """Freeze accounts for one token, or for all tokens: they neither receive nor send it."""
        await self._mark(account_ids, token_id, frozen=True)

    async def unfreeze(self, account_ids: Sequence[str], token_id: str | None = None) -> None:
        """Undo ``freeze``."""
        await self._mark(account_ids, token_id, frozen=False)

    async def associate(self, account_ids: Sequence[str], token_id: str | None = None) -> None:
        """Associate accounts with one token, or with all tokens.

        New accounts need no association: a transfer creates it.
        """
        await self._mark(account_ids, token_id, associated=True)

    async def dissociate(self, account_ids: Sequence[str], token_id: str | None = None) -> None:
        """Dissociate accounts from one token, or from all tokens. Unlike on Hedera they keep their balances."""
        await self._mark(account_ids, token_id, associated=False)

    async def delete_accounts(self, account_ids: Sequence[str]) -> None:
        """Delete accounts for ever, for all tokens. Unlike on Hedera they keep their balances."""
        async with up_to_date(self._store) as (connection, _):
            await connection.execute(
                "INSERT INTO deleted_account SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [list(account_ids)]
            )

    async def set_paused(self, token_id: str, *, paused: bool) -> None:
        """Pause or unpause a token.

        Raises:
            NotFound: There is no such token.
        """
        async with up_to_date(self._store) as (connection, _):
            await find_token(connection, token_id)
            await connection.execute("UPDATE token SET paused = %s WHERE token_id = %s", [paused, token_id])

    async def account(self, account_id: str) -> AccountState:
        """Return the state of an account."""
        async with up_to_date(self._store) as (connection, _):
            cursor = await connection.execute(
                "SELECT EXISTS (SELECT FROM deleted_account WHERE account_id = %s) AS deleted", [account_id]
            )
            row = await cursor.fetchone()
            cursor = await connection.execute(
                """
                SELECT token_id, balance_units, associated, frozen FROM holding JOIN token USING (token_id)
                WHERE account_id = %s ORDER BY token_id
                """,
                [account_id],
            )
            holdings = [
                Holding(row["token_id"], int(row["balance_units"]), row["associated"], row["frozen"])
                async for row in cursor
            ]
            return AccountState(account_id, deleted=bool(row and row["deleted"]), holdings=holdings)

    async def tokens(self) -> Sequence[TokenInformation]:
        """Return all tokens."""
        async with self._store.connection() as connection:
            cursor = await connection.execute("SELECT token_id FROM token ORDER BY created_nanos")
            return [await find_token(connection, row["token_id"]) for row in await cursor.fetchall()]

    async def count_transactions(self) -> int:
        """Return the number of all transactions in the books."""
        async with self._store.connection() as connection:
            cursor = await connection.execute("SELECT count(*) AS count FROM ledger_transaction")
            row = await cursor.fetchone()
            return 0 if row is None else int(row["count"])

    async def transactions(self, *, limit: int = 20) -> Sequence[RecordedTransaction]:
        """Return the newest transactions, the newest first."""
        await deliver_due(self._store)
        async with self._store.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT transaction_id, kind, result, payer_account_id, token_id, moved_units, consensus_nanos, memo,
                       cardinality(accounts) AS paid_count, cardinality(failed_accounts) AS failed_count
                FROM ledger_transaction ORDER BY consensus_nanos DESC LIMIT %s
                """,
                [limit],
            )
            return [
                RecordedTransaction(
                    row["transaction_id"],
                    row["kind"],
                    row["result"],
                    row["payer_account_id"],
                    row["token_id"],
                    int(row["moved_units"]),
                    row["paid_count"],
                    row["failed_count"],
                    to_datetime(row["consensus_nanos"]),
                    row["memo"],
                )
                async for row in cursor
            ]

    async def faults(self) -> Faults:
        """Return the present faults."""
        async with self._store.locked() as (_, network):
            return network.faults

    async def set_faults(self, faults: Faults) -> None:
        """Replace the faults, for every process that uses this sandbox. ``Faults()`` removes all."""
        async with self._store.locked() as (connection, _):
            await self._store.set_faults(connection, faults)

    async def now(self) -> datetime:
        """Return the ledger's time."""
        async with self._store.locked() as (_, network):
            return to_datetime(network.next_nanos)

    async def advance(self, seconds: float) -> datetime:
        """Advance the ledger's clock, for every process. Return its new time.

        Raises:
            Invalid: The time is not above 0: a ledger's clock never runs backwards.
        """
        if not 0 < seconds < float("inf"):
            raise Invalid(f"The clock cannot be advanced by {seconds} seconds.", "Give a number above 0.")
        async with self._store.locked() as (connection, _):
            await self._store.advance_clock(connection, seconds)
            return to_datetime((await self._store.lock(connection)).next_nanos)

    async def reset(self) -> None:
        """Delete tokens, accounts, transactions and faults; the time stays."""
        await self._store.reset()

    async def _mark(
        self,
        account_ids: Sequence[str],
        token_id: str | None,
        *,
        frozen: bool | None = None,
        associated: bool | None = None,
    ) -> None:
        """Set a flag on holdings. A missing holding is created, so that the flag is remembered."""
        async with up_to_date(self._store) as (connection, _):
            if token_id is not None:
                await find_token(connection, token_id)
            await connection.execute(
                """
                INSERT INTO holding (token_id, account_id, frozen, associated)
                SELECT DISTINCT token_id, account_id,
                       coalesce(%(frozen)s::boolean, false), coalesce(%(associated)s::boolean, true)
                FROM token, unnest(%(account_ids)s::text[]) AS account_id
                WHERE token_id = coalesce(%(token_id)s::text, token_id)
                ON CONFLICT (token_id, account_id) DO UPDATE
                SET frozen = coalesce(%(frozen)s::boolean, holding.frozen),
                    associated = coalesce(%(associated)s::boolean, holding.associated)
                """,
                {
                    "account_ids": list(account_ids),
                    "token_id": token_id,
                    "frozen": frozen,
                    "associated": associated,
                },
            )


def _operator_transaction_id(account_id: str, network: Network) -> str:
    """Return the id of an operator's transaction. Its nonce keeps it apart from the ids of payers."""
    return f"{make_transaction_id(account_id, network.next_nanos)}/1"
