"""Distributions: created, reviewed, executed, retried, cancelled.

Every change of state is one compare-and-set; whoever comes second gets a Conflict that says how things stand.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import assets
from masspayout.account_ids import canonical_account_id
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.repositories import BatchPayouts, Distributions, Entitlements, Share
from masspayout.db.session import Database
from masspayout.errors import Conflict, InsufficientFunds, Invalid, InvalidRows, NotFound
from masspayout.freezing import effective_batch_size, freeze, payment_token_of, record_freeze
from masspayout.jobs import Jobs
from masspayout.ledger.failures import describe_failure
from masspayout.ledger.port import Ledger
from masspayout.money import to_decimal, to_units
from masspayout.payout_lists import PayoutList, content_key
from masspayout.settings import Settings

_PREFLIGHT_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody wants paid out. ``amount`` is in whole payment tokens."""

    type: DistributionType
    payout_type: PayoutType | None
    amount: Decimal | None
    execution_type: ExecutionType = ExecutionType.MANUAL
    concept: str | None = None
    record_time: datetime | None = None
    excluded_accounts: Sequence[str] = field(default=())
    included_accounts: Sequence[str] = field(default=())


async def create(database: Database, ledger: Ledger, settings: Settings, asset: Asset, terms: Terms) -> Distribution:
    """Create a distribution and freeze it, so that what will be paid can be reviewed.

    The register is read anew first. With a ``record_time`` that lies ahead the freeze waits for it.

    Raises:
        Invalid: The terms are incomplete or contradict each other, or nobody is eligible. Nothing was written.
        Conflict: The asset has no payment token.
    """
    distribution = _from_terms(asset, terms)
    token = payment_token_of(asset, settings)
    to_units(terms.amount or Decimal(0), token.decimals)
    waits = terms.record_time is not None and terms.record_time > datetime.now(UTC)
    if terms.record_time is None:
        await assets.sync(database, ledger, asset.id)
    async with database.unit_of_work() as session:
        await Distributions(session).save(distribution)
        if not waits:
            await freeze(session, ledger, settings, distribution)
    return distribution


async def create_from_list(
    database: Database,
    ledger: Ledger,
    settings: Settings,
    asset: Asset,
    payout_list: PayoutList,
    *,
    distribution_type: DistributionType = DistributionType.SNAPSHOT,
    concept: str | None = None,
) -> Distribution:
    """Create a distribution that pays a list as it is.

    The same list, in the same token and for the same concept, is one obligation and makes one distribution.

    Raises:
        Conflict: There is a distribution for this list already.
    """
    token = payment_token_of(asset, settings)
    total_amount = to_decimal(payout_list.total_units, token.decimals)
    distribution = Distribution(
        asset_id=asset.id,
        type=distribution_type,
        execution_type=ExecutionType.MANUAL,
        amount=total_amount,
        concept=concept,
        obligation_key=content_key(payout_list, payment_token_id=token.token_id, concept=concept),
    )
    shares = (Share(account_id, 0, amount_units) for account_id, amount_units in payout_list)
    try:
        async with database.unit_of_work() as session:
            totals = await Distributions(session).create_distribution_with_holders(
                distribution, shares, decimals=token.decimals, batch_size=effective_batch_size(ledger, settings)
            )
            await record_freeze(session, distribution, token, totals, None, promised=total_amount)
    except IntegrityError as error:
        if "idx_distribution_obligation" not in str(error.orig):
            raise
        raise Conflict(
            "There is a distribution for this very list already.",
            "If it is to be paid once more, say what for with another --concept.",
        ) from None
    return distribution


def payment_decimals(asset: Asset, settings: Settings) -> int:
    """Return how many decimals the amounts of an asset's payouts have.

    Raises:
        Conflict: The asset has no payment token.
    """
    return payment_token_of(asset, settings).decimals


