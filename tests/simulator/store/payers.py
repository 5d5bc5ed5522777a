"""The questions of the store port about payers, their statements and adoption, answered from dictionaries."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import cast

from masspayout.db.entities import (
    AttemptStatus,
    EntryAnswer,
    Installation,
    Payer,
    PayerEntry,
)
from masspayout.db.repositories import DatabaseFacts
from masspayout.kernel.errors import DatabaseForgot
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.obligations import Mark
from simulator.store.rows import Row, Transaction, number_id

_MARKED = re.compile(r"mp2 |payout [0-9a-f-]{36} batch |0x[0-9a-f]{64}$")


class PayerRow(Row):
    """A row of ``payer``, which answers what the entity does."""

    is_being_read = Payer.is_being_read


class EntryRow(Row):
    """A row of ``payer_entry``."""


class Tracked:
    """Entities that whoever locked them changes: written back when the unit of work ends."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction
        self._locked: dict[tuple[str, uuid.UUID], Row] = {}

    async def lock(self, table: str, key: uuid.UUID) -> Row:
        """Lock a row, and return a copy that may be changed: the same one each time.

        Raises:
            DatabaseForgot: It is gone.
        """
        await self._t.lock(table, key)
        if self._t.find(table, key) is None:
            raise DatabaseForgot(f"The database does not know {table} {key} any more.")
        if (table, key) not in self._locked:
            self._locked[table, key] = self._t.get(table, key).changed()
        return self._locked[table, key]

    def write_back(self) -> None:
        """Write what was changed."""
        for (table, key), row in self._locked.items():
            if row != self._t.find(table, key):
                self._t.put(table, key, row.changed())


