"""Planned payouts as rows of the product's tables."""

import uuid
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, text, update
from sqlalchemy.orm import Session

from masspayout.db.entities import (
    Asset,
    BatchPayout,
    Distribution,
    Entitlement,
    SyncStatus,
)
from simulator.plans import TOKEN, PayoutPlan, Plan
from simulator.planting import DECIMALS, amount_of, columns_of
from simulator.store.sql import work_on

Answer = TypeVar("Answer")

_ASSET_ID = uuid.UUID(int=9)


def plant_installation(connection: Connection, code: str, identity: str, plan: Plan) -> None:
    """Write which installation it is, and the asset that everything is paid on."""
    statement = text("UPDATE installation SET code = :code, identity = :identity")
    connection.execute(statement, {"code": code, "identity": identity})
    with _session(connection) as session, session.begin():
        asset = Asset(
            id=_ASSET_ID,
            token_id=TOKEN[plan.ledger],
            name="Simulated",
            symbol="SIM",
            total_supply=1000,
            decimals=DECIMALS,
            sync_status=SyncStatus.SYNCED,
        )
        session.add(asset)


def plant_payout_rows(connection: Connection, plan: Plan, payout: PayoutPlan, **terms: Any) -> None:
    """Write a distribution with its entitlements and batches, as its creation and freeze do.

    Args:
        connection: Where.
        plan: The simulation.
        payout: What is planned.
        terms: What ``columns_of`` wants to know besides.
    """
    distribution = Distribution(**columns_of(plan, payout, **terms), asset_id=_ASSET_ID)
    distribution_id = distribution.id
    with _session(connection) as session, session.begin():
        session.add(distribution)
        session.flush()
        for number, batch in enumerate(payout.batches, 1):
            amount = sum((amount_of(units) for _, units in batch), Decimal(0))
            values = {"batch_number": number, "total_holders": len(batch), "total_amount": amount}
            session.add(BatchPayout(distribution_id=distribution_id, **values))
            for account, units in sorted(batch):
                session.add(_entitlement(distribution_id, number, account, units))
    work = work_on(connection)
    register_hash = at_once(work.entitlements(distribution).register_hash())
    work.sync_session.close()
    connection.execute(
        update(Distribution).where(Distribution.id == distribution_id).values(register_hash=register_hash)
    )


def at_once(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what a coroutine returns that waits for nothing: its connection does everything at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    raise AssertionError("it waited for something")


def _session(connection: Connection) -> Session:
    return Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)


def _entitlement(distribution_id: uuid.UUID, number: int, account: str, units: int) -> Entitlement:
    return Entitlement(
        asset_id=_ASSET_ID,
        distribution_id=distribution_id,
        account_id=account,
        balance=units,
        payment_amount=amount_of(units),
        paid=False,
        batch_number=number,
    )
