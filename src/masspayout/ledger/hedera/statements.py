"""The payer statement on Hedera: every debit of an account, from the mirror nodes' list of its transactions.

Only transactions with the result SUCCESS move money; failed ones charge fees. Children of contract calls and scheduled
transactions share an id with another transaction, and have ids of their own here.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import Payment, StatementEntry, StatementPage
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.responses import Token, Transaction
from masspayout.ledger.hedera.transfers import charged_tinybars, moved_units, payer_of
from masspayout.ledger.transaction_ids import make_transaction_id

_SUCCESS = "SUCCESS"

# Mirror nodes answer for 60 days at once at most.
_WINDOW_NANOS = 60 * 86_400 * NANOS_PER_SECOND


class StatementReader:
    """The statements of payers, each from one mirror node: another one may lag by more than its replicas do.

    Args:
        mirror: The mirror nodes.
        first_block: The identity of the network, which they must have.
        margin_seconds: The largest lag between the replicas of a mirror node.
    """

    def __init__(self, mirror: MirrorClient, first_block: FirstBlock, *, margin_seconds: int) -> None:
        self._mirror = mirror
        self._first_block = first_block
        self._margin_nanos = margin_seconds * NANOS_PER_SECOND

    async def pages(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream the statement of a payer after a time, up to the time that all replicas have seen.

        That time is the margin before the end of the newest block: no page is ever read again, so no transaction may
        show up later before the cursor. A replica that is behind would otherwise leave out the newest transactions, and
        look as if there were none. So would a mirror node that is replaced meanwhile by one further behind: the newest
        block is read again before a cursor moves to an end that no transaction marks.

        Raises:
            LedgerUnavailable: A mirror node cannot be read.
        """
        pages = _PageMaker(self._mirror, payer_account_id)
        url, until_nanos = await self._seen_by_all()
        cursor = await self._beginning(payer_account_id) if after is None else after
        while True:
            end_nanos = max(cursor, min(cursor + _WINDOW_NANOS, until_nanos))
            if cursor < end_nanos:
                async for page in self._mirror.transaction_pages(
                    payer_account_id, after_nanos=cursor, until_nanos=end_nanos, url=url
                ):
                    if page.links.next is None:
                        await self._require_seen(end_nanos, url)
                        cursor = end_nanos
                    elif page.transactions:
                        cursor = page.transactions[-1].consensus_timestamp
                    yield await pages.make(page.transactions, cursor)
            else:
                yield await pages.make((), cursor)
            if end_nanos >= until_nanos:
                return

    async def held_units_at(self, account_id: str, token_id: str, at_nanos: int) -> int | None:
        """Return an account's balance of a token at a time: by the snapshot before, and the transactions since.

        None where the mirror nodes keep no snapshot of that account before, or have not seen that time yet; and for the
        HBAR of an account that is as old as its network: no transaction shows its first balance.

        Raises:
            LedgerUnavailable: A mirror node cannot be read.
        """
        url, seen_nanos = await self._seen_by_all()
        if seen_nanos < at_nanos or (token_id == HBAR and await self._created_nanos(account_id) is None):
            return None
        snapshot = await self._mirror.snapshot(account_id, None if token_id == HBAR else token_id, at_nanos, url)
        held = next((one.balance for one in snapshot.balances if one.account == account_id), None)
        taken_nanos = snapshot.timestamp
        if held is None or taken_nanos is None or not 0 <= at_nanos - taken_nanos <= _WINDOW_NANOS:
            return None
        async for page in self._mirror.transaction_pages(
            account_id, after_nanos=taken_nanos, until_nanos=at_nanos, url=url
        ):
            held += sum(_change(row, account_id, token_id) for row in page.transactions)
        await self._require_seen(at_nanos, url)
        return held

    async def _beginning(self, account_id: str) -> int:
        """Return a time before an account's first transaction, as near to it as is known."""
        created_nanos = await self._created_nanos(account_id)
        if created_nanos is not None:
            return created_nanos - 1
        block = await self._mirror.oldest_block()
        if block is None:
            raise LedgerUnavailable("The mirror node knows no block yet.", "Check HEDERA_MIRROR_URLS, and try later.")
        return block.timestamp.from_ - 1

    async def _created_nanos(self, account_id: str) -> int | None:
        account = await self._mirror.account(account_id)
        return None if account is None else account.created_timestamp

    async def _seen_by_all(self) -> tuple[str, int]:
        """Return a mirror node, and the time up to which each replica of it has seen the network; 0 if none has."""
        url = self._mirror.first_choice
        await self._first_block.require_at(url)
        return url, max(0, await self._newest_nanos(url) - self._margin_nanos)

    async def _newest_nanos(self, url: str) -> int:
        block = await self._mirror.newest_block(url)
        return 0 if block is None or block.timestamp.to is None else block.timestamp.to

    async def _require_seen(self, nanos: int, url: str) -> None:
        """Refuse a page up to a time that the mirror node has not seen, though it reported that time before.

        Any replica may answer: one that lags by less than the margin has seen the time.
        """
        seen_nanos = await self._newest_nanos(url)
        if seen_nanos < nanos:
            raise LedgerUnavailable(
                f"The mirror node {url} goes back: it has seen the network up to {to_datetime(seen_nanos)} only.",
                "It is read again; if it stays so, name another mirror node in HEDERA_MIRROR_URLS.",
            )


@dataclass(slots=True)
class _Movements:
    """Movements of one account in one transaction."""

    payments: dict[str, list[Payment]] = field(default_factory=dict)
    received_units: Counter[str] = field(default_factory=Counter)
    fee_units: Counter[str] = field(default_factory=Counter)


