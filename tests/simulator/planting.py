"""Planned payouts as rows: frozen, and ready to be paid."""

import hashlib
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from masspayout.db.entities import BatchStatus, Distribution, DistributionStatus, DistributionType, ExecutionType
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.obligations import key_of
from simulator.plans import PAYER, TOKEN, PayoutPlan, Plan
from simulator.processes import EPOCH_NANOS
from simulator.store.attempts import BatchRow, HolderRow
from simulator.store.payouts import DistributionRow
from simulator.store.rows import Server, Transaction, number_id

INSTALLATION = "simula"
DECIMALS = 2
_COLUMNS = tuple(column.name for column in Distribution.__table__.columns)


def obligation_of_plan(payout: PayoutPlan, plan: Plan) -> str:
    """Return the key of what a planned payout pays."""
    return key_of(payout.name, str(plan.seed))


def columns_of(
    plan: Plan,
    payout: PayoutPlan,
    *,
    distribution_id: uuid.UUID,
    created_by: str,
    ledger_identity: str,
    ledger_key: str | None,
) -> dict[str, Any]:
    """Return the columns of a planned payout's distribution, frozen, but for its asset and the hash of its register."""
    begins_at = to_datetime(EPOCH_NANOS) + timedelta(seconds=payout.begins_at)
    holder_count = sum(map(len, payout.batches))
    return {
        "id": distribution_id,
        "type": DistributionType.DIVIDEND,
        "execution_type": ExecutionType.SCHEDULED if payout.is_scheduled else ExecutionType.MANUAL,
        "status": DistributionStatus.PENDING,
        "scheduled_time": begins_at if payout.is_scheduled else None,
        "obligation_key": obligation_of_plan(payout, plan),
        "created_by": created_by,
        "frozen_at": to_datetime(EPOCH_NANOS),
        "payment_token_id": TOKEN[plan.ledger],
        "payment_token_decimals": DECIMALS,
        "payer_account_id": PAYER[plan.ledger],
        "ledger_identity": ledger_identity,
        "ledger_key": ledger_key,
        "entitlement_count": holder_count,
        "payable_count": holder_count,
        "batch_count": len(payout.batches),
        "total_amount": sum((amount_of(units) for batch in payout.batches for _, units in batch), Decimal(0)),
        "approvals_required": plan.approvals,
    }


def plant_payout(server: Server, plan: Plan, payout: PayoutPlan, **terms: Any) -> None:
    """Write a distribution with its entitlements and batches, as its creation and freeze do.

    Args:
        server: Where.
        plan: The simulation.
        payout: What is planned.
        terms: What ``columns_of`` wants to know besides.
    """
    t = server.open_transaction()
    columns = columns_of(plan, payout, **terms)
    distribution_id = columns["id"]
    row = DistributionRow(**dict.fromkeys(_COLUMNS)).changed(
        **columns,
        name=payout.name,
        asset_id=number_id(9),
        register_hash=hashlib.sha256(columns["obligation_key"].encode()).hexdigest(),
    )
    t.put("distribution", distribution_id, row, ("distribution:payer", PAYER[plan.ledger]))
    for number, batch in enumerate(payout.batches, 1):
        _plant_batch(t, distribution_id, number, batch)
    t.commit()


def _plant_batch(t: Transaction, distribution_id: uuid.UUID, number: int, batch: Any) -> None:
    batch_id = number_id(int(cast("Any", distribution_id)) << 32 | number)
    row = BatchRow(
        id=batch_id,
        distribution_id=distribution_id,
        batch_number=number,
        total_holders=len(batch),
        successful_payments=0,
        failed_payments=0,
        transaction_id=None,
        status=BatchStatus.PENDING,
        error_message=None,
        executed_at=None,
        total_amount=sum((amount_of(units) for _, units in batch), Decimal(0)),
        paid_amount=Decimal(0),
        slices=None,
        claimed_until=None,
        transient_failures=0,
        updated_at=t.now,
    )
    t.put("batch_payout", batch_id, row, ("batch_payout:of", distribution_id))
    for account, units in sorted(batch):
        holder = HolderRow(
            key=(distribution_id, account),
            distribution_id=distribution_id,
            account_id=account,
            payment_amount=amount_of(units),
            paid=False,
            batch_number=number,
            attempt_id=None,
            failure_code=None,
        )
        indexes = [("holder:of", distribution_id), ("holder:batch", (distribution_id, number))]
        t.put("holder", holder.key, holder, *indexes)


def amount_of(units: int) -> Decimal:
    """Return units in whole payment tokens."""
    return Decimal(units).scaleb(-DECIMALS)
