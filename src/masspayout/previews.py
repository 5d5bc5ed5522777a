"""Previews: what executing a distribution would do, before anybody presses the button, or even creates it."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import distributions, same_ledger
from masspayout.db.entities import Asset, Distribution
from masspayout.db.repositories import Assets, Entitlements, Trial
from masspayout.db.session import Database
from masspayout.errors import Invalid
from masspayout.freezing import (
    PaymentToken,
    bring_balances,
    effective_batch_size,
    excluded_accounts,
    nobody_holds,
    nothing_to_pay,
    payment_token_of,
)
from masspayout.funds import frozen_token, held_amount
from masspayout.ledger.port import Ledger
from masspayout.money import subtract, to_decimal, to_units
from masspayout.payout_lists import PayoutList
from masspayout.recipients import CHUNK_SIZE, Checked, RecipientCheck, chunks
from masspayout.settings import Settings
from masspayout.terms import Terms, from_terms


@dataclass(frozen=True, slots=True)
class Preview:
    """What executing a distribution would do. Amounts are in whole payment tokens.

    What the ledger charges, ``fee_amount``, and what whoever is charged has for it, ``fee_funds_amount``, are in its
    own currency, ``fee_symbol``; there is none where nothing is charged. Of ``unchecked_count`` recipients it is not
    known whether they could receive it.
    """

    payable_count: int
    rounded_away_count: int
    total_amount: Decimal
    remainder_amount: Decimal
    largest_amount: Decimal
    smallest_amount: Decimal
    transaction_count: int
    funds_amount: Decimal
    unpayable: dict[str, str]
    unchecked_count: int
    takes_seconds: int
    fee_amount: Decimal
    fee_symbol: str | None
    fee_funds_amount: Decimal | None

    @property
    def shortfall_amount(self) -> Decimal:
        """What the payer lacks."""
        return max(Decimal(0), subtract(self.total_amount, self.funds_amount))


async def preview(session: AsyncSession, ledger: Ledger, settings: Settings, distribution: Distribution) -> Preview:
    """Say what executing would do, and which accounts could not receive it as things stand.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It is not frozen yet.
    """
    token = frozen_token(distribution)
    await same_ledger.require_of_distribution(session, ledger, distribution)
    largest = Decimal(0)
    smallest = distribution.total_amount or Decimal(0)
    recipients = RecipientCheck(ledger, settings, token, distribution.payable_count or 0)
    accounts: list[str] = []
    async for holder in Entitlements(session, distribution).stream():
        amount = holder.payment_amount
        if not amount:
            continue
        largest, smallest = max(largest, amount), min(smallest, amount)
        accounts.append(holder.account_id)
        if len(accounts) == CHUNK_SIZE:
            await recipients.ask(accounts)
            accounts.clear()
    await recipients.ask(accounts)
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
        unpayable=recipients.unpayable,
        unchecked_count=recipients.unchecked_count,
        **await _cost(ledger, token, payable_count),
    )


async def trial(
    database: Database,
    ledger: Ledger,
    settings: Settings,
    asset: Asset,
    terms: Terms,
    *,
    now: datetime,
    checked: Checked = lambda _: None,
) -> Preview:
    """Say what a distribution with these terms would do if it were created and paid now. Nothing of it is written.

    The register is read anew first, as it is at creation. Balances of a record time that lies ahead are taken as they
    are now. The shares are worked out by the server, so that memory does not grow with the number of holders.

    Raises:
        Invalid: The terms are incomplete, or nobody is eligible.
        Conflict: The asset has no payment token, or its contract works out the amounts itself.
        LedgerUnavailable: The ledger cannot be read now.
    """
    amount = terms.amount
    if amount is None:
        raise Invalid("There is no amount to divide.", "Give one, to see what it would come to.")
    token = await payment_token_of(ledger, settings, asset)
    if terms.record_time is not None and terms.record_time > now:
        terms = replace(terms, record_time=None)
    planned = from_terms(asset, terms, token)
    await distributions.read_register(database, ledger, planned)
    total_units = to_units(amount, token.decimals)
    async with database.unit_of_work() as session:
        asset = await Assets(session).get(asset.id)
        await bring_balances(session, ledger, planned, asset)
        is_staged = planned.record_time is not None
        excluded = excluded_accounts(planned, asset, token)
        shares = Trial(session, planned, total_units, excluded, staged=is_staged)
        totals = await shares.totals()
        if totals.entitlement_count == 0:
            raise nobody_holds(asset)
        if totals.payable_count == 0:
            raise nothing_to_pay(amount, totals.entitlement_count)
        recipients = RecipientCheck(ledger, settings, token, totals.payable_count, checked)
        async for account_ids in shares.account_chunks(CHUNK_SIZE):
            await recipients.ask(account_ids)
    total_amount = to_decimal(totals.total_units, token.decimals)
    return Preview(
        payable_count=totals.payable_count,
        rounded_away_count=totals.entitlement_count - totals.payable_count,
        total_amount=total_amount,
        remainder_amount=subtract(amount, total_amount),
        largest_amount=to_decimal(totals.largest_units, token.decimals),
        smallest_amount=to_decimal(totals.smallest_units, token.decimals),
        transaction_count=-(-totals.payable_count // effective_batch_size(ledger, settings)),
        funds_amount=await held_amount(ledger, token),
        unpayable=recipients.unpayable,
        unchecked_count=recipients.unchecked_count,
        **await _cost(ledger, token, totals.payable_count),
    )


async def trial_of_list(
    ledger: Ledger,
    settings: Settings,
    token: PaymentToken,
    payout_list: PayoutList,
    *,
    checked: Checked = lambda _: None,
) -> Preview:
    """Say what paying a list would do."""
    recipients = RecipientCheck(ledger, settings, token, len(payout_list), checked)
    for account_ids in chunks(payout_list.account_ids):
        await recipients.ask(account_ids)
    total_amount = to_decimal(payout_list.total_units, token.decimals)
    return Preview(
        payable_count=len(payout_list),
        rounded_away_count=0,
        total_amount=total_amount,
        remainder_amount=Decimal(0),
        largest_amount=to_decimal(max(payout_list.amounts_units), token.decimals),
        smallest_amount=to_decimal(min(payout_list.amounts_units), token.decimals),
        transaction_count=-(-len(payout_list) // effective_batch_size(ledger, settings)),
        funds_amount=await held_amount(ledger, token),
        unpayable=recipients.unpayable,
        unchecked_count=recipients.unchecked_count,
        **await _cost(ledger, token, len(payout_list)),
    )


class _Cost(TypedDict):
    takes_seconds: int
    fee_amount: Decimal
    fee_symbol: str | None
    fee_funds_amount: Decimal | None


async def _cost(ledger: Ledger, token: PaymentToken, recipient_count: int) -> _Cost:
    """Return the fields of a preview that say how long it takes and what the ledger charges."""
    payer = token.payer_account_id
    estimate = await ledger.estimate(payer, token.token_id, recipient_count, token.contract_terms)
    fees = estimate.fees
    return _Cost(
        takes_seconds=estimate.seconds,
        fee_amount=Decimal(0) if fees is None else to_decimal(fees.units, fees.decimals),
        fee_symbol=None if fees is None else fees.symbol,
        fee_funds_amount=None if fees is None else to_decimal(fees.held_units, fees.decimals),
    )
