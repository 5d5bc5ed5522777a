"""From a draft to its preview, and to what is created of it. The business does both."""

from dataclasses import dataclass

from masspayout.app import Payouts
from masspayout.automation import series
from masspayout.dashboard.planning.draft import Draft
from masspayout.distributions import PayoutList, Preview
from masspayout.kernel.errors import Invalid
from masspayout.payments import ProgressCallback


@dataclass(frozen=True, slots=True)
class Created:
    """A created payout or series, and the path of its page."""

    what: str
    path: str


async def preview(payouts: Payouts, draft: Draft, on_progress: ProgressCallback) -> Preview | None:
    """Preview a draft; None when its amounts depend on the deposit.

    Raises:
        MassPayoutError: It cannot be done; nothing was written.
    """
    if draft.is_list:
        token = await payouts.list_token(draft.asset)
        return await payouts.dry_run_of_list(token, _list_of(draft), on_progress=on_progress)
    terms = draft.terms()
    if terms.makes_series:
        series.plan_of(terms)
        if terms.amount is None:
            return None
    return await payouts.dry_run(draft.asset, terms, on_progress=on_progress)


async def create(payouts: Payouts, draft: Draft) -> Created:
    """Create what a draft describes.

    Raises:
        MassPayoutError: It cannot be created; nothing was written.
    """
    terms = draft.terms()
    if draft.is_list:
        token = await payouts.list_token(draft.asset)
        made = await payouts.create_of_list(draft.asset, token, _list_of(draft), terms)
        return Created("Payout created. Review it, then execute it.", f"/payouts/{made.id}")
    if terms.makes_series:
        new_series = await payouts.create_series(draft.asset, terms)
        return Created("Series created. A worker has to run to pay it.", f"/series/{new_series.id}")
    distribution = await payouts.create(draft.asset, terms)
    return Created("Payout created.", f"/payouts/{distribution.id}")


def _list_of(draft: Draft) -> PayoutList:
    if draft.payout_list is None:
        raise Invalid("No payout list, or the list has bad rows.", "Upload a list and fix its bad rows.")
    return draft.payout_list
