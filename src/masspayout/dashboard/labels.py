"""Labels of amounts and payouts: the symbol that goes with an amount, the name of a payout."""

from decimal import Decimal

from masspayout.dashboard import formats
from masspayout.dashboard.markup import Html
from masspayout.db.entities import Asset, Distribution, Series
from masspayout.kernel.payout_terms import OWN_WORDS, TERMS


def symbol_of(asset: Asset, payment_token_id: str | None) -> str | None:
    """Return the symbol of a payment token, if it is the asset's; else its id says which it is."""
    if payment_token_id is None or payment_token_id == asset.payment_token_id:
        return asset.payment_token_symbol or asset.payment_token_id
    return payment_token_id


def symbol(distribution: Distribution) -> str | None:
    """Return the symbol of what a distribution (with its asset) is paid in."""
    return symbol_of(distribution.asset, distribution.payment_token_id)


def total(distribution: Distribution, *, exact: bool = False) -> Html:
    """Return what a distribution (with its asset) pays in all: frozen, or planned."""
    value = distribution.total_amount if distribution.is_frozen else distribution.amount
    return formats.amount(value, symbol(distribution), exact=exact)


def plain_total(distribution: Distribution) -> str:
    """Return the same as text."""
    value = distribution.total_amount if distribution.is_frozen else distribution.amount
    return formats.plain_amount(value or Decimal(0), symbol(distribution))


def name(distribution: Distribution) -> str:
    """Return what people call a distribution: its concept, or its type and asset."""
    return distribution.concept or f"{formats.words(distribution.type)} on {distribution.asset.symbol}"


def own_words(row: Distribution | Series) -> list[tuple[str, str | None]]:
    """Return the texts that somebody wrote about a payout or a series, with their labels, beside the concept."""
    return [(TERMS[name].label, getattr(row, name)) for name in OWN_WORDS if name != "concept"]


def path(distribution: Distribution) -> str:
    """Return where a distribution's page is."""
    return f"/payouts/{distribution.id}"
