"""Payer statements: read from the ledger behind a cursor, page by page, and kept."""

import logging

from masspayout.db.entities import Payer
from masspayout.db.store import PayersPort, Store
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.identity import contradict
from masspayout.ledger.port import Ledger

_log = logging.getLogger(__name__)

# Progress is logged each time that so many debits were read.
_ENTRIES_A_LINE = 10_000


async def find_or_register(payers: PayersPort, ledger_identity: str, account: str) -> Payer:
    """Return the row of a payer; one that is new to this database is written.

    Args:
        payers: The repository, in a unit of work.
        ledger_identity: Which ledger it is on.
        account: Its id there.
    """
    for _ in range(2):
        for payer in await payers.find_of_account(account):
            if not contradict(payer.ledger, ledger_identity):
                return payer
        await payers.register(ledger_identity, account, await payers.installation())
    raise LedgerUnavailable(f"The payer {account} could not be written down.", "Try again.")


async def read_on(store: Store, ledger: Ledger, payer: Payer) -> None:
    """Read a statement from its cursor to what the ledger shows by now. Interrupted, it goes on where it stopped.

    Several processes may do so at once. Each goes on from where the others are, until it has seen the end itself: what
    is concluded from a statement is concluded from all of it.

    Raises:
        DatabaseForgot: The payer is gone.
        LedgerUnavailable: The ledger cannot be read now.
    """
    while not await _read_to_end(store, ledger, payer):
        async with store.unit_of_work() as work:
            found = await work.payers.lock(payer.id)
        payer.cursor, payer.read_until = found.cursor, found.read_until


async def _read_to_end(store: Store, ledger: Ledger, payer: Payer) -> bool:
    """Read a statement to its end. False when another process has read on meanwhile."""
    entry_count = 0
    async for page in ledger.statement(payer.account, after=payer.cursor):
        async with store.unit_of_work() as work:
            if not await work.payers.add_page(payer, page):
                return False
        payer.cursor, payer.read_until = page.cursor, page.read_until
        entry_count += len(page.entries)
        if entry_count >= _ENTRIES_A_LINE:
            _log.info("payer %s: its statement is read up to %s", payer.account, page.read_until)
            entry_count = 0
    return True


async def learn_opening(store: Store, ledger: Ledger, payer: Payer, token_id: str) -> None:
    """Ask what a payer held of a token when its statement began, where a person said when that is.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    if payer.beginning is None:
        return
    async with store.unit_of_work() as work:
        is_unknown = await work.payer_balances.has_unknown_opening(payer.id, token_id)
    if not is_unknown:
        return
    held_units = await ledger.held_units_at(payer.account, token_id, payer.beginning)
    if held_units is not None:
        async with store.unit_of_work() as work:
            await work.payer_balances.set_opening(payer.id, token_id, held_units)


async def read_again(store: Store, ledger: Ledger, payer: Payer, first: int, last: int) -> None:
    """Read a part of a statement again, and store the ledger's present answer.

    Args:
        store: Where it is kept.
        ledger: Where it is read.
        payer: The payer.
        first: The first position of the part.
        last: The last position.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    after = first - 1
    async for page in ledger.statement(payer.account, after=after):
        async with store.unit_of_work() as work:
            await work.payers.replace_entries(payer, page, after)
        after = page.cursor
        if after >= last:
            return
