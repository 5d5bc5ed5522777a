"""Desks: what everybody works with who acts in a simulation, over the same context as the edges."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from masspayout.context import Context
from masspayout.settings import Settings
from simulator.ledgers.networks import make_client
from simulator.plans import PAYER
from simulator.processes import Process
from simulator.store.exchanges import ProcessStore

if TYPE_CHECKING:
    from simulator.world import World

_SETTINGS: dict[tuple[str, int], Settings] = {}


class NoJobs:
    """Jobs only trigger: here they are all lost, and workers look for what is unfinished."""

    async def enqueue_payment(self, work: object, distribution_id: uuid.UUID, **options: Any) -> None:
        """Lose a job."""


@dataclass
class Desk:
    """A process, with its connections to the store and to the ledger."""

    world: "World"
    process: Process
    database: Any = field(init=False)
    context: Context = field(init=False)

    def __post_init__(self) -> None:
        self.database = ProcessStore(self.process, self.world.row_ids)
        settings = settings_of(self.world.plan.ledger, self.world.plan.approvals)
        ledger = make_client(self.world.network, self.process, self.database, self.world.plan, settings)
        self.context = Context(
            settings, self.database, ledger, cast("Any", NoJobs()), order_key=self.process.name.encode()
        )


def settings_of(ledger: str, approvals: int) -> Settings:
    """Return the settings of an installation: made once, because that takes longer than a simulation."""
    if (ledger, approvals) not in _SETTINGS:
        values: dict[str, Any] = {
            "_env_file": None,
            "ledger": ledger,
            "approvals_required": approvals,
            "payer_account_id": PAYER[ledger],
            "look_again_max_seconds": 60,
        }
        _SETTINGS[ledger, approvals] = Settings(**values)
    return _SETTINGS[ledger, approvals]
