"""Funds: what a payout needs against what the payer holds, before anything is sent."""

from dataclasses import dataclass
from decimal import Decimal

from masspayout.db.entities import Distribution
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, InsufficientFunds
from masspayout.kernel.money import add, subtract, to_decimal
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.types import Due, PaymentToken
from masspayout.ledger.port import Fees, Ledger, Tariff


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
            f"Payout {distribution.id} is not frozen yet, so its amounts are not known.",
            f"It freezes when it is executed{after}.",
        )
    return PaymentToken(token_id, decimals, payer, distribution.contract_terms)


async def held_amount(ledger: Ledger, token: PaymentToken) -> Decimal:
    """Return what the payer holds, in whole payment tokens."""
    return to_decimal(await ledger.balance_units(token.payer_account_id, token.token_id), token.decimals)


@dataclass(frozen=True, slots=True)
class FundsReading:
    """The ledger's figures on a payer before a payment.

    Attributes:
        token: The payment token.
        held_amount: The balance, in whole payment tokens.
        tariff: The ledger's fees for paying.
        payer_error: The reason for which the payer cannot pay, if any.
    """

    token: PaymentToken
    held_amount: Decimal
    tariff: Tariff
    payer_error: Conflict | None = None


async def read(ledger: Ledger, token: PaymentToken) -> FundsReading:
    """Ask the ledger whether a payer could pay, what it holds and what that costs.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    payer_error = None
    try:
        await ledger.check_payer(token.payer_account_id, token.token_id, token.contract_terms)
    except Conflict as error:
        payer_error = error
    return FundsReading(
        token,
        await held_amount(ledger, token),
        await ledger.tariff(token.payer_account_id, token.token_id, token.contract_terms),
        payer_error,
    )


def check(reading: FundsReading, due: Due, promised_amount: Decimal = Decimal(0)) -> None:
    """Check that a payer can pay, and holds the amount due and the ledger's fees.

    Args:
        reading: The ledger's figures.
        due: The amount to pay.
        promised_amount: The amount still to be paid by payouts under way, which does not count as held.

    Raises:
        Conflict: Something keeps the payer from paying: its contract is paused, say, or no key of ours may use it.
        InsufficientFunds: It holds less; the shortfall is named.
    """
    if reading.payer_error is not None:
        raise reading.payer_error
    token = reading.token
    missing_amount = _missing_amount(reading, due, promised_amount)
    if missing_amount > 0:
        promised = f", {promised_amount:,f} of it promised to payouts under way" if promised_amount else ""
        raise InsufficientFunds(
            f"The payer {token.payer_account_id} holds {reading.held_amount:,f} of {token.token_id}{promised}, "
            f"but {due.amount:,f} is due: {missing_amount:,f} is missing.",
            f"Fund {token.payer_account_id}, then try again.",
        )
    fees = reading.tariff.estimate(due.recipient_count).fees
    if fees is not None:
        _require_fees(fees, token, due)


async def reserve(work: UnitOfWork, reading: FundsReading, due: Due) -> None:
    """Check that a payer could pay beside all that is under way, in the transaction in which a payout begins.

    Of several that begin at once, each waits until it is known whether those before it did. The ledger was read before
    what is promised is: what is just being paid is at worst left out, and never counted twice.

    Raises:
        Conflict: Something keeps the payer from paying.
        InsufficientFunds: It holds less than is due and promised; the shortfall is named.
    """
    payer = reading.token.payer_account_id
    promised_amount = await work.batch_payouts.promised_amount(payer, reading.token.token_id)
    try:
        check(reading, due, promised_amount)
    except InsufficientFunds as error:
        lacks_funds = _missing_amount(reading, due, promised_amount) > 0
        if not lacks_funds or not await work.payers.may_miss_payments(payer):
            raise
        next_step = NextStep(
            "The database was restored, and may lack payments. Sync the payer's statement first: ", Action.RECOVER
        )
        raise InsufficientFunds(error.message, next_step) from None


def _missing_amount(reading: FundsReading, due: Due, promised_amount: Decimal) -> Decimal:
    """Return by how much what is due and promised exceeds what the payer holds."""
    return subtract(add(due.amount, promised_amount), reading.held_amount)


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
