"""Queries on ``audit_entry`` and ``audit_head``."""

import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from masspayout.db.commit_hooks import add_commit_hook
from masspayout.db.entities import AuditEntry, AuditHead
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import uuid7
from masspayout.kernel.json_forms import json_form

FIRST_PREVIOUS_HASH = "0" * 64
_NOTED = "noted for the audit trail"

# The hash covers every column but itself.
_HASHED = tuple(column.name for column in AuditEntry.__table__.columns if column.name != "hash")


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of an entry as it is called now.

    Attributes:
        name: The name that people use for it.
        amount: The whole amount of a payout, in payment tokens, once it is known.
        symbol: The payment token.
    """

    name: str
    amount: Decimal | None
    symbol: str | None


_SUBJECTS = text("""
    SELECT d.id, coalesce(d.concept, initcap(d.type) || ' on ' || a.symbol) AS name,
           coalesce(d.total_amount, CASE WHEN d.payout_type = 'FIXED' THEN d.amount END) AS amount,
           coalesce(a.payment_token_symbol, a.payment_token_id) AS symbol
      FROM distribution AS d JOIN asset AS a ON a.id = d.asset_id WHERE d.id = ANY (:ids)
    UNION ALL
    SELECT s.id, coalesce(s.concept, initcap(s.type) || ' on ' || a.symbol), NULL, NULL
      FROM series AS s JOIN asset AS a ON a.id = s.asset_id WHERE s.id = ANY (:ids)
    UNION ALL
    SELECT b.id, a.name, NULL, NULL FROM bond AS b JOIN asset AS a ON a.id = b.asset_id WHERE b.id = ANY (:ids)
    UNION ALL SELECT id, name, NULL, NULL FROM asset WHERE id = ANY (:ids)
    UNION ALL SELECT id, name, NULL, NULL FROM access_user WHERE id = ANY (:ids)
    UNION ALL SELECT id, name, NULL, NULL FROM api_token WHERE id = ANY (:ids)
    UNION ALL SELECT id, url, NULL, NULL FROM webhook WHERE id = ANY (:ids)
    UNION ALL SELECT id, contract_id, NULL, NULL FROM blockchain_event_listener_config WHERE id = ANY (:ids)
    UNION ALL SELECT id, account, NULL, NULL FROM payer WHERE id = ANY (:ids)
""")

_PUBLISH_HEAD = text("""
    WITH moved AS (
        UPDATE audit_head SET published_number = number, published_at = now(), updated_at = now()
         WHERE published_number <> number
           AND (published_at IS NULL OR published_at <= now() - make_interval(secs => :pause_seconds))
           AND masspayout_event_is_wanted('audit.head')
        RETURNING number, hash
    )
    SELECT masspayout_note_event('audit.head', jsonb_build_object(
               'number', moved.number, 'hash', moved.hash,
               'created_at', to_char(e.created_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
      FROM moved JOIN audit_entry AS e ON e.number = moved.number
""")


class AuditEntries(Repository[AuditEntry]):
    """The audit trail: entries are added at its end, and never changed."""

    entity = AuditEntry
    noun = "audit entry"

    def note(self, **columns: Any) -> None:
        """Add an entry, to be written when the session's unit of work ends, as its last statements.

        The end of the chain is locked only then, for as long as the commit takes. A rollback to a savepoint drops the
        entries since.
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
        """Return one page of the trail, the latest first, with the number of all entries found.

        Args:
            subject_id: Only actions on this subject.
            action: Only this action, such as ``distribution.executed``.
            actor: Only actions of the actor with this id or name.
            page: The number of the page, from 1.
            limit: The number of entries on a page.
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

    async def subjects(self, ids: Iterable[uuid.UUID]) -> dict[str, Subject]:
        """Return the subjects with these ids, by the text of the id; those that are gone are left out."""
        rows = await self.session.execute(_SUBJECTS, {"ids": list(ids)})
        return {str(row.id): Subject(row.name, row.amount, row.symbol) for row in rows}

    async def see_one_moment(self) -> None:
        """Set a snapshot, so that trail and head are read as of one moment; to be called before the first query."""
        await self.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})

    async def head(self) -> tuple[int, str]:
        """Return the number and the hash of the last entry."""
        row = (await self.session.execute(select(AuditHead.number, AuditHead.hash))).one()
        return row.number, row.hash

    async def last(self) -> tuple[int, str, datetime | None]:
        """Return the number, the hash and the time of the last entry; the number is 0 while there is none."""
        entry = (AuditEntry.number == AuditHead.number) & (AuditEntry.hash == AuditHead.hash)
        query = select(AuditHead.number, AuditHead.hash, AuditEntry.created_at).outerjoin(AuditEntry, entry)
        row = (await self.session.execute(query)).one()
        return row.number, row.hash, row.created_at

    async def hash_at(self, number: int) -> str | None:
        """Return the hash of the entry with a number; None if there is none."""
        return await self.session.scalar(select(AuditEntry.hash).where(AuditEntry.number == number))

    async def publish_head(self, pause_seconds: float) -> None:
        """Write the head into the outbox of webhooks, if it has moved since the last, and somebody subscribes.

        Of many that ask, one writes it, and at most one in each pause.
        """
        await self.session.execute(_PUBLISH_HEAD, {"pause_seconds": pause_seconds})

    async def stream(self, *, after: int = 0, until: int | None = None) -> AsyncIterator[AuditEntry]:
        """Yield the trail, oldest first, in constant memory: all of it, or the entries between two numbers.

        A reader may be slow: the transaction locks nothing.
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
    """Return the hash that an entry must have, computed from all of its other columns."""
    return _hash({name: getattr(entry, name) for name in _HASHED})


def _hash(columns: Mapping[str, Any]) -> str:
    written = json.dumps(columns, default=json_form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


async def _write_noted(session: AsyncSession) -> None:
    """Add the noted entries to the chain. A unit of work before this one holds its end until the commit."""
    noted: list[tuple[SessionTransaction, dict[str, Any]]] = session.info.pop(_NOTED, [])
    if not noted:
        return
    # The database's time, whatever this machine's clock says.
    now = func.clock_timestamp().label("now")
    head = (await session.execute(select(AuditHead.number, AuditHead.hash, now).with_for_update())).one()
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
    # A trigger moves the head, which this role need not be able to change.
    await session.execute(insert(AuditEntry), rows)


def _forget_rolled_back(session: Session, rolled_back: SessionTransaction) -> None:
    """Drop the entries of a transaction, or a savepoint, that was rolled back."""
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
