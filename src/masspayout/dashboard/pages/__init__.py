"""The pages, one module each; each adds itself to the house."""

from collections.abc import Callable

from masspayout.dashboard.house import House
from masspayout.dashboard.pages import (
    asset,
    asset_import,
    assets,
    distribution,
    listeners,
    new_payout,
    overview,
    payouts,
    series,
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
)
