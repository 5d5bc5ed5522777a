"""The runtime: the only module that knows the ledger adapters and puts the parts together."""

import importlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL

from masspayout.context import Context
from masspayout.controls import policy_changes
from masspayout.db.opening import database_url, open_database
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.errors import Invalid
from masspayout.ledger.port import Ledger
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.service.doctor import Opening
from masspayout.settings import Settings


def make_ledger(url: URL, settings: Settings, clock: Callable[[], int] = time.time_ns) -> Ledger:
    """Return the ledger that the settings name. The adapter connects on first use.

    Args:
        url: The database, which holds the sandbox's books unless the sandbox has a database of its own.
        settings: The settings, which name the ledger and its addresses.
        clock: The database's time in nanoseconds since 1970.

    Raises:
        Invalid: A library of the adapter is not installed, or its settings are wrong.
    """
    ledger: Ledger
    if settings.ledger == "hedera":
        ledger = _import_adapter("hedera").HederaLedger(settings, clock=clock)
        return ledger
    if settings.ledger == "evm":
        ledger = _import_adapter("evm").EvmLedger(url, settings, clock=clock)
        return ledger
    return SandboxLedger(settings.sandbox_url or url, settings, clock=clock)


def share_clock(database: Database, ledger: Ledger) -> None:
    """Have *now* move with the sandbox's clock, which can be advanced; real ledgers go by real time."""
    if isinstance(ledger, SandboxLedger):
        database.clock.follow(ledger.clock_offset_nanos)


def opening() -> Opening:
    """Return the functions that open database and ledger for an examination, in any state."""
    return Opening(database_url, make_ledger, share_clock)


def contract_administration(context: Context) -> Any:
    """Return the administration of paying contracts, which EVM chains alone have.

    Raises:
        Invalid: ``LEDGER`` names another ledger.
    """
    if context.settings.ledger != "evm":
        raise Invalid(f"LEDGER={context.settings.ledger} has no paying contracts.", "Set LEDGER=evm and EVM_RPC_URL.")
    module = _import_adapter("evm", "administration")
    return module.Administration(context.ledger, context.database, context.settings.evm_gas_margin_percent)


def _import_adapter(name: str, module: str = "adapter") -> Any:
    """Import the adapter of a real ledger; its libraries are an optional installation."""
    try:
        return importlib.import_module(f"masspayout.ledger.{name}.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("masspayout"):
            raise
        raise Invalid(
            f"LEDGER={name} needs software that is not installed: {error.name}.",
            f"Install it with: pip install 'masspayout[{name}]'",
        ) from None


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Context]:
    """Open the database and the ledger, and close them again.

    The embedded database is migrated on the way, and gets its first policy; an external one is left as it is.

    Raises:
        DatabaseMismatch: The schema is not the one of this version; the message names the command that fixes it.
        DatabaseUnavailable: PostgreSQL cannot be reached, or refuses us.
    """
    async with open_database(settings) as database:
        if settings.uses_embedded_database:
            await policy_changes.adopt_environment(database, settings)
        ledger = make_ledger(database.url, settings, database.clock.now_nanos)
        share_clock(database, ledger)
        try:
            yield Context(settings, database, ledger, Jobs(database.url, connections=settings.connection_shares.jobs))
        finally:
            await ledger.close()
