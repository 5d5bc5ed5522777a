"""The context that every use case works in: which database, which ledger, and how they are to be used."""

from dataclasses import dataclass, field

from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.backoff import Backoff
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the business works with.

    Attributes:
        settings: What the environment says.
        database: Where everything is kept; its clock is the only one.
        ledger: Where money is held and moved.
        jobs: What workers are to do, enqueued in the transaction that calls for it.
        backoff: The pauses of what fails again and again in this process.
    """

    settings: Settings
    database: Database
    ledger: Ledger
    jobs: Jobs
    backoff: Backoff = field(default_factory=Backoff)
