"""Ledger binding: work that began on one ledger ends there, since another one would report everybody as unpaid.

An asset is bound to the ledger that it was imported from, a distribution to the one that it was frozen on, a listener
to the one that it first read. Rows that are older than the binding are bound when they are next worked on.
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
    """The ledger that the settings lead to, and how it pays: asked once, so that no transaction has to ask.

    Attributes:
        identity: The identity of the ledger.
        batch_size: The number of holders in a batch: ``BATCH_SIZE``, or the ledger's recipients per transaction if
            less.
        payment_key: Returns the key by which a contract remembers the paid recipients of an obligation, if it does.
    """

    identity: str
    batch_size: int
    payment_key: Callable[[str], str | None]


async def bind(ledger: Ledger, settings: Settings) -> Binding:
    """Return the binding to the ledger that the settings lead to.

    Raises:
        LedgerUnavailable: The ledger cannot be asked now.
    """
    return Binding(await ledger.identity(), effective_batch_size(ledger, settings), ledger.payment_key)


def effective_batch_size(ledger: Ledger, settings: Settings) -> int:
    """Return the number of holders in a batch: ``BATCH_SIZE``, or the ledger's recipients per transaction if less."""
    return min(settings.batch_size, ledger.traits.recipients_per_transaction)


def require(identity: str, bound_identity: str | None, what: str) -> None:
    """Refuse a ledger that is not the one that something is bound to.

    Args:
        identity: The identity of the ledger that the settings lead to.
        bound_identity: The stored identity, if any.
        what: The beginning of the error's sentence: ``Distribution … began on``.

    Raises:
        AnotherLedger: The two identities contradict each other.
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
        AnotherLedger: The asset was imported from another ledger.
    """
    require(identity, asset.ledger_identity, f"Asset {asset.token_id} was imported from")
    await work.ledger_bindings.note(asset, identity)


async def require_of_distribution(work: UnitOfWork, identity: str, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on.

    Raises:
        AnotherLedger: The distribution was frozen on another ledger.
    """
    require_began_on(identity, distribution)
    if distribution.is_frozen:
        await work.ledger_bindings.note(distribution, identity)


async def require_bound_ledger(store: Store, ledger: Ledger, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on.

    The ledger is asked outside of any transaction.

    Args:
        store: The database, for a binding that is not stored yet.
        ledger: The ledger that the settings lead to.
        distribution: The distribution; it was read before, and its binding does not change.

    Raises:
        AnotherLedger: The distribution was frozen on another ledger.
        LedgerUnavailable: The ledger's identity cannot be read now.
    """
    identity = await ledger.identity()
    require_began_on(identity, distribution)
    if distribution.is_frozen and distribution.ledger_identity is None:
        async with store.unit_of_work() as work:
            await work.ledger_bindings.note(distribution, identity)


async def require_of_listener(work: UnitOfWork, identity: str, listener: EventListener) -> None:
    """Check that the ledger is the one that a listener's cursor belongs to.

    Raises:
        AnotherLedger: The cursor belongs to another ledger.
    """
    require(identity, listener.ledger_identity, f"The listener for {listener.contract_id} reads")
    await work.ledger_bindings.note(listener, identity)


async def find_on_other_ledgers(database: Database, ledger: Ledger) -> Sequence[Unfinished]:
    """Return the unfinished payouts that are bound to another ledger than the one that the settings lead to.

    Raises:
        LedgerUnavailable: The ledger's identity cannot be read now.
    """
    async with database.unit_of_work() as work:
        unfinished = await work.ledger_bindings.find_unfinished()
    return await on_other_ledgers(ledger, unfinished)


async def on_other_ledgers(ledger: Ledger, unfinished: Sequence[Unfinished]) -> Sequence[Unfinished]:
    """Return those of some payouts that are bound to another ledger; without any payout, the ledger is not asked.

    Raises:
        LedgerUnavailable: The ledger's identity cannot be read now.
    """
    if not unfinished:
        return []
    identity = await ledger.identity()
    return [one for one in unfinished if contradict(one.ledger_identity, identity)]


def require_began_on(identity: str, distribution: Distribution) -> None:
    """Refuse a ledger that is not the one that a distribution was frozen on.

    Raises:
        AnotherLedger: The distribution was frozen on another ledger.
    """
    require(identity, distribution.ledger_identity, f"Payout {distribution.id} began on")