class _PageMaker:
    """The conversion of a mirror node's pages into pages of one account's statement."""

    def __init__(self, mirror: MirrorClient, account_id: str) -> None:
        self._mirror = mirror
        self._account_id = account_id
        self._tokens: dict[str, Token | None] = {}

    async def make(self, rows: Sequence[Transaction], cursor: int) -> StatementPage:
        """Return the statement page of some transactions, up to a cursor."""
        await self._learn_tokens(rows)
        detailed = await asyncio.gather(*(self._with_custom_fees(row) for row in rows))
        entries: list[StatementEntry] = []
        received_units: Counter[str] = Counter()
        fee_units: Counter[str] = Counter()
        for row in detailed:
            movements = _movements(row, self._account_id)
            entries.extend(_entries(row, movements, self._account_id))
            received_units.update(movements.received_units)
            fee_units.update(movements.fee_units)
        return StatementPage(entries, cursor, to_datetime(cursor), received_units, fee_units)

    async def _learn_tokens(self, rows: Sequence[Transaction]) -> None:
        moved = {transfer.token_id for row in rows for transfer in row.token_transfers}
        unknown = [token_id for token_id in sorted(moved) if token_id not in self._tokens]
        for token_id, token in zip(unknown, await asyncio.gather(*map(self._mirror.token, unknown)), strict=True):
            self._tokens[token_id] = token

    async def _with_custom_fees(self, row: Transaction) -> Transaction:
        """Return a transaction with the custom fees that it was charged: lists leave them out.

        A lookup is made if a collector of custom fees of a moved token received something, or if the token had other
        fees at the time.
        """
        if row.result != _SUCCESS:
            return row
        got = {one.account for one in row.transfers if one.amount > 0}
        got |= {one.account for one in row.token_transfers if one.amount > 0}
        tokens = [self._tokens[token_id] for token_id in {transfer.token_id for transfer in row.token_transfers}]
        if any(token is None or _may_have_charged(token, row.consensus_timestamp, got) for token in tokens):
            return await self._details(row)
        return row

    async def _details(self, row: Transaction) -> Transaction:
        for one in await self._mirror.transactions(row.transaction_id):
            if one.consensus_timestamp == row.consensus_timestamp:
                return one
        raise LedgerUnavailable(
            f"The mirror node lists {row.transaction_id}, and does not know it by its id.",
            "Try again; if it stays so, name another mirror node in HEDERA_MIRROR_URLS.",
        )


def _may_have_charged(token: Token, at_nanos: int, receivers: Collection[str]) -> bool:
    """Return True if a token's custom fees may have been charged: a collector received something, or fees changed."""
    fees = token.custom_fees
    if fees.created_timestamp is not None and fees.created_timestamp > at_nanos:
        return True
    fixed, fractional = fees.fixed_fees, fees.fractional_fees
    return any(fee.collector_account_id in receivers for fee in fixed) or any(
        fee.collector_account_id in receivers for fee in fractional
    )


def _movements(row: Transaction, account_id: str) -> _Movements:
    """Return the movements of an account. An amount that it lost and nobody received is a fee, so the sum is right."""
    movements = _Movements()
    reward = sum(one.amount for one in row.staking_reward_transfers if one.account == account_id)
    movements.received_units[HBAR] += reward
    if row.result != _SUCCESS:
        movements.fee_units[HBAR] += max(0, reward - _change(row, account_id, HBAR))
        return movements
    if payer_of(row) == account_id:
        movements.fee_units[HBAR] += charged_tinybars(row)
    moved = moved_units(row)
    for (token_id, account), units in moved.items():
        if account != account_id:
            continue
        if units > 0:
            movements.received_units[token_id] += units
            continue
        payments = _payments(moved, token_id, -units)
        if payments:
            movements.payments[token_id] = payments
        movements.fee_units[token_id] += -units - sum(payment.amount_units for payment in payments)
    return movements


def _payments(moved: Mapping[tuple[str, str], int], token_id: str, lost_units: int) -> list[Payment]:
    """Return the payments in a token, up to the amount that one sender lost: others may have sent the rest."""
    payments = []
    for (moved_token_id, account), units in moved.items():
        received_units = min(units, lost_units)
        if moved_token_id == token_id and received_units > 0:
            payments.append(Payment(account, received_units))
            lost_units -= received_units
    return payments


def _entries(row: Transaction, movements: _Movements, account_id: str) -> list[StatementEntry]:
    payer, start_nanos = _split(row)
    return [
        StatementEntry(
            position=row.consensus_timestamp,
            transaction_id=_unique_id(row),
            token_id=token_id,
            payments=payments,
            occurred_at=to_datetime(row.consensus_timestamp),
            mark=base64.b64decode(row.memo_base64 or "").decode(errors="replace") or None,
            number=start_nanos if payer == account_id else None,
        )
        for token_id, payments in movements.payments.items()
    ]


def _split(row: Transaction) -> tuple[str, int]:
    """Return the payer and the start of validity of a transaction id of a mirror node."""
    payer, seconds, nanos = row.transaction_id.split("-")
    return payer, int(seconds) * NANOS_PER_SECOND + int(nanos)


def _unique_id(row: Transaction) -> str:
    """Return the id of a transaction, made unique for those that share it with another one."""
    if row.nonce == 0 and not row.scheduled:
        return make_transaction_id(*_split(row))
    return row.transaction_id + ("?scheduled" if row.scheduled else "") + (f"/{row.nonce}" if row.nonce else "")


def _change(row: Transaction, account_id: str, token_id: str) -> int:
    """Return the change of an account's balance in a token, or in HBAR."""
    if token_id == HBAR:
        return sum(one.amount for one in row.transfers if one.account == account_id)
    return sum(one.amount for one in row.token_transfers if (one.token_id, one.account) == (token_id, account_id))