async def check_list(
    ledger: Ledger, settings: Settings, asset: Asset, payout_list: PayoutList, *, allow_unpayable: bool = False
) -> None:
    """Check, before anything is written, that a list can be paid as it is.

    Args:
        ledger: Where it is to be paid.
        settings: Who pays.
        asset: Whose payment token it is paid in.
        payout_list: Who is to get what.
        allow_unpayable: Let accounts pass that cannot receive the token; they will fail and can be retried.

    Raises:
        InsufficientFunds: The payer holds less than the list's total.
        InvalidRows: Some accounts cannot receive the token; all of them are named.
    """
    token = payment_token_of(asset, settings)
    _compare_funds(
        token.payer_account_id,
        token.token_id,
        funds=to_decimal(await ledger.balance_units(token.payer_account_id, token.token_id), token.decimals),
        due=to_decimal(payout_list.total_units, token.decimals),
    )
    if allow_unpayable:
        return
    problems: list[str] = []
    for start in range(0, len(payout_list), _PREFLIGHT_CHUNK):
        accounts = payout_list.account_ids[start : start + _PREFLIGHT_CHUNK]
        found = await ledger.preflight(token.token_id, accounts)
        problems += [f"{account}: {describe_failure(code).sentence}" for account, code in sorted(found.items())]
    if problems:
        raise InvalidRows(
            f"{len(problems):,} of {len(payout_list):,} accounts cannot receive {token.token_id}; nobody was paid.",
            problems,
            "Have these accounts mended, or pay all the others now with --allow-unpayable.",
        )


async def start_or_resume(
    session: AsyncSession, ledger: Ledger, settings: Settings, jobs: Jobs, distribution_id: uuid.UUID
) -> None:
    """Do what is next for an obligation that is to be paid: execute it, go on with it, or retry what failed.

    Raises:
        Conflict: It is paid already.
    """
    distribution = await Distributions(session).get(distribution_id)
    if distribution.status.can_execute:
        await execute(session, ledger, settings, jobs, distribution_id)
    elif distribution.status.can_retry:
        await retry(session, ledger, jobs, distribution_id)
    elif distribution.status.is_final:
        raise Conflict(
            f"This list was paid already, by distribution {distribution_id} of "
            f"{distribution.executed_at or distribution.created_at:%Y-%m-%d %H:%M:%S} UTC.",
            "If it is to be paid once more, say what for with another --concept.",
        )


async def find_by_list(
    session: AsyncSession, settings: Settings, asset: Asset, payout_list: PayoutList, *, concept: str | None
) -> Distribution | None:
    """Return the distribution that pays this very list, if there is one."""
    token = payment_token_of(asset, settings)
    key = content_key(payout_list, payment_token_id=token.token_id, concept=concept)
    return await Distributions(session).find_by_obligation(key)


async def execute(
    session: AsyncSession, ledger: Ledger, settings: Settings, jobs: Jobs, distribution_id: uuid.UUID
) -> None:
    """Start paying: PENDING → PROCESSING, with the jobs that do it, in the caller's transaction.

    Raises:
        Conflict: It is not pending, or its record time lies ahead.
        InsufficientFunds: The payer holds less than the frozen total.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_execute and not distribution.is_frozen:
        _require_record_time_passed(distribution)
        await freeze(session, ledger, settings, distribution)
    if distribution.status.can_execute:
        await _require_funds(session, ledger, distribution)
    if not await distributions.begin(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "executed")
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def retry(session: AsyncSession, ledger: Ledger, jobs: Jobs, distribution_id: uuid.UUID) -> None:
    """Try again to pay those who are unpaid, and nobody else: FAILED → PROCESSING.

    Raises:
        Conflict: It has not failed.
        InsufficientFunds: The payer holds less than what is unpaid.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_retry:
        await _require_funds(session, ledger, distribution)
    if not await distributions.begin_retry(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "retried")
    batches = BatchPayouts(session)
    await batches.reopen_failed(distribution_id)
    await jobs.enqueue_payment(session, distribution_id, batch_count=distribution.batch_count or 0)


async def cancel(session: AsyncSession, distribution_id: uuid.UUID) -> None:
    """Call a distribution off for which nothing was sent: PENDING → CANCELLED.

    Raises:
        Conflict: It is not pending any more.
    """
    distributions = Distributions(session)
    distribution = await distributions.get(distribution_id)
    if not await distributions.cancel(distribution_id):
        await session.refresh(distribution)
        raise _conflict(distribution, "cancelled")


async def find(session: AsyncSession, reference: str) -> Distribution:
    """Return a distribution by its id, with its asset.

    Raises:
        NotFound: There is none, or the reference is no id.
    """
    try:
        distribution = await Distributions(session).find_by_id(uuid.UUID(reference), with_asset=True)
    except ValueError:
        distribution = None
    if distribution is None:
        raise NotFound(f"There is no distribution {reference!r}.", "List them with: masspayout distribution list")
    return distribution


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
        return max(Decimal(0), self.total_amount - self.funds_amount)


