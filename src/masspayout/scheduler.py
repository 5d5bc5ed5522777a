"""The scheduler: starts every distribution that is due, once, however many workers look for them."""

from datetime import datetime

from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


async def run_due(database: Database, ledger: Ledger, settings: Settings, jobs: Jobs, now: datetime) -> int:
    """Start what is due at ``now``, the longest overdue first. Return how many distributions were started."""
    return 0
