"""Previews: what executing a frozen distribution would do, before anybody presses the button."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution
from masspayout.db.repositories import Entitlements
from masspayout.funds import frozen_token, held_amount
from masspayout.ledger.port import Ledger
from masspayout.money import subtract

# How many accounts the ledger is asked about at once.
PREFLIGHT_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Preview:
    """What executing a frozen distribution would do. Amounts are in whole payment tokens."""

    payable_count: int
    rounded_away_count: int
    total_amount: Decimal
    remainder_amount: Decimal
    largest_amount: Decimal
    smallest_amount: Decimal
    transaction_count: int
    funds_amount: Decimal
    unpayable: dict[str, str]

    @property
    def shortfall_amount(self) -> Decimal:
        """What the payer lacks."""
        return max(Decimal(0), subtract(self.total_amount, self.funds_amount))


async def preview(session: AsyncSession, ledger: Ledger, distribution: Distribution) -> Preview:
    """Say what executing would do, and which accounts could not receive it as things stand.

    Raises:
        Conflict: It is not frozen yet.
    """
    token = frozen_token(distribution)
    largest = Decimal(0)
    smallest = distribution.total_amount or Decimal(0)
    unpayable: dict[str, str] = {}
    accounts: list[str] = []
    async for holder in Entitlements(session, distribution).stream():
        amount = holder.payment_amount
        if not amount:
            continue
        largest, smallest = max(largest, amount), min(smallest, amount)
        accounts.append(holder.account_id)
        if len(accounts) == PREFLIGHT_CHUNK:
            unpayable |= await ledger.preflight(token.token_id, accounts)
            accounts.clear()
    unpayable |= await ledger.preflight(token.token_id, accounts)
    payable_count = distribution.payable_count or 0
    return Preview(
        payable_count=payable_count,
        rounded_away_count=(distribution.entitlement_count or 0) - payable_count,
        total_amount=distribution.total_amount or Decimal(0),
        remainder_amount=distribution.remainder_amount or Decimal(0),
        largest_amount=largest,
        smallest_amount=smallest,
        transaction_count=distribution.batch_count or 0,
        funds_amount=await held_amount(ledger, token),
        unpayable=unpayable,
    )
