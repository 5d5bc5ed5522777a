"""Handlers of contract events, one for each kind.

    Deposit              money arrived: armed AUTOMATIC series make a distribution, unless a payment was sent back
    Transfer             the token changed hands: the registers of its assets are read again soon
    PaymentTokenChanged  the contract pays in another token: its assets do so from now on
    Paused, Unpaused     payouts of the contract's assets stop, or go on
    DistributionExecuted recorded only: we did it ourselves, or it is none of ours

A handler writes within the caller's transaction. Any error of it but ``LedgerUnavailable`` sets the event aside.
Events may come late and out of order, so a state is taken from the latest event on the ledger, not from the last read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from masspayout import audit
from masspayout.automation import contract_pauses
from masspayout.automation.series import make_distributions
from masspayout.automation.triggers import parse_trigger
from masspayout.db.entities import ContractEvent
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid, MassPayoutError, NotFound
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.money import to_decimal
from masspayout.ledger.port import Ledger, TokenInformation
from masspayout.settings import Settings

DEPOSIT, TRANSFER = "Deposit", "Transfer"
PAUSED, UNPAUSED = "Paused", "Unpaused"
PAYMENT_TOKEN_CHANGED, DISTRIBUTION_EXECUTED = "PaymentTokenChanged", "DistributionExecuted"


# Transfers come in bursts: the register is read once for all that happen within this time.
_SYNC_DELAY = timedelta(seconds=5)


# What the ledger says of the token that an event names, or why it cannot say that; None where none is named.
NamedToken = TokenInformation | MassPayoutError | None


async def look_up(ledger: Ledger, name: str, payload: Mapping[str, Any]) -> NamedToken:
    """Ask the ledger for the token that an event names, before the transaction in which the event is handled.

    Args:
        ledger: The one that reported the event.
        name: Of the event.
        payload: Of the event.

    Raises:
        LedgerUnavailable: It cannot be looked up now.
    """
    token_id = payload.get("token_id")
    if name != PAYMENT_TOKEN_CHANGED or not isinstance(token_id, str):
        return None
    try:
        return await ledger.token(canonical_account_id(token_id, what="token_id"))
    except (NotFound, Invalid) as error:
        return error


@dataclass(frozen=True, slots=True)
class Handling:
    """The parts that handlers work with. ``now`` is the time as of which events are handled."""

    work: UnitOfWork
    token: NamedToken
    settings: Settings
    now: datetime


async def handle(handling: Handling, event: ContractEvent) -> None:
    """Handle an event.

    Raises:
        Invalid: No such kind of event is known, or its payload lacks something.
        NotFound: It names a token that the ledger does not know.
        LedgerUnavailable: A token that it names cannot be looked up now.
    """
    handler = HANDLERS.get(event.name)
    if handler is None:
        raise Invalid(
            f"There is no handler for events called {event.name!r}.", f"Known are: {', '.join(sorted(HANDLERS))}."
        )
    await handler(handling, event)


async def _start_automatic_payouts(handling: Handling, event: ContractEvent) -> None:
    token_id, sender = _account(event, "token_id"), _account(event, "from")
    amount_units, transaction_id = _units(event, "amount_units"), _text(event, "transaction_id")
    payouts, payer = handling.work.automatic_payouts, handling.settings.payer_account_id
    if sender == payer or not await payouts.is_paying_account(event.contract_id, payer):
        return
    if await payouts.is_ours(transaction_id):
        return
    at = to_datetime(event.timestamp_nanos)
    is_refund = amount_units <= await payouts.unreturned_units(sender, token_id, at)
    if is_refund:
        await payouts.add_refund(event.id, sender, token_id, amount_units)
    armed = await payouts.lock_armed(
        token_id=token_id,
        receiver_account_id=event.contract_id,
        sender_account_id=sender,
        payer_account_id=payer,
        at=at,
        is_refund=is_refund,
    )
    for series in armed:
        deposit = to_decimal(amount_units, int(series.asset.payment_token_decimals or 0))
        if parse_trigger(str(series.trigger_condition)).matches(deposit):
            due = await payouts.next_due_time(series.id, handling.now)
            await make_distributions(handling.work, series.id, [due], trigger_event_id=event.id, deposit_amount=deposit)


async def _request_sync(handling: Handling, event: ContractEvent) -> None:
    await handling.work.assets.request_sync(event.contract_id, handling.now + _SYNC_DELAY)


async def _renew_payment_token(handling: Handling, event: ContractEvent) -> None:
    _account(event, "token_id")
    latest = await handling.work.contract_events.find_latest(event.contract_id, [PAYMENT_TOKEN_CHANGED])
    token = handling.token
    if latest is None or latest.id != event.id or token is None:
        return
    if isinstance(token, MassPayoutError):
        raise token
    changed = await handling.work.assets.renew_payment_token(
        event.contract_id, token.token_id, token.symbol, token.decimals
    )
    for asset_id in changed:
        audit.record(handling.work, "asset.changed", asset_id, after={"payment_token_id": token.token_id})


async def _pause_or_unpause(handling: Handling, event: ContractEvent) -> None:
    latest = await handling.work.contract_events.find_latest(event.contract_id, [PAUSED, UNPAUSED])
    paused = latest is not None and latest.name == PAUSED
    for asset_id in await handling.work.assets.set_contract_paused(event.contract_id, paused=paused):
        facts = {"before": {"contract_paused": not paused}, "after": {"contract_paused": paused}}
        audit.record(handling.work, "asset.changed", asset_id, **facts)
    await contract_pauses.stop_running(handling.work)


async def _record_only(handling: Handling, event: ContractEvent) -> None:
    """Leave everything as it is: the event's row is the record."""


Handler = Callable[[Handling, ContractEvent], Awaitable[None]]

HANDLERS: Mapping[str, Handler] = {
    DEPOSIT: _start_automatic_payouts,
    TRANSFER: _request_sync,
    PAYMENT_TOKEN_CHANGED: _renew_payment_token,
    PAUSED: _pause_or_unpause,
    UNPAUSED: _pause_or_unpause,
    DISTRIBUTION_EXECUTED: _record_only,
}


def _account(event: ContractEvent, field: str) -> str:
    return canonical_account_id(_text(event, field), what=field)


def _text(event: ContractEvent, field: str) -> str:
    value = event.payload.get(field)
    if not isinstance(value, str) or not value:
        raise _malformed(event, field, "a text")
    return value


def _units(event: ContractEvent, field: str) -> int:
    value = event.payload.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise _malformed(event, field, "a whole number of smallest units above 0")
    return value


def _malformed(event: ContractEvent, field: str, wanted: str) -> Invalid:
    return Invalid(
        f"The event {event.name} cannot be read: {field} is {event.payload.get(field)!r}, not {wanted}.",
        "Check whether the contract is one that this software knows.",
    )
