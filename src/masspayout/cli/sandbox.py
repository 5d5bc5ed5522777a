"""``masspayout sandbox …``: the operator's side of the sandbox ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from masspayout.cli.output import JsonOption, out, run, show_fields, show_json, show_table
from masspayout.db.opening import database_url
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import parse_amount, to_decimal
from masspayout.ledger.sandbox import AccountState, Faults, SandboxLedger
from masspayout.ledger.sandbox.administration import DEFAULT_TREASURY, SandboxAdministration
from masspayout.ledger.sandbox.holder_file import read_holder_file
from masspayout.settings import load_settings

app = typer.Typer()

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account id: 0.0.n or 0x….")]
Token = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="A token id.")]
AnyToken = Annotated[str | None, typer.Argument(metavar="[TOKEN_ID]", help="A token id; all tokens unless given.")]
Percent = Annotated[int | None, typer.Option(metavar="PCT", min=0, max=100)]
Seconds = Annotated[float | None, typer.Option(metavar="SECONDS", min=0)]

DEFAULT_REJECTION = "TRANSFER_REVERTED"


def _with_sandbox(work: Callable[[SandboxLedger], Awaitable[None]]) -> None:
    """Run one command's work to its end, on the sandbox that the settings name."""

    async def opened() -> None:
        settings = load_settings()
        ledger = SandboxLedger(settings.sandbox_url or await database_url(settings), settings)
        try:
            await work(ledger)
        finally:
            await ledger.close()

    run(opened())


@app.command()
def init(
    *, reset: Annotated[bool, typer.Option("--reset", help="Forget all tokens, accounts and transactions.")] = False
) -> None:
    """Create the sandbox, or empty it with --reset."""

    async def work(ledger: SandboxLedger) -> None:
        if reset:
            await ledger.admin.reset()
        now = await ledger.admin.now()
        count = len(await ledger.admin.tokens())
        tokens = "1 token" if count == 1 else f"{count:,} tokens"
        out.print(f"The sandbox is ready, with {tokens}. Its time is {now:%Y-%m-%d %H:%M:%S} UTC.")

    _with_sandbox(work)


@app.command()
def token(
    token_id: Token,
    *,
    name: Annotated[str, typer.Option(help="The name of the token.")],
    symbol: Annotated[str, typer.Option(help="The symbol of the token.")],
    decimals: Annotated[int, typer.Option(min=0, max=38, help="The number of decimals.")],
    supply: Annotated[
        str | None, typer.Option(help="The supply, in whole tokens; unless given, the sum of the holders' balances.")
    ] = None,
    treasury: Annotated[str, typer.Option(help="The account that holds the rest of the supply.")] = DEFAULT_TREASURY,
    holders: Annotated[
        Path | None, typer.Option(help="A CSV file account_id,balance with balances in smallest units.")
    ] = None,
) -> None:
    """Create a token and hand it out."""
    token_id = canonical_account_id(token_id, what="token id")
    treasury = canonical_account_id(treasury)
    supply_units = None if supply is None else parse_amount(supply, decimals)
    rows = () if holders is None else read_holder_file(holders)

    async def work(ledger: SandboxLedger) -> None:
        made = await ledger.admin.create_token(
            token_id,
            name=name,
            symbol=symbol,
            decimals=decimals,
            supply_units=supply_units,
            treasury_account_id=treasury,
            holders=rows,
        )
        total = to_decimal(made.total_supply_units, decimals)
        out.print(f"Created {token_id} ({symbol}). Supply: {total:,f}. Treasury: {treasury}.")

    _with_sandbox(work)


