"""The use cases, each once, for commands, requests, pages and jobs."""

from masspayout.app.payouts import ListWarning, PayoutDetail, Payouts

__all__ = [
    "ListWarning",
    "PayoutDetail",
    "Payouts",
]
