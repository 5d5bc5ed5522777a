"""Funds: what a payout needs against what the payer holds, before anything is sent."""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution
from masspayout.db.repositories import BatchPayouts, Due, Payers
from masspayout.errors import Conflict, InsufficientFunds
from masspayout.freezing import PaymentToken
from masspayout.ledger.port import Fees, Ledger
from masspayout.money import add, subtract, to_decimal


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
    return PaymentToken(token_id, decimals, payer, distribution.contract_terms)


async def held_amount(ledger: Ledger, token: PaymentToken) -> Decimal:
    """Return what the payer holds, in whole payment tokens."""
    return to_decimal(await ledger.balance_units(token.payer_account_id, token.token_id), token.decimals)


async def require(ledger: Ledger, token: PaymentToken, due: Due, *, session: AsyncSession | None = None) -> None:
    """Check that the payer could pay, and holds what is due and what the ledger charges for paying it.

    With a session, what payouts under way have still to pay is not counted as held; of several that begin at once, each
    waits until it is known whether those before it did.

    Raises:
        Conflict: Something keeps the payer from paying: its contract is paused, say, or no key of ours may use it.
        InsufficientFunds: It holds less; the shortfall is named.
    """
    await ledger.check_payer(token.payer_account_id, token.token_id, token.contract_terms)
    # In this order, what is just being paid is at worst left out, and never counted twice.
    funds_amount = await held_amount(ledger, token)
    promised_amount = Decimal(0)
    if session is not None:
        promised_amount = await BatchPayouts(session).promised_amount(token.payer_account_id, token.token_id)
    missing_amount = subtract(add(due.amount, promised_amount), funds_amount)
    if missing_amount > 0:
        promised = f", {promised_amount:,f} of it promised to payouts under way" if promised_amount else ""
        raise InsufficientFunds(
            f"The payer {token.payer_account_id} holds {funds_amount:,f} of {token.token_id}{promised}, "
            f"but {due.amount:,f} is due: {missing_amount:,f} is missing.",
            await _next_step(session, token.payer_account_id),
        )
    payer = token.payer_account_id
    fees = (await ledger.estimate(payer, token.token_id, due.recipient_count, token.contract_terms)).fees
    if fees is not None:
        _require_fees(fees, token, due)


async def _next_step(session: AsyncSession | None, account: str) -> str:
    """Return what to do about missing funds: a database that was restored may be missing payments instead."""
    if session is not None and await Payers(session).may_miss_payments(account):
        return "The database was restored, and may not know all that was paid. Find out first: masspayout recover"
    return f"Fund {account}, then try again."


def _require_fees(fees: Fees, token: PaymentToken, due: Due) -> None:
    """Check that whoever is charged can pay the ledger, beside what is due where both are of one currency."""
    fee_amount = to_decimal(fees.units, fees.decimals)
    free_amount = to_decimal(fees.held_units, fees.decimals)
    if fees.token_id == token.token_id and fees.account_id == token.payer_account_id:
        free_amount = subtract(free_amount, due.amount)
    if free_amount < fee_amount:
        raise InsufficientFunds(
            f"Paying {due.recipient_count:,} recipients costs about {fee_amount:,f} {fees.symbol} in fees, "
            f"and {fees.account_id} has {free_amount:,f} for them.",
            f"Fund {fees.account_id} with {fees.symbol}, then try again.",
        )
