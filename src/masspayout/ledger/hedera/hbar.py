"""HBAR as a payment token: the network has no token id for its own currency, so we give it one."""

from masspayout.ledger.port import TokenInformation

# No token can have this id: numbers up to 1000 are the network's own.
HBAR = "0.0.0"
DECIMALS = 8
TINYBARS = 100_000_000
_TOTAL_SUPPLY_TINYBARS = 50_000_000_000 * TINYBARS


def describe_hbar() -> TokenInformation:
    """Return the metadata of HBAR."""
    return TokenInformation(HBAR, "HBAR", "HBAR", DECIMALS, _TOTAL_SUPPLY_TINYBARS, None)
