"""Queries on ``audit_entry`` and ``audit_head``."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, event, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from masspayout.db.commit_hooks import add_commit_hook
from masspayout.db.entities import AuditEntry, AuditHead
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import uuid7
from masspayout.kernel.json_forms import json_form

FIRST_PREVIOUS_HASH = "0" * 64
_NOTED = "noted for the audit trail"

# What the hash covers: every column but the hash itself.
_HASHED = tuple(column.name for column in AuditEntry.__table__.columns if column.name != "hash")


class AuditEntries(Repository[AuditEntry]):
    """The audit trail: entries are added at its end, and never changed."""

    entity = AuditEntry
    noun = "audit entry"

    def note(self, **columns: Any) -> None:
        """Have an entry written when the session's unit of work ends, as its last statements.

        The end of the chain is locked only then, for as long as it takes to commit. What is rolled back to a savepoint
        takes its entries with it.
        """
        session = self.session.sync_session
        transaction = session.get_nested_transaction() or session.get_transaction()
        noted = session.info.setdefault(_NOTED, [])
        noted.append((transaction, {"id": uuid7(), **columns}))
        add_commit_hook(self.session, _write_noted)

    async def find(
        self,
        *,
        subject_id: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        page: int = 1,
        limit: int = 20,
    ) -> Page[AuditEntry]:
        """Return one page of the trail, the latest first, with the length of what is asked for.

        Args:
            subject_id: Only what was done to this.
            action: Only this kind of thing, such as ``distribution.executed``.
            actor: Only what somebody of this id or name did.
            page: Which page, from 1.
            limit: How many entries a page has.
        """
        conditions: list[ColumnElement[bool]] = []
        if subject_id is not None:
            conditions.append(AuditEntry.subject_id == subject_id)
        if action is not None:
            conditions.append(AuditEntry.action == action)
        if actor is not None:
            conditions.append((AuditEntry.actor_id == actor) | (AuditEntry.actor_name == actor))
        rows = select(AuditEntry).where(*conditions).order_by(AuditEntry.number.desc())
        return await read_page(self.session, rows, page, limit)

    async def see_one_moment(self) -> None:
        """Read the trail and its head as of one moment, whatever is added meanwhile; before the first other query."""
        await self.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})

    async def head(self) -> tuple[int, str]:
        """Return the number and the hash of the last entry that was written."""
        row = (await self.session.execute(select(AuditHead.number, AuditHead.hash))).one()
        return row.number, row.hash

    async def stream(self, *, after: int = 0, until: int | None = None) -> AsyncIterator[AuditEntry]:
        """Yield the trail, oldest first, in constant memory: all of it, or what has numbers in between.

        Whoever reads may take their time: the transaction locks nothing.
        """
        await self.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        conditions = [AuditEntry.number > after] if after else []
        if until is not None:
            conditions.append(AuditEntry.number <= until)
        query = select(AuditEntry).where(*conditions).order_by(AuditEntry.number, AuditEntry.id)
        query = query.execution_options(yield_per=1000)
        async for entry in await self.session.stream_scalars(query):
            yield entry
            self.session.expunge(entry)


def hash_of(entry: AuditEntry) -> str:
    """Return the hash that an entry must have, from all of its other columns."""
    return _hash({name: getattr(entry, name) for name in _HASHED})


def _hash(columns: Mapping[str, Any]) -> str:
    written = json.dumps(columns, default=json_form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


async def _write_noted(session: AsyncSession) -> None:
    """Add what was noted to the chain. Whoever is before us holds its end until their commit."""
    noted: list[tuple[SessionTransaction, dict[str, Any]]] = session.info.pop(_NOTED, [])
    if not noted:
        return
    # The database's time, whatever this machine's clock says.
    now = func.clock_timestamp().label("now")
    head = (await session.execute(select(AuditHead.id, AuditHead.number, AuditHead.hash, now).with_for_update())).one()
    number, last_hash = head.number, head.hash
    rows: list[dict[str, Any]] = []
    for _, columns in noted:
        number += 1
        row = {
            **dict.fromkeys(_HASHED),
            "created_at": head.now,
            **columns,
            "number": number,
            "previous_hash": last_hash,
        }
        last_hash = row["hash"] = _hash(row)
        rows.append(row)
    await session.execute(insert(AuditEntry), rows)
    await session.execute(
        update(AuditHead).where(AuditHead.id == head.id).values(number=number, hash=last_hash, updated_at=func.now())
    )


def _forget_rolled_back(session: Session, rolled_back: SessionTransaction) -> None:
    """Forget what was noted within a transaction, or within a savepoint, that came to nothing."""
    noted = session.info.get(_NOTED)
    if noted:
        session.info[_NOTED] = [note for note in noted if rolled_back not in _ancestry(note[0])]


def _ancestry(transaction: SessionTransaction | None) -> Sequence[SessionTransaction]:
    ancestry = []
    while transaction is not None:
        ancestry.append(transaction)
        transaction = transaction.parent
    return ancestry


event.listen(Session, "after_soft_rollback", _forget_rolled_back)
