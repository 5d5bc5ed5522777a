"""The context of every use case: database, ledger, settings, jobs."""

from dataclasses import dataclass, field

from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.backoff import Backoff
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that every use case works with.

    Attributes:
        settings: The settings from the environment.
        database: The database; its clock is the only one.
        ledger: The ledger that holds and moves the money.
        jobs: The queue of background jobs, which are enqueued in the business transaction.
        backoff: The pauses before retries in this process.
        order_key: Differs between workers: each starts what falls due at once in an order of its own.
    """

    settings: Settings
    database: Database
    ledger: Ledger
    jobs: Jobs
    backoff: Backoff = field(default_factory=Backoff)
    order_key: bytes = b""
