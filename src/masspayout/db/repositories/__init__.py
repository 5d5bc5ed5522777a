"""The queries, one repository a table. Nothing else in Mass Payout writes SQL to these tables.

A repository works inside its caller's unit of work and never commits. Changes of state are compare-and-set: one UPDATE
that names the states it may start from, and returns what it changed.
"""

from masspayout.db.repositories.assets import Assets
from masspayout.db.repositories.attempts import Attempts
from masspayout.db.repositories.base import Page, Repository
from masspayout.db.repositories.batch_payouts import BatchPayouts, Progress
from masspayout.db.repositories.distributions import Distributions
from masspayout.db.repositories.entitlements import Entitlements, FrozenTotals, Share
from masspayout.db.repositories.event_listeners import EventListeners
from masspayout.db.repositories.holders import Holders, RegisterChange
from masspayout.db.repositories.series import SeriesRepository

__all__ = [
    "Assets",
    "Attempts",
    "BatchPayouts",
    "Distributions",
    "Entitlements",
    "EventListeners",
    "FrozenTotals",
    "Holders",
    "Page",
    "Progress",
    "RegisterChange",
    "Repository",
    "SeriesRepository",
    "Share",
]