async def preview(session: AsyncSession, ledger: Ledger, distribution: Distribution) -> Preview:
    """Say what executing would do, and which accounts could not receive it as things stand.

    Raises:
        Conflict: It is not frozen yet.
    """
    token_id, decimals, payer = _frozen_terms(distribution)
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
        if len(accounts) == _PREFLIGHT_CHUNK:
            unpayable |= await ledger.preflight(token_id, accounts)
            accounts.clear()
    unpayable |= await ledger.preflight(token_id, accounts)
    payable_count = distribution.payable_count or 0
    return Preview(
        payable_count=payable_count,
        rounded_away_count=(distribution.entitlement_count or 0) - payable_count,
        total_amount=distribution.total_amount or Decimal(0),
        remainder_amount=distribution.remainder_amount or Decimal(0),
        largest_amount=largest,
        smallest_amount=smallest,
        transaction_count=distribution.batch_count or 0,
        funds_amount=to_decimal(await ledger.balance_units(payer, token_id), decimals),
        unpayable=unpayable,
    )


def _from_terms(asset: Asset, terms: Terms) -> Distribution:
    if terms.execution_type is not ExecutionType.MANUAL:
        raise Invalid(
            f"Execution {terms.execution_type} is not available yet.", "Use --execution MANUAL and execute it yourself."
        )
    if terms.payout_type is None:
        raise Invalid(
            "The payout type is missing: how is the amount to be divided?",
            "Say --payout PERCENTAGE (pro rata to balances) or --payout FIXED (the same for everyone).",
        )
    if terms.amount is None or not terms.amount.is_finite() or terms.amount <= 0:
        raise Invalid(f"{terms.amount} is not an amount that can be paid out.", "Say --amount with a number above 0.")
    return Distribution(
        asset_id=asset.id,
        type=terms.type,
        execution_type=terms.execution_type,
        payout_type=terms.payout_type,
        amount=terms.amount,
        concept=terms.concept,
        record_time=terms.record_time,
        excluded_accounts=[canonical_account_id(account) for account in terms.excluded_accounts],
        included_accounts=[canonical_account_id(account) for account in terms.included_accounts],
    )


def _frozen_terms(distribution: Distribution) -> tuple[str, int, str]:
    token_id, decimals = distribution.payment_token_id, distribution.payment_token_decimals
    payer = distribution.payer_account_id
    if token_id is None or decimals is None or payer is None:
        raise Conflict(
            f"Distribution {distribution.id} is not frozen yet, so what it will pay is not known.",
            f"It freezes at its record time: {distribution.record_time:%Y-%m-%d %H:%M:%S} UTC.",
        )
    return token_id, decimals, payer


async def _require_funds(session: AsyncSession, ledger: Ledger, distribution: Distribution) -> None:
    token_id, decimals, payer = _frozen_terms(distribution)
    due = await Entitlements(session, distribution).unpaid_amount()
    funds = to_decimal(await ledger.balance_units(payer, token_id), decimals)
    _compare_funds(payer, token_id, funds=funds, due=due)


def _compare_funds(payer: str, token_id: str, *, funds: Decimal, due: Decimal) -> None:
    if funds < due:
        raise InsufficientFunds(
            f"The payer {payer} holds {funds:,f} of {token_id}, but {due:,f} is due: {due - funds:,f} is missing.",
            f"Fund {payer}, then try again.",
        )


def _require_record_time_passed(distribution: Distribution) -> None:
    record_time = distribution.record_time
    if record_time is not None and record_time > datetime.now(UTC):
        raise Conflict(
            f"Distribution {distribution.id} takes the balances of {record_time:%Y-%m-%d %H:%M:%S} UTC, "
            "which lies ahead.",
            "Execute it after that time.",
        )


def _conflict(distribution: Distribution, verb: str) -> Conflict:
    next_step = {
        DistributionStatus.PENDING: f"Execute it with: masspayout distribution execute {distribution.id}",
        DistributionStatus.PROCESSING: f"Watch it with: masspayout distribution show {distribution.id}",
        DistributionStatus.COMPLETED: f"Prove it with: masspayout reconcile {distribution.id}",
        DistributionStatus.FAILED: f"Pay the unpaid with: masspayout distribution retry {distribution.id}",
        DistributionStatus.CANCELLED: "Create a new one with: masspayout distribution create",
    }
    return Conflict(
        f"Distribution {distribution.id} cannot be {verb}: it is {distribution.status}.", next_step[distribution.status]
    )
