"""Previews: what executing a distribution would do, before anybody presses the button, or even creates it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from masspayout.context import Context
from masspayout.controls import frozen_token, held_amount
from masspayout.db.entities import Asset, Distribution
from masspayout.db.repositories import DryRun
from masspayout.distributions import lifecycle
from masspayout.distributions.csv_import import PayoutList
from masspayout.distributions.terms import from_terms
from masspayout.entitlements import (
    FreezeReading,
    excluded_accounts,
    freezing,
    nobody_holds,
    nothing_to_pay,
    payment_token_of,
    require_explicit_amounts,
    stage_balances,
)
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import subtract, to_decimal, to_units
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.spool import Spool
from masspayout.kernel.types import PaymentToken
from masspayout.payments import CHUNK_SIZE, ProgressCallback, RecipientCheck, chunks, ignore_progress
from masspayout.registers import ledger_binding


@dataclass(frozen=True, slots=True)
class _Division:
    """The amounts of a payout, before the ledger is asked about its recipients. Amounts are in whole payment tokens."""

    payable_count: int
    rounded_away_count: int
    total_amount: Decimal
    remainder_amount: Decimal
    largest_amount: Decimal
    smallest_amount: Decimal
    transaction_count: int


@dataclass(frozen=True, slots=True)
class Preview(_Division):
    """The result that executing a distribution would have. Amounts are in whole payment tokens.

    The ledger's fees, ``fee_amount``, and the funds for them, ``fee_funds_amount``, are in its own currency,
    ``fee_symbol``; there is none where nothing is charged. ``unchecked_count`` recipients were not checked.
    """

    funds_amount: Decimal
    unpayable: dict[str, str]
    unchecked_count: int
    takes_seconds: int
    fee_amount: Decimal
    fee_symbol: str | None
    fee_funds_amount: Decimal | None

    @property
    def shortfall_amount(self) -> Decimal:
        """The amount that the payer lacks."""
        return max(Decimal(0), subtract(self.total_amount, self.funds_amount))


async def preview(context: Context, distribution: Distribution) -> Preview:
    """Return what executing a frozen distribution would do, and which accounts could not receive it now.

    Raises:
        AnotherLedger: It began on another ledger.
        Conflict: It is not frozen yet.
        LedgerUnavailable: The ledger cannot be read now.
    """
    token = frozen_token(distribution)
    await ledger_binding.require_bound_ledger(context.database, context.ledger, distribution)
    largest = Decimal(0)
    smallest = distribution.total_amount or Decimal(0)
    recipients = Spool()
    async with context.database.unit_of_work() as work:
        async for holder in work.entitlements(distribution).stream():
            amount = holder.payment_amount
            if amount is not None and holder.is_payable:
                largest, smallest = max(largest, amount), min(smallest, amount)
                recipients.add([(holder.account_id, 0)])
    payable_count = distribution.payable_count or 0
    division = _Division(
        payable_count=payable_count,
        rounded_away_count=(distribution.entitlement_count or 0) - payable_count,
        total_amount=distribution.total_amount or Decimal(0),
        remainder_amount=distribution.remainder_amount or Decimal(0),
        largest_amount=largest,
        smallest_amount=smallest,
        transaction_count=distribution.batch_count or 0,
    )
    return await _ask_ledger(context, token, division, _accounts_of(recipients), ignore_progress)


async def dry_run(
    context: Context,
    asset: Asset,
    terms: PayoutTerms,
    *,
    now: datetime | None = None,
    on_progress: ProgressCallback = ignore_progress,
) -> Preview:
    """Return what a distribution with these terms would do if it were created and paid now. Nothing is written.

    The register is read anew first, as it is at creation. Balances of a record time that lies ahead are taken as they
    are now. The shares are worked out by the server, so that memory does not grow with the number of holders.

    Raises:
        Invalid: The terms are incomplete, or nobody is eligible.
        Conflict: The asset has no payment token, or its contract works out the amounts itself.
        LedgerUnavailable: The ledger cannot be read now.
    """
    ledger, settings, amount = context.ledger, context.settings, terms.amount
    now = now or await context.database.clock.now()
    if amount is None:
        raise Invalid("The amount is missing.", "Add an amount to preview the payout.")
    if terms.record_time is not None and terms.record_time > now:
        terms = replace(terms, record_time=None)
    token = await require_explicit_amounts(ledger, payment_token_of(settings, asset))
    planned = from_terms(asset, terms, token)
    binding = await ledger_binding.bind(ledger, settings)
    await lifecycle.read_register(context, planned, asset, identity=binding.identity, is_recorded=False)
    async with context.database.unit_of_work() as work:
        asset = await work.assets.get(asset.id)
    reading = await freezing.read(ledger, settings, binding, planned, asset)
    division, recipients = await _divide(context, planned, amount, reading)
    return await _ask_ledger(context, token, division, _accounts_of(recipients), on_progress)


async def _divide(
    context: Context, planned: Distribution, amount: Decimal, reading: FreezeReading
) -> tuple[_Division, Spool]:
    """Work out the shares of an amount as a freeze would, and return what they come to and who has one."""
    decimals, recipients = reading.token.decimals, Spool()
    async with context.database.unit_of_work() as work:
        asset = await work.assets.get(planned.asset_id)
        await stage_balances(work, reading, asset)
        excluded = excluded_accounts(planned, asset, reading.token)
        is_staged = reading.balances is not None
        shares = DryRun(work, planned, to_units(amount, decimals), excluded, staged=is_staged)
        totals = await shares.totals()
        if totals.entitlement_count == 0:
            raise nobody_holds(asset)
        if totals.payable_count == 0:
            raise nothing_to_pay(amount, totals.entitlement_count)
        async for account_ids in shares.account_chunks(CHUNK_SIZE):
            recipients.add((account_id, 0) for account_id in account_ids)
    total_amount = to_decimal(totals.total_units, decimals)
    division = _Division(
        payable_count=totals.payable_count,
        rounded_away_count=totals.entitlement_count - totals.payable_count,
        total_amount=total_amount,
        remainder_amount=subtract(amount, total_amount),
        largest_amount=to_decimal(totals.largest_units, decimals),
        smallest_amount=to_decimal(totals.smallest_units, decimals),
        transaction_count=-(-totals.payable_count // reading.binding.batch_size),
    )
    return division, recipients


async def dry_run_of_list(
    context: Context, token: PaymentToken, payout_list: PayoutList, *, on_progress: ProgressCallback = ignore_progress
) -> Preview:
    """Return what paying a list would do."""
    batch_size = ledger_binding.effective_batch_size(context.ledger, context.settings)
    division = _Division(
        payable_count=len(payout_list),
        rounded_away_count=0,
        total_amount=to_decimal(payout_list.total_units, token.decimals),
        remainder_amount=Decimal(0),
        largest_amount=to_decimal(max(payout_list.amounts_units), token.decimals),
        smallest_amount=to_decimal(min(payout_list.amounts_units), token.decimals),
        transaction_count=-(-len(payout_list) // batch_size),
    )
    return await _ask_ledger(context, token, division, _accounts_in(payout_list), on_progress)


async def _accounts_of(recipients: Spool) -> AsyncIterator[Sequence[str]]:
    async for page in recipients.pages(CHUNK_SIZE):
        yield [account_id for account_id, _ in page]


async def _accounts_in(payout_list: PayoutList) -> AsyncIterator[Sequence[str]]:
    for account_ids in chunks(payout_list.account_ids):
        yield account_ids


async def _ask_ledger(
    context: Context,
    token: PaymentToken,
    division: _Division,
    accounts: AsyncIterator[Sequence[str]],
    on_progress: ProgressCallback,
) -> Preview:
    """Ask the ledger who could not receive it, what the payer holds, how long it takes and what it costs."""
    recipients = RecipientCheck(context.ledger, context.settings, token, division.payable_count, on_progress)
    async for account_ids in accounts:
        await recipients.ask(account_ids)
    tariff = await context.ledger.tariff(token.payer_account_id, token.token_id, token.contract_terms)
    estimate = tariff.estimate(division.payable_count)
    fees = estimate.fees
    return Preview(
        **asdict(division),
        funds_amount=await held_amount(context.ledger, token),
        unpayable=recipients.unpayable,
        unchecked_count=recipients.unchecked_count,
        takes_seconds=estimate.seconds,
        fee_amount=Decimal(0) if fees is None else to_decimal(fees.units, fees.decimals),
        fee_symbol=None if fees is None else fees.symbol,
        fee_funds_amount=None if fees is None else to_decimal(fees.held_units, fees.decimals),
    )
