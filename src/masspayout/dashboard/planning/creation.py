"""From a draft to its preview, and to what is created of it. The business does both."""

from dataclasses import dataclass

from masspayout import distributions
from masspayout.automation import series
from masspayout.context import Context
from masspayout.dashboard.planning.draft import LIST, Draft
from masspayout.distributions import list_payouts, previews
from masspayout.distributions.payout_lists import PayoutList
from masspayout.distributions.previews import Preview
from masspayout.kernel.errors import Invalid
from masspayout.payments.preflight import Checked


@dataclass(frozen=True, slots=True)
class Created:
    """What was created, and where its page is."""

    what: str
    path: str


async def preview(runtime: Context, draft: Draft, checked: Checked) -> Preview | None:
    """Say what a draft would do; None when that depends on the deposit.

    Raises:
        MassPayoutError: It cannot be done; nothing was written.
    """
    if draft.source == LIST:
        token = await list_payouts.payment_token_of_asset(runtime, draft.asset)
        return await previews.trial_of_list(runtime, token, _list_of(draft), checked=checked)
    terms = draft.terms()
    if draft.makes_series:
        draft.plan()
        if terms.amount is None:
            return None
    return await previews.trial(runtime, draft.asset, terms, checked=checked)


async def create(runtime: Context, draft: Draft) -> Created:
    """Create what a draft describes.

    Raises:
        MassPayoutError: It cannot be created; nothing was written.
    """
    if draft.source == LIST:
        token = await list_payouts.payment_token_of_asset(runtime, draft.asset)
        made = await list_payouts.create(
            runtime,
            draft.asset,
            token,
            _list_of(draft),
            distribution_type=draft.distribution_type,
            concept=draft.concept.strip() or None,
        )
        return Created("The payout is planned: review it, then execute it.", f"/payouts/{made.id}")
    if draft.makes_series:
        new_series = await series.create(runtime, draft.asset, draft.terms(), draft.plan())
        return Created("The series is made. It works while a worker runs.", f"/series/{new_series.id}")
    distribution = await distributions.create(runtime, draft.asset, draft.terms())
    return Created("The payout is planned.", f"/payouts/{distribution.id}")


def _list_of(draft: Draft) -> PayoutList:
    if draft.payout_list is None:
        raise Invalid("There is no list yet, or it has bad rows.", "Upload a list, and mend what is wrong in it.")
    return draft.payout_list
