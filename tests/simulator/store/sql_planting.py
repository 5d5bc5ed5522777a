"""Planned payouts as rows of the product's tables."""

import uuid
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, text, update
from sqlalchemy.orm import Session

from masspayout.db.entities import (
    Asset,
    BatchPayout,
    Distribution,
    DistributionType,
    Entitlement,
    ExecutionType,
    SyncStatus,
)
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.ledger_time import to_datetime
from simulator.plans import PAYER, TOKEN, PayoutPlan, Plan
from simulator.planting import DECIMALS, obligation_of_plan
from simulator.processes import EPOCH_NANOS

Answer = TypeVar("Answer")

_ASSET_ID = uuid.UUID(int=9)


def plant_installation(connection: Connection, code: str, identity: str, plan: Plan) -> None:
    """Write which installation it is, and the asset that everything is paid on."""
    statement = text("UPDATE installation SET code = :code, identity = :identity")
    connection.execute(statement, {"code": code, "identity": identity})
    with (
        Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session,
        session.begin(),
    ):
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


def plant_payout_rows(
    connection: Connection,
    plan: Plan,
    payout: PayoutPlan,
    *,
    distribution_id: uuid.UUID,
    created_by: str,
    ledger_identity: str,
    ledger_key: str | None,
) -> None:
    """Write a distribution with its entitlements and batches, as its creation and freeze do."""
    begins_at = to_datetime(EPOCH_NANOS) + timedelta(seconds=payout.begins_at)
    holder_count = sum(map(len, payout.batches))
    with (
        Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session,
        session.begin(),
    ):
        distribution = Distribution(
            id=distribution_id,
            asset_id=_ASSET_ID,
            type=DistributionType.DIVIDEND,
            execution_type=ExecutionType.SCHEDULED if payout.is_scheduled else ExecutionType.MANUAL,
            scheduled_time=begins_at if payout.is_scheduled else None,
            obligation_key=obligation_of_plan(payout, plan),
            created_by=created_by,
            frozen_at=to_datetime(EPOCH_NANOS),
            payment_token_id=TOKEN[plan.ledger],
            payment_token_decimals=DECIMALS,
            payer_account_id=PAYER[plan.ledger],
            ledger_identity=ledger_identity,
            ledger_key=ledger_key,
            entitlement_count=holder_count,
            payable_count=holder_count,
            batch_count=len(payout.batches),
            total_amount=sum((_amount(units) for batch in payout.batches for _, units in batch), Decimal(0)),
            approvals_required=plan.approvals,
        )
        session.add(distribution)
        session.flush()
        for number, batch in enumerate(payout.batches, 1):
            amount = sum((_amount(units) for _, units in batch), Decimal(0))
            told = {"batch_number": number, "total_holders": len(batch), "total_amount": amount}
            session.add(BatchPayout(distribution_id=distribution_id, **told))
            for account, units in sorted(batch):
                session.add(_entitlement(distribution_id, number, account, units))
    work = UnitOfWork(expire_on_commit=False, join_transaction_mode="create_savepoint")
    work.sync_session.bind = connection
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
        payment_amount=_amount(units),
        paid=False,
        batch_number=number,
    )


def _amount(units: int) -> Decimal:
    return Decimal(units).scaleb(-DECIMALS)
