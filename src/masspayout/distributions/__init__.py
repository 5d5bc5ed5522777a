"""Distributions: the life of a payout: planned, begun, stopped, tried again, cancelled."""

from masspayout.distributions import contract_payouts, pauses, payout_lists, previews, starts
from masspayout.distributions.csv_import import PayoutList, parse_payout_list, read_payout_list
from masspayout.distributions.lifecycle import cancel, create, find, reopen_unfrozen
from masspayout.distributions.pauses import PauseOutcome, PauseSubject
from masspayout.distributions.previews import Preview
from masspayout.distributions.starts import Chosen
from masspayout.distributions.terms import from_terms, require_ahead

__all__ = [
    "Chosen",
    "PauseOutcome",
    "PauseSubject",
    "PayoutList",
    "Preview",
    "cancel",
    "contract_payouts",
    "create",
    "find",
    "from_terms",
    "parse_payout_list",
    "pauses",
    "payout_lists",
    "previews",
    "read_payout_list",
    "reopen_unfrozen",
    "require_ahead",
    "starts",
]
