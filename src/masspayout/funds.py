"""Funds: what a payout needs against what the payer holds, before anything is sent."""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution
from masspayout.db.repositories import Entitlements
from masspayout.errors import Conflict, InsufficientFunds
from masspayout.freezing import PaymentToken
from masspayout.ledger.port import Ledger
from masspayout.money import subtract, to_decimal


def frozen_token(distribution: Distribution) -> PaymentToken:
    """Return what a frozen distribution is paid in and by whom.

    Raises:
        Conflict: It is not frozen yet.
    """
    token_id, decimals = distribution.payment_token_id, distribution.payment_token_decimals
    payer = distribution.payer_account_id
    if token_id is None or decimals is None or payer is None:
        record_time = distribution.record_time
        after = "" if record_time is None else f", after its record time {record_time:%Y-%m-%d %H:%M:%S} UTC"
        raise Conflict(
            f"Distribution {distribution.id} is not frozen yet, so what it will pay is not known.",
            f"It freezes when it is executed{after}.",
        )
    return PaymentToken(token_id, decimals, payer)


async def held_amount(ledger: Ledger, token: PaymentToken) -> Decimal:
    """Return what the payer holds, in whole payment tokens."""
    return to_decimal(await ledger.balance_units(token.payer_account_id, token.token_id), token.decimals)


async def require_for_unpaid(session: AsyncSession, ledger: Ledger, distribution: Distribution) -> None:
    """Check that the payer holds what a frozen distribution has still to pay.

    Raises:
        InsufficientFunds: It holds less; the shortfall is named.
    """
    due_amount = await Entitlements(session, distribution).unpaid_amount()
    await require(ledger, frozen_token(distribution), due_amount)


async def require(ledger: Ledger, token: PaymentToken, due_amount: Decimal) -> None:
    """Check that the payer could pay, and holds an amount of whole payment tokens.

    Raises:
        Conflict: Something keeps the payer from paying: its contract is paused, say, or no key of ours may use it.
        InsufficientFunds: It holds less; the shortfall is named.
    """
    await ledger.check_payer(token.payer_account_id, token.token_id)
    funds_amount = await held_amount(ledger, token)
    if funds_amount < due_amount:
        raise InsufficientFunds(
            f"The payer {token.payer_account_id} holds {funds_amount:,f} of {token.token_id}, "
            f"but {due_amount:,f} is due: {subtract(due_amount, funds_amount):,f} is missing.",
            f"Fund {token.payer_account_id}, then try again.",
        )
