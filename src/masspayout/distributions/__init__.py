"""Distributions: the life of a payout: planned, begun, stopped, tried again, cancelled."""

from masspayout.distributions import contract_payouts, payout_lists, previews, starts
from masspayout.distributions.csv_import import PayoutList, parse_payout_list, read_payout_list
from masspayout.distributions.lifecycle import cancel, create, find, reopen_unfrozen
from masspayout.distributions.previews import Preview
from masspayout.distributions.starts import Chosen
from masspayout.distributions.terms import from_terms, require_ahead

__all__ = [
    "Chosen",
    "PayoutList",
    "Preview",
    "cancel",
    "contract_payouts",
    "create",
    "find",
    "from_terms",
    "parse_payout_list",
    "payout_lists",
    "previews",
    "read_payout_list",
    "reopen_unfrozen",
    "require_ahead",
    "starts",
]
