"""``masspayout distribution list``: the first look at payouts, which loads no more than it takes to read them."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from masspayout.cli.arguments import AssetOption, find_asset_id
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, show_list
from masspayout.cli.transaction import in_transaction
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.pauses import PauseInForce
from masspayout.kernel.payout_status import ApprovalCount, waits_for
from masspayout.kernel.payout_terms import DISTRIBUTION_TERMS, OWN_WORDS

app = typer.Typer()


@app.command("list")
def list_(
    asset: AssetOption = None,
    status: Annotated[DistributionStatus | None, typer.Option(help="Only those in this state.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List payouts, newest first."""

    async def work(work: UnitOfWork) -> Any:
        asset_id = await find_asset_id(work, asset)
        page_found = await work.distributions.find_of_asset(asset_id, status, page, limit)
        ids = [item.id for item in page_found.items]
        counts, pauses = await work.approvals.counts(ids), await work.pauses.find_of(ids)
        return page_found, {item.id: _waits(item, counts, pauses) for item in page_found.items}

    found, waits = in_transaction(work)
    show_list(
        [distribution_fields(item) | {"waits": waits[item.id]} for item in found.items],
        ["ID", "ASSET", "TYPE", "STATUS", "AMOUNT", "HOLDERS", *map(str.upper, OWN_WORDS), "DUE", "CREATED"],
        [
            (
                *(d.id, d.asset.symbol, d.type, waits[d.id] or d.status),
                *(d.total_amount, d.payable_count),
                *(getattr(d, name) for name in OWN_WORDS),
                *(d.scheduled_time, d.created_at),
            )
            for d in found.items
        ],
        total=found.total,
        as_json=as_json,
        right=["AMOUNT", "HOLDERS"],
        empty="No matching payouts."
        if asset or status
        else "No payouts yet. Create one with: masspayout distribution create ASSET",
    )


def distribution_fields(distribution: Distribution) -> dict[str, Any]:
    """Return what there is to say about a distribution, by the names of its columns."""
    names = (
        "id",
        "asset_id",
        "status",
        *DISTRIBUTION_TERMS,
        "series_id",
        "snapshot_at",
        "frozen_at",
        "payment_token_id",
        "payer_account_id",
        "ledger_identity",
        "entitlement_count",
        "payable_count",
        "total_amount",
        "remainder_amount",
        "batch_count",
        "register_hash",
        "created_by",
        "created_by_name",
        "approvals_required",
        "sent_back_at",
        "sent_back_by_name",
        "sent_back_reason",
        "executed_at",
        "failure_code",
        "failure_message",
        "failure_next_step",
    )
    return {name: getattr(distribution, name) for name in names}


def _waits(
    distribution: Distribution,
    counts: Mapping[uuid.UUID, ApprovalCount],
    pauses: Mapping[uuid.UUID, PauseInForce],
) -> str:
    return waits_for(
        distribution.status,
        counts.get(distribution.id, ApprovalCount(0, 0)),
        is_frozen=distribution.is_frozen,
        pause=pauses.get(distribution.id),
        sent_back=distribution.sent_back,
    )