class Payers:
    """Payers and their statements, and what the server tells of the database."""

    def __init__(self, transaction: Transaction, tracked: Tracked, ids: "count[int]") -> None:
        self._t = transaction
        self._tracked = tracked
        self._ids = ids

    async def facts(self) -> DatabaseFacts:
        server = self._t.server
        return DatabaseFacts(server.identity, server.clearance, self._t.now, server.is_synchronous)

    async def installation(self) -> Installation:
        return cast("Installation", self._t.get("installation", "only"))

    async def get(self, entity_id: uuid.UUID) -> Payer:
        return cast("Payer", self._t.get("payer", entity_id))

    async def find_known(self) -> Sequence[Payer]:
        return cast("list[Payer]", [row.changed() for row in self._t.all("payer")])

    async def find_of_account(self, account: str) -> Sequence[Payer]:
        return cast("list[Payer]", [row.changed() for row in self._t.find_by("payer:account", account)])

    async def register(self, ledger: str, account: str, installation: Installation) -> None:
        t = self._t
        await t.lock("payer of", (ledger, account))
        if any(row.ledger == ledger for row in t.find_by("payer:account", account)):
            return
        payer_id = number_id(next(self._ids))
        row = PayerRow(
            id=payer_id,
            ledger=ledger,
            account=account,
            installation=installation.code,
            beginning=None,
            cursor=None,
            read_until=None,
            read_at=None,
            identity=installation.identity,
            doubt_since=None,
            doubt_reason=None,
            read_required_until=None,
            watched_since=None,
            cleared_for=None,
        )
        t.put("payer", payer_id, row, ("payer:account", account))

    async def lock(self, payer_id: uuid.UUID) -> Payer:
        return cast("Payer", await self._tracked.lock("payer", payer_id))

    async def is_cleared(self, payer_id: uuid.UUID | None) -> bool:
        payer = None if payer_id is None else self._t.find("payer", payer_id)
        return payer is not None and payer.cleared_for == self._t.server.clearance

    async def may_miss_payments(self, account: str | None) -> bool:
        identity = self._t.server.identity
        payers = self._t.all("payer") if account is None else self._t.find_by("payer:account", account)
        if not payers:
            return bool((await self.installation()).identity != identity)
        return any(payer.identity != identity or payer.doubt_since is not None for payer in payers)

    async def add_page(self, payer: Payer, page: StatementPage) -> bool:
        t = self._t
        moved = {"cursor": page.cursor, "read_until": page.read_until}
        if await t.change("payer", payer.id, lambda row: row.cursor == payer.cursor, **moved) is None:
            return False
        self._add(payer, page)
        return True

    async def replace_entries(self, payer: Payer, page: StatementPage, after: int) -> None:
        raise NotImplementedError("reconciliation is not simulated")

    def _add(self, payer: Payer, page: StatementPage) -> None:
        t = self._t
        for entry in page.entries:
            values = {
                "position": entry.position,
                "accounts": [payment.account_id for payment in entry.payments],
                "units": [Decimal(payment.amount_units) for payment in entry.payments],
                "mark": entry.mark,
                "number": entry.number,
                "occurred_at": entry.occurred_at,
            }
            place = (payer.id, entry.transaction_id, entry.token_id)
            known = t.find_by("payer_entry:transaction", place)
            if known:
                t.put("payer_entry", known[0].id, known[0].changed(**values))
                continue
            attempts = attempts_of(t, entry.transaction_id)
            row = EntryRow(
                id=number_id(next(self._ids)),
                payer_id=payer.id,
                transaction_id=entry.transaction_id,
                token_id=entry.token_id,
                attempt_id=attempts[0].id if attempts else None,
                answer=None,
                reason=None,
                answered_by=None,
                proposed_answer=None,
                **values,
            )
            indexes = [("payer_entry:transaction", place), ("payer_entry:of", payer.id)]
            indexes += [("payer_entry:id", entry.transaction_id), ("payer_entry:attempt", row.attempt_id)]
            t.put("payer_entry", row.id, row, *indexes)

    async def match(self, payer_id: uuid.UUID) -> int:
        t, matched = self._t, 0
        for row in self._unmatched(payer_id):
            attempts = attempts_of(t, row.transaction_id)
            if attempts and await t.change("payer_entry", row.id, _is_unmatched, attempt_id=attempts[0].id):
                note_attempt(t, row.id, attempts[0].id)
                matched += 1
        return matched

    async def find_unmatched(
        self, payer_id: uuid.UUID, *, after: PayerEntry | None = None, limit: int = 100
    ) -> Sequence[PayerEntry]:
        rows = sorted(self._unmatched(payer_id), key=_place)
        if after is not None:
            rows = [row for row in rows if _place(row) > _place(cast("Row", after))]
        return cast("list[PayerEntry]", rows[:limit])

    async def find_vanished(self, payer: Payer, since: datetime, until: datetime) -> str | None:
        t = self._t
        for distribution in t.find_by("distribution:payer", payer.account):
            if distribution.ledger_identity != payer.ledger:
                continue
            for batch in t.find_by("batch_payout:of", distribution.id):
                for attempt in t.find_by("attempt:batch", batch.id):
                    if (
                        attempt.status is AttemptStatus.SETTLED
                        and since < attempt.settled_at <= until
                        and not any(
                            row.attempt_id == attempt.id for row in t.find_by("payer_entry:attempt", attempt.id)
                        )
                        and any(
                            row.paid and row.attempt_id == attempt.id
                            for row in t.find_by("holder:batch", (distribution.id, batch.batch_number))
                        )
                    ):
                        return str(attempt.transaction_id)
        return None

    async def answer_unmarked(self, payer_id: uuid.UUID, before: datetime, reason: str) -> int:
        answered = 0
        for row in self._unmatched(payer_id):
            if row.occurred_at <= before and not _MARKED.match(row.mark or ""):
                changed = {"answer": EntryAnswer.EARLIER, "reason": reason}
                answered += await self._t.change("payer_entry", row.id, _is_unmatched, **changed) is not None
        return answered

    async def computes_amounts(self, account: str) -> bool:
        return any(row.contract_terms is not None for row in self._t.find_by("distribution:payer", account))

    async def find_entries(self, transaction_id: str) -> Sequence[PayerEntry]:
        return cast("list[PayerEntry]", self._t.find_by("payer_entry:id", transaction_id))

    async def find_unmatched_alike(self, entry: PayerEntry) -> Sequence[PayerEntry]:
        def is_alike(row: Row) -> bool:
            if Mark.read(entry.mark) is not None:
                return bool((row.mark or "").rpartition(" ")[0] == (entry.mark or "").rpartition(" ")[0])
            if (entry.mark or "").startswith("0x"):
                return bool(row.mark == entry.mark)
            return bool(row.id == entry.id)

        rows = [row for row in self._unmatched(entry.payer_id) if row.token_id == entry.token_id and is_alike(row)]
        locked = [await self._tracked.lock("payer_entry", row.id) for row in sorted(rows, key=_place)]
        return cast("list[PayerEntry]", [row for row in locked if _is_unmatched(row)])

    def _unmatched(self, payer_id: uuid.UUID) -> list[Row]:
        return [row for row in self._t.find_by("payer_entry:of", payer_id) if _is_unmatched(row)]


class PayerBalances:
    """What statements come to: not simulated, the oracle is the ledger's own books."""

    async def has_unknown_opening(self, payer_id: uuid.UUID, token_id: str) -> bool:
        return False

    async def set_opening(self, payer_id: uuid.UUID, token_id: str, units: int) -> None:
        pass


def attempts_of(t: Transaction, transaction_id: str) -> list[Row]:
    """Return the attempts with a transaction id, as they are now: one may have been stored and lost."""
    return [row for row in t.find_by("attempt:transaction", transaction_id) if row.transaction_id == transaction_id]


def note_attempt(t: Transaction, entry_id: uuid.UUID, attempt_id: uuid.UUID) -> None:
    """Have an entry be found by the attempt that it is matched with now."""
    t.put("payer_entry", entry_id, t.get("payer_entry", entry_id), ("payer_entry:attempt", attempt_id))


def _is_unmatched(row: Row) -> bool:
    return row.attempt_id is None and row.answer is None


def _place(row: Row) -> tuple[int, uuid.UUID]:
    return row.position, row.id
