"""Payout lists: who gets what comes from a file, not from the register.

A list is an obligation: the same list, by the same payer, in the same token, for the same concept and with the same
reference, is paid once, however often it is sent, and whatever the database forgot.
"""

import uuid

from masspayout.audit import record_created
from masspayout.context import Context
from masspayout.controls import approvals, funds
from masspayout.db.entities import Asset, Distribution, ExecutionType
from masspayout.db.repositories import refusing_second_obligation
from masspayout.db.types import uuid7
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import starts
from masspayout.distributions.csv_import import PayoutList, content_key
from masspayout.distributions.terms import columns
from masspayout.entitlements import payment_token_of, record_freeze, require_explicit_amounts
from masspayout.kernel.errors import Conflict, InvalidRows
from masspayout.kernel.money import to_decimal
from masspayout.kernel.next_steps import Action, Field
from masspayout.kernel.obligations import key_of_list
from masspayout.kernel.payout_terms import LIST_TERMS, PayoutTerms
from masspayout.kernel.types import Due, PaymentToken, Share
from masspayout.ledger.failures import describe_failure
from masspayout.payments import RecipientCheck, chunks
from masspayout.registers import assets, ledger_binding


async def payment_token(context: Context, token_id: str) -> PaymentToken:
    """Return what a list is to be paid in, as the ledger describes it.

    Raises:
        Invalid: The id has the wrong form, or recipients would not get what is paid in the token.
        NotFound: The ledger knows no such token.
        Conflict: The payer is a contract that works out the amounts itself.
    """
    found = await assets.find_payment_token(context.ledger, token_id)
    token = PaymentToken(found.token_id, found.decimals, context.settings.payer_account_id)
    return await require_explicit_amounts(context.ledger, token)


async def payment_token_of_asset(context: Context, asset: Asset) -> PaymentToken:
    """Return what a list is to be paid in that names no token: what the distributions of its asset are paid in.

    Raises:
        Conflict: The asset has no payment token, or the payer is a contract that works out the amounts itself.
    """
    return await require_explicit_amounts(context.ledger, payment_token_of(context.settings, asset))


async def check(
    context: Context, token: PaymentToken, payout_list: PayoutList, *, allow_unpayable: bool = False
) -> int:
    """Check, before anything is written, that a list can be paid as it is.

    Returns of how many accounts it could not be found out whether they can receive the token.

    Args:
        context: Where it is to be paid; ``PREFLIGHT_CLOSE_LOOKS`` counts.
        token: The payment token and the payer.
        payout_list: The accounts and amounts.
        allow_unpayable: Let accounts pass that cannot receive the token; they will fail and can be retried.

    Raises:
        InsufficientFunds: The payer holds less than the list's total.
        InvalidRows: Some accounts cannot receive the token; all of them are named.
    """
    due = Due(len(payout_list), to_decimal(payout_list.total_units, token.decimals))
    funds.check(await funds.read(context.ledger, token), due)
    if allow_unpayable:
        return 0
    recipients = RecipientCheck(context.ledger, context.settings, token, len(payout_list))
    for account_ids in chunks(payout_list.account_ids):
        await recipients.ask(account_ids)
    unpayable = sorted(recipients.unpayable.items())
    problems = [f"{account}: {describe_failure(code).sentence}" for account, code in unpayable]
    if problems:
        raise InvalidRows(
            f"{len(problems):,} of {len(payout_list):,} accounts cannot receive {token.token_id}; no payment was sent.",
            problems,
            "Fix these accounts, or pay all the others now with ",
            Field.ALLOW_UNPAYABLE,
            ".",
        )
    return recipients.unchecked_count


async def create(
    context: Context,
    asset: Asset,
    token: PaymentToken,
    payout_list: PayoutList,
    terms: PayoutTerms,
) -> Distribution:
    """Create a distribution of an asset that pays a list as it is, in whichever token.

    The same list, by the same payer, in the same token, for the same concept and with the same reference, is one
    obligation and makes one distribution, unless it is to be paid again.

    Raises:
        Conflict: There is a distribution for this list already.
    """
    binding = await ledger_binding.bind(context.ledger, context.settings)
    keys = _obligation_keys(token, payout_list, terms)
    total_amount = to_decimal(payout_list.total_units, token.decimals)
    distribution = Distribution(
        id=terms.id or uuid7(),
        asset_id=asset.id,
        execution_type=ExecutionType.MANUAL,
        amount=total_amount,
        obligation_key=keys[0],
        **columns(terms, LIST_TERMS),
    )
    shares = (Share(account_id, 0, amount_units) for account_id, amount_units in payout_list)
    taken = Conflict(
        "There is a payout for this very list already.",
        "Pay that one: ",
        Action.PAY_LIST,
        " goes on with it. To pay the list once more, add ",
        Field.AGAIN,
        f" {terms.again + 1}, or give another ",
        Field.CONCEPT,
        " or ",
        Field.REFERENCE,
        ".",
    )
    with refusing_second_obligation(taken):
        async with context.database.unit_of_work() as work:
            if await work.distributions.find_by_obligation(*keys) is not None:
                raise taken
            totals = await work.distributions.create_distribution_with_holders(
                distribution, shares, decimals=token.decimals, batch_size=binding.batch_size
            )
            record_created(work, distribution)
            await record_freeze(work, binding, distribution, token, totals, None, promised=total_amount)
            await approvals.demand(work, context.settings, distribution)
    return distribution


async def find(
    work: UnitOfWork, token: PaymentToken, payout_list: PayoutList, terms: PayoutTerms
) -> Distribution | None:
    """Return the distribution that pays this very list, if there is one."""
    return await work.distributions.find_by_obligation(*_obligation_keys(token, payout_list, terms))


async def was_paid_before(work: UnitOfWork, token: PaymentToken, payout_list: PayoutList, terms: PayoutTerms) -> bool:
    """Return whether the ledger shows payments of this very list that the database does not know."""
    key = _obligation_keys(token, payout_list, terms)[0]
    return await work.payers.has_unmatched_of(token.payer_account_id, key)


def _obligation_keys(token: PaymentToken, payout_list: PayoutList, terms: PayoutTerms) -> tuple[str, ...]:
    """Return the key of a list, and those that earlier rules made of it: what has one of these is paid already."""
    key = key_of_list(
        payout_list,
        payer_account_id=token.payer_account_id,
        token_id=token.token_id,
        concept=terms.concept,
        reference=terms.reference,
        again=terms.again,
    )
    # The lists that earlier rules made keys of had no reference, and were paid once.
    if terms.again > 1 or terms.reference is not None:
        return (key,)
    return key, content_key(payout_list, payment_token_id=token.token_id, concept=terms.concept)


async def start_or_resume(context: Context, distribution_id: uuid.UUID) -> None:
    """Do what is next for an obligation that is to be paid: execute it, go on with it, or retry what failed.

    Raises:
        Conflict: It is paid already.
    """
    async with context.database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
    if distribution.status.can_execute:
        await starts.execute(context, distribution_id)
    elif distribution.status.can_retry:
        await starts.retry(context, distribution_id)
    elif distribution.status.is_final:
        raise Conflict(
            f"This list was paid already, by payout {distribution_id} of "
            f"{distribution.executed_at or distribution.created_at:%Y-%m-%d %H:%M:%S} UTC.",
            "To pay it once more, add ",
            Field.AGAIN,
            " 2, or say what for with another ",
            Field.CONCEPT,
            ".",
        )
