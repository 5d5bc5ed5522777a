"""The pages, one module each; each adds itself to the house."""

from collections.abc import Callable

from masspayout.dashboard.house import House
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
    series,
    tokens,
    users,
    webhooks,
)

PAGES: tuple[Callable[[House], None], ...] = (
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
    users.add_page,
    tokens.add_page,
    webhooks.add_page,
)
