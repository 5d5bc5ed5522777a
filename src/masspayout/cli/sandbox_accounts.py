"""``masspayout sandbox …`` on single accounts and tokens: freeze, associate, pause them, and show what they hold."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from masspayout.cli.output import JsonOption, out, show_json, show_outcome, show_table
from masspayout.cli.sandbox import TokenArgument, with_sandbox
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.money import to_decimal
from masspayout.ledger.sandbox import AccountState, SandboxLedger
from masspayout.ledger.sandbox.administration import SandboxAdministration

app = typer.Typer()

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account id: 0.0.n or 0x….")]
AnyToken = Annotated[str | None, typer.Argument(metavar="[TOKEN_ID]", help="A token id; all tokens unless given.")]


@app.command()
def freeze(account: AccountArgument, token_id: AnyToken = None, *, as_json: JsonOption = False) -> None:
    """Freeze an account: it neither receives nor sends the token."""
    _mark(SandboxAdministration.freeze, "frozen for", account, token_id, as_json=as_json)


@app.command()
def unfreeze(account: AccountArgument, token_id: AnyToken = None, *, as_json: JsonOption = False) -> None:
    """Undo freeze."""
    _mark(SandboxAdministration.unfreeze, "not frozen for", account, token_id, as_json=as_json)


@app.command()
def associate(account: AccountArgument, token_id: AnyToken = None, *, as_json: JsonOption = False) -> None:
    """Associate an account with a token. New accounts need it not: their first transfer does it."""
    _mark(SandboxAdministration.associate, "associated with", account, token_id, as_json=as_json)


@app.command()
def dissociate(account: AccountArgument, token_id: AnyToken = None, *, as_json: JsonOption = False) -> None:
    """Dissociate an account from a token: it refuses transfers. It keeps what it holds."""
    _mark(SandboxAdministration.dissociate, "dissociated from", account, token_id, as_json=as_json)


@app.command()
def delete(account: AccountArgument, token_id: AnyToken = None, *, as_json: JsonOption = False) -> None:
    """Delete an account, for ever. A deleted account has no token left, so TOKEN_ID is only checked."""
    account_id = canonical_account_id(account)
    named = None if token_id is None else canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        if named is not None:
            await ledger.token(named)
        await ledger.admin.delete_accounts([account_id])
        show_outcome({"account_id": account_id, "deleted": True}, f"{account_id} is deleted.", as_json=as_json)

    with_sandbox(work)


@app.command()
def account(account: AccountArgument, *, as_json: JsonOption = False) -> None:
    """Show an account of the sandbox. Accounts are created by their first transfer."""
    account_id = canonical_account_id(account)

    async def work(ledger: SandboxLedger) -> None:
        state = await ledger.admin.account(account_id)
        decimals = {found.token_id: found.decimals for found in await ledger.admin.tokens()}
        rows = _holding_rows(state, decimals)
        if as_json:
            show_json({"account_id": account_id, "deleted": state.deleted, "holdings": rows})
            return
        out.print(f"{account_id}{' (deleted)' if state.deleted else ''}")
        show_table(
            ["TOKEN", "BALANCE", "ASSOCIATED", "FROZEN"],
            [[row[column] for column in ("token_id", "balance", "associated", "frozen")] for row in rows],
            empty="It holds no token; its first transfer creates and associates it.",
            right=["BALANCE"],
        )

    with_sandbox(work)


@app.command()
def balance(account: AccountArgument, token_id: TokenArgument, *, as_json: JsonOption = False) -> None:
    """Show the balance of an account in a token."""
    account_id = canonical_account_id(account)
    token_id = canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        information = await ledger.token(token_id)
        held = to_decimal(await ledger.balance_units(account_id, token_id), information.decimals)
        if as_json:
            show_json({"account_id": account_id, "token_id": token_id, "balance": held})
        else:
            out.print(f"{held:,f} {information.symbol}", markup=False)

    with_sandbox(work)


@app.command()
def pause(token_id: TokenArgument, *, as_json: JsonOption = False) -> None:
    """Pause a token: it cannot be transferred."""
    _set_paused(token_id, paused=True, as_json=as_json)


@app.command()
def unpause(token_id: TokenArgument, *, as_json: JsonOption = False) -> None:
    """Undo pause."""
    _set_paused(token_id, paused=False, as_json=as_json)


def _mark(
    change: Callable[[SandboxAdministration, list[str], str | None], Awaitable[None]],
    state: str,
    account: str,
    token_id: str | None,
    *,
    as_json: bool,
) -> None:
    account_id = canonical_account_id(account)
    named = None if token_id is None else canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        await change(ledger.admin, [account_id], named)
        fields = {"account_id": account_id, "token_id": named, "action": change.__name__}
        show_outcome(fields, f"{account_id} is {state} {named or 'all tokens'}.", as_json=as_json)

    with_sandbox(work)


def _set_paused(token_id: str, *, paused: bool, as_json: bool) -> None:
    token_id = canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        await ledger.admin.set_paused(token_id, paused=paused)
        sentence = f"{token_id} is {'paused' if paused else 'not paused'}."
        show_outcome({"token_id": token_id, "paused": paused}, sentence, as_json=as_json)

    with_sandbox(work)


def _holding_rows(state: AccountState, decimals: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "token_id": holding.token_id,
            "balance": to_decimal(holding.balance_units, decimals[holding.token_id]),
            "associated": holding.associated,
            "frozen": holding.frozen,
        }
        for holding in state.holdings
    ]