@app.command()
def deposit(
    token_id: Token,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Whole tokens, such as 1250.75.")],
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="ACCOUNT", help="The payer unless given.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ACCOUNT", help="The account that pays; minted unless given.")
    ] = None,
) -> None:
    """Mint tokens into an account, or let another account pay them."""
    settings = load_settings()
    token_id = canonical_account_id(token_id, what="token id")
    account_id = canonical_account_id(to or settings.payer_account_id)
    sender = None if sender is None else canonical_account_id(sender)

    async def work(ledger: SandboxLedger) -> None:
        information = await ledger.token(token_id)
        amount_units = parse_amount(amount, information.decimals)
        await ledger.admin.deposit(token_id, amount_units, account_id, sender_account_id=sender)
        balance = to_decimal(await ledger.balance_units(account_id, token_id), information.decimals)
        out.print(f"{account_id} now holds {balance:,f} {information.symbol}.")

    _with_sandbox(work)


@app.command("emit")
def emit_event(
    contract_id: Annotated[str, typer.Argument(metavar="CONTRACT_ID", help="The contract that reports it.")],
    name: Annotated[str, typer.Argument(metavar="EVENT", help="Such as Paused, Unpaused or PaymentTokenChanged.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="A field of the event; digits are a number.")
    ] = None,
) -> None:
    """Emit an event of a contract, for a listener to read."""
    contract_id = canonical_account_id(contract_id, what="contract id")
    payload = dict(_event_field(text) for text in fields or [])

    async def work(ledger: SandboxLedger) -> None:
        await ledger.admin.emit(contract_id, name, payload)
        out.print(f"{contract_id} reported {name}.", markup=False)

    _with_sandbox(work)


@app.command()
def freeze(account: Account, token_id: AnyToken = None) -> None:
    """Freeze an account: it neither receives nor sends the token."""
    _mark(SandboxAdministration.freeze, "frozen for", account, token_id)


@app.command()
def unfreeze(account: Account, token_id: AnyToken = None) -> None:
    """Undo freeze."""
    _mark(SandboxAdministration.unfreeze, "not frozen for", account, token_id)


@app.command()
def associate(account: Account, token_id: AnyToken = None) -> None:
    """Associate an account with a token. New accounts need it not: their first transfer does it."""
    _mark(SandboxAdministration.associate, "associated with", account, token_id)


@app.command()
def dissociate(account: Account, token_id: AnyToken = None) -> None:
    """Dissociate an account from a token: it refuses transfers. It keeps what it holds."""
    _mark(SandboxAdministration.dissociate, "dissociated from", account, token_id)


@app.command()
def delete(account: Account, token_id: AnyToken = None) -> None:
    """Delete an account, for ever. A deleted account has no token left, so TOKEN_ID is only checked."""
    account_id = canonical_account_id(account)
    named = None if token_id is None else canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        if named is not None:
            await ledger.token(named)
        await ledger.admin.delete_accounts([account_id])
        out.print(f"{account_id} is deleted.")

    _with_sandbox(work)


@app.command()
def account(account: Account, *, as_json: JsonOption = False) -> None:
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
        columns = ("token_id", "balance", "associated", "frozen")
        show_table(
            columns,
            ([row[column] for column in columns] for row in rows),
            empty="It holds no token; its first transfer creates and associates it.",
            right=("balance",),
        )

    _with_sandbox(work)


@app.command()
def balance(account: Account, token_id: Token, *, as_json: JsonOption = False) -> None:
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

    _with_sandbox(work)


@app.command()
def transactions(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to list, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest transactions."""
    columns = ("transaction_id", "kind", "result", "token_id", "amount", "paid", "failed", "consensus_at", "memo")

    async def work(ledger: SandboxLedger) -> None:
        recorded = await ledger.admin.transactions(limit=limit)
        decimals = {found.token_id: found.decimals for found in await ledger.admin.tokens()}
        rows = [
            (
                one.transaction_id,
                one.kind,
                one.result,
                one.token_id,
                to_decimal(one.moved_units, decimals.get(one.token_id, 0)),
                one.paid_count,
                one.failed_count,
                one.consensus_at,
                one.memo,
            )
            for one in recorded
        ]
        if as_json:
            show_json([dict(zip(columns, row, strict=True)) for row in rows])
        else:
            show_table(columns, rows, empty="No transactions yet.", right=("amount", "paid", "failed"))

    _with_sandbox(work)


@app.command()
def faults(
    *,
    lose_answers: Percent = None,
    lose_requests: Percent = None,
    duplicate: Percent = None,
    delay: Seconds = None,
    delay_percent: Percent = None,
    throttle: Percent = None,
    busy: Percent = None,
    mirror_lag: Seconds = None,
    reject: Annotated[
        list[str] | None,
        typer.Option(metavar="ACCOUNT[=CODE]", help=f"An account that refuses transfers; CODE: {DEFAULT_REJECTION}."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch all faults off first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Set faults of the ledger: those named change, the others stay, and all are shown."""
    changes: dict[str, Any] = {
        "lose_answer_percent": lose_answers,
        "lose_request_percent": lose_requests,
        "duplicate_percent": duplicate,
        "delay_seconds": delay,
        "delay_percent": _delay_percent(delay, delay_percent),
        "throttle_percent": throttle,
        "busy_percent": busy,
        "mirror_lag_seconds": mirror_lag,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    rejections = dict(_rejection(text) for text in reject or [])

    async def work(ledger: SandboxLedger) -> None:
        present = Faults() if off else await ledger.admin.faults()
        wanted = replace(present, **changes, rejections={**present.rejections, **rejections})
        if off or changes or rejections:
            await ledger.admin.set_faults(wanted)
        if as_json:
            show_json(wanted.as_json())
        elif wanted.any:
            refused = ", ".join(f"{account_id} ({code})" for account_id, code in wanted.rejections.items())
            show_fields({name: value for name, value in wanted.as_json().items() if value} | {"rejections": refused})
        else:
            out.print("No faults are set.")

    _with_sandbox(work)


@app.command()
def advance(seconds: Annotated[float, typer.Argument(metavar="SECONDS")]) -> None:
    """Move the ledger's clock ahead, for every process."""

    async def work(ledger: SandboxLedger) -> None:
        now = await ledger.admin.advance(seconds)
        out.print(f"The ledger's time is {now:%Y-%m-%d %H:%M:%S} UTC.")

    _with_sandbox(work)


@app.command()
def pause(token_id: Token) -> None:
    """Pause a token: it cannot be transferred."""
    _set_paused(token_id, paused=True)


@app.command()
def unpause(token_id: Token) -> None:
    """Undo pause."""
    _set_paused(token_id, paused=False)


def _mark(
    change: Callable[[SandboxAdministration, list[str], str | None], Awaitable[None]],
    state: str,
    account: str,
    token_id: str | None,
) -> None:
    account_id = canonical_account_id(account)
    named = None if token_id is None else canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        await change(ledger.admin, [account_id], named)
        out.print(f"{account_id} is {state} {named or 'all tokens'}.")

    _with_sandbox(work)


def _set_paused(token_id: str, *, paused: bool) -> None:
    token_id = canonical_account_id(token_id, what="token id")

    async def work(ledger: SandboxLedger) -> None:
        await ledger.admin.set_paused(token_id, paused=paused)
        out.print(f"{token_id} is {'paused' if paused else 'not paused'}.")

    _with_sandbox(work)


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


def _delay_percent(delay: float | None, percent: int | None) -> int | None:
    """Delay every transaction when only a time is given; a time of 0 delays none."""
    if percent is not None or delay is None:
        return percent
    return 100 if delay else 0


def _event_field(text: str) -> tuple[str, str | int]:
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise Invalid(f"{text!r} is not a field of an event.", "Write NAME=VALUE, such as token_id=0.0.7001.")
    return name, int(value) if value.isascii() and value.isdigit() else value


def _rejection(text: str) -> tuple[str, str]:
    account_id, _, code = text.partition("=")
    if text.endswith("="):
        raise Invalid(f"{text!r} names no failure code.", "Write ACCOUNT=CODE, or ACCOUNT alone.")
    return canonical_account_id(account_id), code or DEFAULT_REJECTION
