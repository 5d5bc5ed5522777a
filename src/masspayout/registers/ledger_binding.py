"""What began on one ledger ends there: another one knows nothing of it, and would say that nobody was paid.

An asset belongs to the ledger that it was imported from, a distribution to the one that it was frozen on, a listener to
the one that it first read. Of rows that are older than this knowledge, the next who works on them writes it down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from masspayout.db.entities import Asset, Distribution, EventListener
from masspayout.db.repositories import Unfinished
from masspayout.db.session import Database
from masspayout.db.store import Store
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import AnotherLedger
from masspayout.kernel.next_steps import Action
from masspayout.ledger.identity import contradict, settings_of
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


@dataclass(frozen=True, slots=True)
class Binding:
    """Which ledger the settings lead to, and how it pays: asked once, so that no transaction has to ask.

    Attributes:
        identity: Which one it is.
        batch_size: How many holders go into a batch: what is set, or what the ledger takes at once if that is less.
        payment_key: Returns the key under which a contract remembers whom it paid an obligation, if one does.
    """

    identity: str
    batch_size: int
    payment_key: Callable[[str], str | None]


async def bind(ledger: Ledger, settings: Settings) -> Binding:
    """Ask which ledger the settings lead to.

    Raises:
        LedgerUnavailable: It cannot be found out now.
    """
    return Binding(await ledger.identity(), effective_batch_size(ledger, settings), ledger.payment_key)


def effective_batch_size(ledger: Ledger, settings: Settings) -> int:
    """Return how many holders go into a batch: what is set, or what the ledger takes at once if that is less."""
    return min(settings.batch_size, ledger.traits.recipients_per_transaction)


def require(identity: str, bound_identity: str | None, what: str) -> None:
    """Refuse a ledger that is not the one that something belongs to.

    Args:
        identity: The one that the settings lead to.
        bound_identity: The identity that was written down, if one was.
        what: The beginning of the sentence that refuses: ``Distribution … began on``.

    Raises:
        AnotherLedger: It belongs to another one.
    """
    if bound_identity is not None and contradict(bound_identity, identity):
        raise AnotherLedger(
            f"{what} the ledger {bound_identity}, and the settings lead to {identity} now: nothing was done.",
            f"Go on with {settings_of(bound_identity)}; see: ",
            Action.EXAMINE,
        )


async def require_of_asset(work: UnitOfWork, identity: str, asset: Asset) -> None:
    """Check that the ledger is the one that an asset was imported from.

    Raises:
        AnotherLedger: The asset was imported from another one.
    """
    require(identity, asset.ledger_identity, f"Asset {asset.token_id} was imported from")
    await work.ledger_bindings.note(asset, identity)


async def require_of_distribution(work: UnitOfWork, identity: str, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on.

    Raises:
        AnotherLedger: It was frozen on another one.
    """
    require_began_on(identity, distribution)
    if distribution.is_frozen:
        await work.ledger_bindings.note(distribution, identity)


async def require_bound_ledger(store: Store, ledger: Ledger, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on. It is asked outside of any transaction.

    Args:
        store: Where the ledger is written down that is not known yet.
        ledger: The one that the settings lead to.
        distribution: It was read before, and its ledger does not change.

    Raises:
        AnotherLedger: It was frozen on another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    identity = await ledger.identity()
    require_began_on(identity, distribution)
    if distribution.is_frozen and distribution.ledger_identity is None:
        async with store.unit_of_work() as work:
            await work.ledger_bindings.note(distribution, identity)


async def require_of_listener(work: UnitOfWork, identity: str, listener: EventListener) -> None:
    """Check that the ledger is the one whose events a listener's cursor stands among.

    Raises:
        AnotherLedger: It is another one.
    """
    require(identity, listener.ledger_identity, f"The listener for {listener.contract_id} reads")
    await work.ledger_bindings.note(listener, identity)


async def find_on_other_ledgers(database: Database, ledger: Ledger) -> Sequence[Unfinished]:
    """Return what is to be paid, or is being paid, and belongs to another ledger than the settings lead to.

    Raises:
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    async with database.unit_of_work() as work:
        unfinished = await work.ledger_bindings.find_unfinished()
    return await on_other_ledgers(ledger, unfinished)


async def on_other_ledgers(ledger: Ledger, unfinished: Sequence[Unfinished]) -> Sequence[Unfinished]:
    """Return what of some payouts belongs to another ledger than the settings lead to. Of none, nobody is asked.

    Raises:
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    if not unfinished:
        return []
    identity = await ledger.identity()
    return [one for one in unfinished if contradict(one.ledger_identity, identity)]


def require_began_on(identity: str, distribution: Distribution) -> None:
    """Refuse a ledger that is not the one that a distribution was frozen on.

    Raises:
        AnotherLedger: It was frozen on another one.
    """
    require(identity, distribution.ledger_identity, f"Distribution {distribution.id} began on")
