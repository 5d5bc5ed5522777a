"""Checks of the ledger: that it answers, that the payment tokens move, that the payer can pay what is due."""

from collections import defaultdict
from collections.abc import Iterable

from masspayout.db.diagnosis import Unpaid
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import NotFound
from masspayout.kernel.money import subtract, to_decimal, total
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.ledger.failures import PAYER_IS_RECIPIENT, describe_failure
from masspayout.ledger.identity import contradict, settings_of
from masspayout.registers import ledger_binding
from masspayout.service.doctor.examination import Examination, Problem


async def ledger_answers(examination: Examination) -> str:
    """The ledger can be reached and knows the tokens that were imported from it.

    Only imported tokens are asked for: a sandbox that was never used is left alone.
    """
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        known_tokens = await work.ledger_bindings.find_token_ledgers()
    examination.ledger = examination.opening.make_ledger(examination.url, examination.settings, examination.clock)
    examination.opened.push_async_callback(examination.ledger.close)
    name = examination.ledger.traits.name
    state = await examination.ledger.examine()
    identity = await examination.ledger.identity() if known_tokens else ""
    token_ids = sorted(
        {token_id for token_id, bound_identity in known_tokens if not contradict(bound_identity or identity, identity)}
    )
    unknown = []
    for token_id in token_ids:
        try:
            await examination.ledger.token(token_id)
        except NotFound:
            unknown.append(token_id)
    if unknown:
        raise Problem(
            f"The ledger {name} does not know {len(unknown)} of our tokens: {', '.join(unknown)}.",
            "Check that LEDGER and the DATABASE_* settings are those that they were imported with; see the assets: ",
            Action.LIST_ASSETS,
        )
    if not token_ids:
        return state or f"Nothing of it is imported yet, so there is nothing to ask the ledger {name}."
    return f"The ledger {name} answers, and knows all {len(token_ids)} tokens. {state}".rstrip()


async def payouts_are_bound_to_this_ledger(examination: Examination) -> str:
    """Every unfinished payout is bound to the ledger that the settings lead to."""
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        unfinished = await work.ledger_bindings.find_unfinished()
    on_other_ledgers = await ledger_binding.on_other_ledgers(examination.ledger, unfinished)
    if not on_other_ledgers:
        return "Nothing waits on another one."
    bound_identity = on_other_ledgers[0].ledger_identity
    not_begun = [one.distribution_id for one in on_other_ledgers if one.status.can_cancel]
    way = NextStep(f"Go on with {settings_of(bound_identity)}, then: ", Action.START_WORKER)
    if not_begun:
        call_off = ("Cancel what has not begun (", Action.CANCEL_DISTRIBUTION.on(not_begun[0]), ")")
        way = NextStep(*call_off, f", or go on with {settings_of(bound_identity)}, then: ", Action.START_WORKER)
    raise Problem(
        f"{len(on_other_ledgers)} payout(s) wait on another ledger than {await examination.ledger.identity()}, "
        f"to which the settings lead; the first of them on {bound_identity}.",
        way,
        details=[f"{one.distribution_id} {one.status}: {one.ledger_identity}" for one in on_other_ledgers],
    )


async def tokens_can_be_paid_in(examination: Examination) -> str:
    """No payment token is paused."""
    unpaid = await examination.diagnosis.unpaid()
    token_ids = sorted({due.payment_token_id for due in unpaid})
    paused = [token_id for token_id in token_ids if (await examination.ledger.token(token_id)).paused]
    if not paused:
        return "None that is needed is paused." if token_ids else "Nothing is due."
    raise Problem(
        f"The payment token {', '.join(paused)} is paused, and payouts are due in it.",
        "Have it unpaused by the holder of its pause key (on the sandbox: ",
        Action.UNPAUSE_ON_SANDBOX.on(paused[0]),
        "), then: ",
        Action.EXAMINE,
        details=[_line(due) for due in unpaid if due.payment_token_id in paused],
    )


async def payer_can_pay(examination: Examination) -> str:
    """The payer holds the sum that all frozen distributions still need, and is able to send it."""
    unpaid = [due for due in await examination.diagnosis.unpaid() if due.amount > 0]
    for (payer, token_id), dues in _by_payer_and_token(unpaid).items():
        await _require_able(examination, payer, token_id)
        held_units = await examination.ledger.balance_units(payer, token_id)
        held = to_decimal(held_units, dues[0].payment_token_decimals)
        needed = total(due.amount for due in dues)
        missing = subtract(needed, held)
        if missing > 0:
            raise Problem(
                f"The payer {payer} holds {held:,f} of {token_id}, and {len(dues)} payout(s) need {needed:,f}: "
                f"{missing:,f} are missing.",
                f"Fund {payer} (on the sandbox: ",
                Action.DEPOSIT_ON_SANDBOX.on(token_id, f"{missing:f}", payer),
                "), then: ",
                Action.EXAMINE,
                details=[_line(due) for due in dues],
            )
    return f"Funded for {len(unpaid)} payout(s) that are due." if unpaid else "Nothing is due."


async def _require_able(examination: Examination, payer: str, token_id: str) -> None:
    """Refuse a payer that is itself frozen, deleted or not associated: it cannot send any more than it can receive."""
    await examination.ledger.check_payer(payer, token_id)
    code = (await examination.ledger.preflight(payer, token_id, [payer])).failures.get(payer)
    # A contract as payer cannot be its own recipient, and need not be.
    if code not in (None, PAYER_IS_RECIPIENT):
        failure = describe_failure(code)
        raise Problem(
            f"The payer {payer} cannot send {token_id}: {failure.code}. {failure.sentence}",
            "Fix the payer's account (on the sandbox: ",
            Action.UNFREEZE_ON_SANDBOX.on(payer, token_id),
            " or ",
            Action.ASSOCIATE_ON_SANDBOX.on(payer, token_id),
            "), then: ",
            Action.EXAMINE,
        )


def _by_payer_and_token(unpaid: Iterable[Unpaid]) -> dict[tuple[str, str], list[Unpaid]]:
    grouped: dict[tuple[str, str], list[Unpaid]] = defaultdict(list)
    for due in unpaid:
        grouped[due.payer_account_id, due.payment_token_id].append(due)
    return grouped


def _line(due: Unpaid) -> str:
    return f"{due.distribution_id} {due.status}: {due.amount:,f} of {due.payment_token_id}"
