"""``masspayout evm …``: the operator's side of the contract that pays on an EVM chain."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from masspayout.app import Payouts
from masspayout.cli.arguments import AssetArgument
from masspayout.cli.output import JsonOption, err, out, show_json, show_outcome
from masspayout.cli.session import with_context
from masspayout.context import Context
from masspayout.db.entities import Distribution
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.runtime import contract_administration

app = typer.Typer()

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="Whole payment tokens, such as 1250.75.")]
ContractOption = Annotated[
    str | None, typer.Option("--contract", metavar="ADDRESS", help="The contract; PAYER_ACCOUNT_ID unless given.")
]


@app.command()
def deploy(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token that it will pay in.")],
    *,
    admin: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Its admin.")] = None,
    payer: Annotated[
        list[str] | None, typer.Option(metavar="ACCOUNT", help="An account that may have it pay; repeatable.")
    ] = None,
    pauser: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="An account that may pause it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a contract that pays in a token."""
    token = canonical_account_id(token_id, what="token id")
    roles = {
        "admin": None if admin is None else canonical_account_id(admin),
        "payers": [canonical_account_id(account) for account in payer or ()],
        "pauser": None if pauser is None else canonical_account_id(pauser),
    }

    async def work(context: Context) -> Any:
        return await contract_administration(context).deploy(token, **roles)

    made = with_context(work)
    if made.shares_roles:
        err.print(
            "[yellow]One account has several roles: whoever gets its key can pay, pause and empty the contract. Name "
            "three with --admin, --payer and --pauser.[/]"
        )
    if as_json:
        roles_made = {"admin": made.admin, "payers": list(made.payers), "pauser": made.pauser}
        show_json({"contract_id": made.address, "payment_token_id": token, **roles_made})
        return
    address = made.address
    out.print(f"The contract is at {address}.")
    out.print(f"Admin {made.admin}, payer {', '.join(made.payers)}, pauser {made.pauser}.", markup=False)
    out.print(f"Set PAYER_ACCOUNT_ID={address}, then fund it with: masspayout evm fund AMOUNT", markup=False)


@app.command()
def fund(amount: Amount, *, contract: ContractOption = None, as_json: JsonOption = False) -> None:
    """Move payment tokens from the sender's account to the contract."""
    wanted = _amount(amount)

    async def work(context: Context) -> Any:
        return await contract_administration(context).fund(_contract(context, contract), wanted)

    _show_holding(with_context(work), as_json=as_json)


@app.command()
def pause(*, contract: ContractOption = None, as_json: JsonOption = False) -> None:
    """Stop all payments of the contract until further notice."""
    _set_paused(contract, paused=True, as_json=as_json)


@app.command()
def unpause(*, contract: ContractOption = None, as_json: JsonOption = False) -> None:
    """Undo pause."""
    _set_paused(contract, paused=False, as_json=as_json)


@app.command()
def withdraw(
    amount: Amount,
    *,
    to: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="The recipient; the sender unless given.")] = None,
    contract: ContractOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take payment tokens out of the contract, also while it is paused."""
    wanted = _amount(amount)
    recipient = None if to is None else canonical_account_id(to)

    async def work(context: Context) -> Any:
        address = _contract(context, contract)
        administration = contract_administration(context)

        async def note(transaction_id: str) -> None:
            token_id = await administration.payment_token(address)
            await Payouts(context).note_withdrawal(address, transaction_id, token_id)

        return await administration.withdraw(address, wanted, recipient, before_sending=note)

    _show_holding(with_context(work), as_json=as_json)


@app.command()
def plan(
    asset: AssetArgument,
    *,
    amount: Annotated[str | None, typer.Option(help="Whole payment tokens to pay by a snapshot.")] = None,
    snapshot: Annotated[int | None, typer.Option(min=1, help="Its number; a new one is taken unless given.")] = None,
    dividend: Annotated[int | None, typer.Option(min=1, help="A dividend that the token announced.")] = None,
    coupon: Annotated[int | None, typer.Option(min=1, help="A coupon that the token announced.")] = None,
    redemption: Annotated[bool, typer.Option("--redemption", help="The principal of a matured bond.")] = False,
    concept: Annotated[str | None, typer.Option(help="A name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a payout that the asset's LifeCycleCashFlow contract pays by its own rule."""
    wanted = None if amount is None else _amount(amount)

    async def work(context: Context) -> Distribution:
        async with context.database.unit_of_work() as work:
            found = await work.assets.get_by_reference(asset)
        if found.lifecycle_contract_id is None:
            raise Invalid(
                f"{found.token_id} has no LifeCycleCashFlow contract.",
                f"Name it with: masspayout asset import {found.token_id} --lifecycle-contract ID",
            )
        offer: ContractOffer = await contract_administration(context).offer(
            found.token_id,
            found.lifecycle_contract_id,
            amount=wanted,
            snapshot_id=snapshot,
            dividend_id=dividend,
            coupon_id=coupon,
            redemption=redemption,
        )
        return await Payouts(context).create_by_contract(found, offer, concept)

    distribution = with_context(work)
    if as_json:
        names = ("id", "payable_count", "total_amount", "excluded_accounts")
        show_json({name: getattr(distribution, name) for name in names})
        return
    count, total = distribution.payable_count, distribution.total_amount
    out.print(f"Payout {distribution.id}: {count:,} holders, {total:,f} in all.")
    for account_id in distribution.excluded_accounts:
        out.print(f"Left out is {account_id}: it was redeemed before, and holds bonds again.")
    out.print(f"Execute it with: masspayout distribution execute {distribution.id} --wait", markup=False)


@app.command()
def cancel(
    transaction_id: Annotated[str, typer.Argument(metavar="TRANSACTION", help="Its hash.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Free the nonce of a transaction that gets into no block. Its holders are paid with another one."""

    async def work(context: Context) -> str:
        return str(await contract_administration(context).cancel(transaction_id))

    replacement = with_context(work)
    sentence = f"{replacement} takes the place of {transaction_id}. Whichever gets into a block counts."
    show_outcome({"transaction_id": replacement, "replaces": transaction_id}, sentence, as_json=as_json)


def _set_paused(contract: str | None, *, paused: bool, as_json: bool) -> None:
    async def work(context: Context) -> str:
        address = _contract(context, contract)
        await contract_administration(context).set_paused(address, paused=paused)
        return address

    address = with_context(work)
    sentence = f"The contract {address} is {'paused' if paused else 'not paused'}."
    show_outcome({"contract_id": address, "paused": paused}, sentence, as_json=as_json)


def _contract(context: Context, contract: str | None) -> str:
    address = canonical_account_id(contract or context.settings.payer_account_id, what="contract")
    if not address.startswith("0x"):
        raise Invalid(
            f"{address} is no contract on an EVM chain.", "Name one with --contract, or set PAYER_ACCOUNT_ID to it."
        )
    return address


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise Invalid(f"{text!r} is not an amount above 0.", "Write it in whole tokens, such as 1250.75.")
    return amount


def _show_holding(holding: Any, *, as_json: bool) -> None:
    if as_json:
        show_json(holding)
    else:
        out.print(f"The contract {holding['contract_id']} holds {holding['balance']:,f} {holding['symbol']}.")
        if "transaction_id" in holding:
            out.print(f"The transaction is {holding['transaction_id']}.", markup=False)
