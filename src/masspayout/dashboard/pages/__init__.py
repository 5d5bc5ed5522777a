"""The pages, one module each; each adds itself to the page registry."""

from collections.abc import Callable

from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.pages import (
    asset,
    asset_import,
    assets,
    audit,
    distribution,
    listeners,
    new_payout,
    overview,
    payouts,
    policy,
    series,
    tokens,
    users,
    webhooks,
)

PAGES: tuple[Callable[[PageRegistry], None], ...] = (
    overview.add_page,
    assets.add_page,
    asset_import.add_page,
    asset.add_page,
    new_payout.add_page,
    payouts.add_page,
    distribution.add_page,
    series.add_page,
    listeners.add_page,
    audit.add_page,
    policy.add_page,
    users.add_page,
    tokens.add_page,
    webhooks.add_page,
)
