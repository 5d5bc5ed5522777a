"""The tokens of the sandbox: their facts, and how they are distributed, minted and debited."""

from collections.abc import Iterable
from decimal import Decimal

import psycopg

from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.kernel.next_steps import Action
from masspayout.ledger.port import HolderBalance, TokenInformation
from masspayout.ledger.sandbox.store import Connection


async def find_token(connection: Connection, token_id: str) -> TokenInformation:
    """Return a token's facts.

    Raises:
        NotFound: There is no such token.
    """
    cursor = await connection.execute(
        """
        SELECT token_id, name, symbol, decimals, total_supply_units, treasury_account_id, paused
        FROM token WHERE token_id = %s
        """,
        [token_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"The sandbox has no token {token_id}.",
            "Create it: ",
            Action.CREATE_SANDBOX_TOKEN.on(token_id),
        )
    return TokenInformation(**{**row, "total_supply_units": int(row["total_supply_units"])})


async def token_exists(connection: Connection, token_id: str) -> bool:
    """Return True if there is a token of that id."""
    cursor = await connection.execute("SELECT FROM token WHERE token_id = %s", [token_id])
    return await cursor.fetchone() is not None


async def load_holders(connection: Connection, token_id: str, holders: Iterable[tuple[str, int]]) -> int:
    """Stream holders into the books. Return the sum of their balances."""
    handed_out_units = 0
    try:
        async with (
            connection.cursor() as cursor,
            cursor.copy("COPY holding (token_id, account_id, balance_units) FROM STDIN") as copy,
        ):
            for account_id, balance_units in map(HolderBalance._make, holders):
                handed_out_units += balance_units
                await copy.write_row((token_id, account_id, balance_units))
    except (psycopg.errors.UniqueViolation, psycopg.errors.CheckViolation) as error:
        raise Invalid(
            f"The holders of {token_id} cannot be loaded: {error.diag.message_detail or error}",
            "Every account must occur once, with a balance of 0 or more.",
        ) from error
    await connection.execute("ANALYZE holding")
    return handed_out_units


async def mint(connection: Connection, token_id: str, amount_units: int) -> None:
    """Add to the supply of a token; the record credits the recipient."""
    await connection.execute(
        "UPDATE token SET total_supply_units = total_supply_units + %s WHERE token_id = %s",
        [Decimal(amount_units), token_id],
    )


async def require_units(connection: Connection, token_id: str, amount_units: int, account_id: str) -> None:
    """Check that an account holds so many units.

    Raises:
        Conflict: The account holds less than that.
    """
    cursor = await connection.execute(
        """
        SELECT FROM holding
        WHERE token_id = %(token_id)s AND account_id = %(account_id)s AND balance_units >= %(units)s
        """,
        {"units": Decimal(amount_units), "token_id": token_id, "account_id": account_id},
    )
    if cursor.rowcount == 0:
        raise Conflict(
            f"{account_id} holds less than {amount_units} units of {token_id}.",
            "See what it holds: ",
            Action.SHOW_SANDBOX_BALANCE.on(account_id, token_id),
        )
