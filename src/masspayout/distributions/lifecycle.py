"""Distributions: created, reviewed, stopped, cancelled. How they begin to be paid is a module of its own: ``starts``.

Every change of state is one compare-and-set; whoever comes second gets a Conflict that says how things stand.
"""

import uuid
from datetime import datetime

from masspayout import audit
from masspayout.audit import record_cancelled, record_created
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import Asset, Distribution, DistributionStatus, ExecutionType
from masspayout.db.repositories import refusing_second_obligation
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions.terms import check_schedule, from_terms
from masspayout.entitlements import freeze, freezing, payment_token_of
from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.kernel.next_steps import Action, Field
from masspayout.kernel.obligations import key_of_reference
from masspayout.kernel.payout_status import conflict
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.types import PaymentToken
from masspayout.registers import assets, ledger_binding


async def create(context: Context, asset: Asset, terms: PayoutTerms, *, now: datetime | None = None) -> Distribution:
    """Create a distribution. A MANUAL one is frozen at once, so that what will be paid can be reviewed.

    The register is read anew first. With a ``record_time`` that lies ahead the freeze waits for it; a SCHEDULED one
    freezes when it is due.

    Raises:
        Invalid: The terms are incomplete or contradict each other, or nobody is eligible. Nothing was written.
        Conflict: The asset has no payment token, or its contract works out the amounts itself.
        LedgerUnavailable: The ledger cannot be read now.
    """
    database, ledger, settings = context.database, context.ledger, context.settings
    now = now or await database.clock.now()
    token = await freezing.require_explicit_amounts(ledger, payment_token_of(settings, asset))
    distribution = from_terms(asset, terms, token)
    check_schedule(terms, now)
    distribution.obligation_key = _obligation_key(asset, terms, token)
    is_scheduled = terms.execution_type is ExecutionType.SCHEDULED
    waits = is_scheduled or (terms.record_time is not None and terms.record_time > now)
    reading = None
    if not is_scheduled:
        binding = await ledger_binding.bind(ledger, settings)
        await read_register(context, distribution, asset, identity=binding.identity)
        if not waits:
            async with database.unit_of_work() as work:
                asset = await work.assets.get(asset.id)
            reading = await freezing.read(ledger, settings, binding, distribution, asset)
    taken = _taken(asset, terms)
    with refusing_second_obligation(taken):
        async with database.unit_of_work() as work:
            key = distribution.obligation_key
            if key is not None and await work.distributions.find_by_obligation(key) is not None:
                raise taken
            await work.distributions.save(distribution)
            record_created(work, distribution)
            if reading is not None:
                await freeze(work, settings, distribution, reading)
                await approvals.demand(work, settings, distribution)
    return distribution


def _obligation_key(asset: Asset, terms: PayoutTerms, token: PaymentToken) -> str | None:
    """Return the key of what is paid, as its reference says; None without one: then the freeze makes it of the id."""
    if terms.reference is None:
        if terms.again > 1:
            raise Invalid(
                "Without a reference, every payout is another one: there is none to pay again.",
                "Add the ",
                Field.REFERENCE,
                " of the payout that is to be paid again, or leave out ",
                Field.AGAIN,
                ".",
            )
        return None
    return key_of_reference(
        asset_token_id=asset.token_id,
        payout_type=terms.type,
        token_id=token.token_id,
        reference=terms.reference,
        again=terms.again,
    )


def _taken(asset: Asset, terms: PayoutTerms) -> Conflict:
    return Conflict(
        f"There is a {terms.type} on {asset.token_id} with the reference {terms.reference!r} already.",
        "Look for it with: ",
        Action.LIST_DISTRIBUTIONS,
        ". To pay the same once more, add ",
        Field.AGAIN,
        f" {terms.again + 1}, or give another ",
        Field.REFERENCE,
        ".",
    )


async def read_register(
    context: Context,
    distribution: Distribution,
    asset: Asset,
    *,
    since: datetime | None = None,
    identity: str | None = None,
    is_recorded: bool = True,
) -> bool:
    """Read the register anew for a distribution that is still to be frozen from it, or that follows what a token says.

    Args:
        context: The parts of the process.
        distribution: The distribution.
        asset: The asset of the register, as it was just read.
        since: A register that was read after this time is new enough.
        identity: The ledger's identity, where it was asked before.
        is_recorded: True to record it in the audit trail; a preview is nothing that somebody did.

    Returns:
        True if the register was read.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    if distribution.is_frozen or (distribution.record_time is not None and distribution.contract_terms is None):
        return False
    if since is not None and asset.last_synced_at is not None and asset.last_synced_at >= since:
        return False
    await assets.sync(context.database, context.ledger, asset.id, identity=identity, is_recorded=is_recorded)
    return True


async def reopen_unfrozen(work: UnitOfWork, distribution_id: uuid.UUID) -> bool:
    """FAILED → PENDING for one that never got as far as its freeze. False when it is none of those."""
    if not await work.distributions.reopen_unfrozen(distribution_id):
        return False
    audit.record_move(
        work, "distribution.reopened", distribution_id, DistributionStatus.FAILED, DistributionStatus.PENDING
    )
    return True


async def cancel(work: UnitOfWork, distribution_id: uuid.UUID) -> None:
    """Call a distribution off for which nothing was sent: PENDING → CANCELLED.

    Raises:
        Conflict: It is not pending any more; or the database was restored, and may have forgotten that it was paid.
    """
    distributions = work.distributions
    distribution = await distributions.get(distribution_id)
    if distribution.status.can_cancel and await work.payers.may_miss_payments(distribution.payer_account_id):
        raise Conflict(
            f"Payout {distribution.id} may have been paid: the database was restored, and what the ledger shows "
            "was not read since.",
            "Sync the payer's statement first: ",
            Action.RECOVER,
        )
    if not await distributions.cancel(distribution_id):
        await work.refresh(distribution)
        raise conflict(distribution.id, distribution.status, "cancelled")
    record_cancelled(work, distribution_id)


async def find(work: UnitOfWork, reference: str | uuid.UUID) -> Distribution:
    """Return a distribution by its id, by the beginning of that or ``latest`` as somebody wrote it, with its asset.

    Raises:
        Invalid: Several ids begin with the reference.
        NotFound: There is no such distribution.
    """
    repository = work.distributions
    distribution_id = reference if isinstance(reference, uuid.UUID) else await repository.find_id(reference)
    found = await repository.find_by_id(distribution_id, with_asset=True)
    if found is None:
        raise NotFound(f"There is no payout {distribution_id}.", "List them with: ", Action.LIST_DISTRIBUTIONS)
    return found
