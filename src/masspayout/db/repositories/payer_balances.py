"""Queries on ``payer_balance``."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Payer, PayerBalance
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.kernel.movements import StatementPage


class PayerBalances(Repository[PayerBalance]):
    """The balances of payers' statements, token by token."""

    entity = PayerBalance
    noun = "balance of a payer"

    async def find_of_payer(self, payer_id: uuid.UUID) -> Sequence[PayerBalance]:
        """Return the balance of the statement in each token."""
        query = select(PayerBalance).where(PayerBalance.payer_id == payer_id).order_by(PayerBalance.token_id)
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).all()

    async def stated_units(self, payer_id: uuid.UUID, token_id: str, cursor: int) -> int | None:
        """Return the balance of a statement in one token; None when its cursor has moved, or without an opening."""
        query = select(
            PayerBalance.opening_units + PayerBalance.received_units - PayerBalance.sent_units - PayerBalance.fee_units
        ).where(
            PayerBalance.payer_id == payer_id,
            PayerBalance.token_id == token_id,
            exists().where(Payer.id == payer_id, Payer.cursor == cursor),
        )
        units = await self.session.scalar(query)
        return None if units is None else int(units)

    async def has_unknown_opening(self, payer_id: uuid.UUID, token_id: str) -> bool:
        """Return True while a payer's opening balance of a token is not known."""
        condition = exists().where(
            PayerBalance.payer_id == payer_id, PayerBalance.token_id == token_id, PayerBalance.opening_units.is_(None)
        )
        return bool(await self.session.scalar(select(condition)))

    async def set_opening(self, payer_id: uuid.UUID, token_id: str, units: int) -> None:
        """Write a payer's opening balance of a token, unless it is written already."""
        statement = (
            update(PayerBalance)
            .where(
                PayerBalance.payer_id == payer_id,
                PayerBalance.token_id == token_id,
                PayerBalance.opening_units.is_(None),
            )
            .values(opening_units=units)
            .execution_options(synchronize_session=False)
        )
        await self._changed(statement)

    async def add(self, payer: Payer, page: StatementPage, token_id: str) -> None:
        """Add the amounts of a token on a page of a payer's statement."""
        added = {
            "received_units": page.received_units.get(token_id, 0),
            "sent_units": sum(entry.total_units for entry in page.entries if entry.token_id == token_id),
            "fee_units": page.fee_units.get(token_id, 0),
        }
        opening_units = 0 if payer.beginning is None else None
        statement = insert(PayerBalance).values(
            id=uuid7(), payer_id=payer.id, token_id=token_id, opening_units=opening_units, **added
        )
        columns: dict[str, Any] = {
            name: getattr(PayerBalance, name) + getattr(statement.excluded, name) for name in added
        }
        await self.session.execute(
            statement.on_conflict_do_update(
                index_elements=[PayerBalance.payer_id, PayerBalance.token_id],
                set_={**columns, "updated_at": func.now()},
            )
        )
