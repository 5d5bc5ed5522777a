"""What began on one ledger ends there: another one knows nothing of it, and would say that nobody was paid.

An asset belongs to the ledger that it was imported from, a distribution to the one that it was frozen on, a listener to
the one that it first read. Of rows that are older than this knowledge, the next who works on them writes it down.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Asset, Distribution, EventListener
from masspayout.db.repositories import Homes, Unfinished
from masspayout.db.session import Database
from masspayout.errors import AnotherLedger
from masspayout.ledger.identity import contradict, settings_of
from masspayout.ledger.port import Ledger


async def require(ledger: Ledger, home: str | None, what: str) -> str:
    """Return which ledger the settings lead to, once it is known to be the one that something belongs to.

    Args:
        ledger: The one that the settings lead to.
        home: The identity that was written down, if one was.
        what: The beginning of the sentence that refuses: ``Distribution … began on``.

    Raises:
        AnotherLedger: It belongs to another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    found = await ledger.identity()
    if home is not None and contradict(home, found):
        raise AnotherLedger(
            f"{what} the ledger {home}, and the settings lead to {found} now: nothing was done.",
            f"Go on with {settings_of(home)}; see: masspayout doctor",
        )
    return found


async def require_of_asset(session: AsyncSession, ledger: Ledger, asset: Asset) -> str:
    """Return which ledger it is, once it is known to be the asset's.

    Raises:
        AnotherLedger: The asset was imported from another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    found = await require(ledger, asset.ledger_identity, f"Asset {asset.token_id} was imported from")
    await _note(session, asset, found)
    return found


async def require_of_distribution(session: AsyncSession, ledger: Ledger, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on.

    Raises:
        AnotherLedger: It was frozen on another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    found = await require(ledger, distribution.ledger_identity, f"Distribution {distribution.id} began on")
    if distribution.is_frozen:
        await _note(session, distribution, found)


async def require_home(database: Database, ledger: Ledger, distribution: Distribution) -> None:
    """Check that the ledger is the one that a distribution was frozen on. It is asked outside of any transaction.

    Args:
        database: Where the ledger is written down that is not known yet.
        ledger: The one that the settings lead to.
        distribution: It was read before, and its ledger does not change.

    Raises:
        AnotherLedger: It was frozen on another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    found = await require(ledger, distribution.ledger_identity, f"Distribution {distribution.id} began on")
    if distribution.is_frozen and distribution.ledger_identity is None:
        async with database.unit_of_work() as session:
            await _note(session, distribution, found)


async def require_of_listener(session: AsyncSession, ledger: Ledger, listener: EventListener) -> None:
    """Check that the ledger is the one whose events a listener's cursor stands among.

    Raises:
        AnotherLedger: It is another one.
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    found = await require(ledger, listener.ledger_identity, f"The listener for {listener.contract_id} reads")
    await _note(session, listener, found)


async def find_elsewhere(session: AsyncSession, ledger: Ledger) -> Sequence[Unfinished]:
    """Return what is to be paid, or is being paid, and belongs to another ledger than the settings lead to.

    Raises:
        LedgerUnavailable: Which one it is cannot be found out now.
    """
    unfinished = await Homes(session).find_unfinished()
    if not unfinished:
        return []
    found = await ledger.identity()
    return [one for one in unfinished if contradict(one.home, found)]


async def _note(session: AsyncSession, thing: Asset | Distribution | EventListener, found: str) -> None:
    if thing.ledger_identity is None:
        await Homes(session).note(thing, found)
