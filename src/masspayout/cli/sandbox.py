"""``masspayout sandbox …``: the operator's side of the sandbox ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from masspayout.cli.output import JsonOption, out, run, show_fields, show_json, show_list, show_outcome
from masspayout.db.opening import sandbox_database_url
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import parse_amount, to_decimal
from masspayout.ledger.sandbox import Faults, SandboxLedger
from masspayout.ledger.sandbox.administration import DEFAULT_TREASURY
from masspayout.ledger.sandbox.holder_file import read_holder_file
from masspayout.settings import load_settings

app = typer.Typer()

TokenArgument = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="A token id.")]
Percent = Annotated[int | None, typer.Option(metavar="PCT", min=0, max=100)]
Seconds = Annotated[float | None, typer.Option(metavar="SECONDS", min=0)]

DEFAULT_REJECTION = "TRANSFER_REVERTED"


def with_sandbox(work: Callable[[SandboxLedger], Awaitable[None]]) -> None:
    """Run one command's work to its end, on the sandbox that the settings name."""

    async def opened() -> None:
        settings = load_settings()
        ledger = SandboxLedger(settings.sandbox_url or await sandbox_database_url(settings), settings)
        try:
            await work(ledger)
        finally:
            await ledger.close()

    run(opened())


@app.command()
def init(
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Forget all tokens, accounts and transactions.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Create the sandbox, or empty it with --reset."""

    async def work(ledger: SandboxLedger) -> None:
        if reset:
            await ledger.admin.reset()
        now = await ledger.admin.now()
        count = len(await ledger.admin.tokens())
        tokens = "1 token" if count == 1 else f"{count:,} tokens"
        sentence = f"The sandbox is ready, with {tokens}. Its time is {now:%Y-%m-%d %H:%M:%S} UTC."
        show_outcome({"token_count": count, "time": now}, sentence, as_json=as_json)

    with_sandbox(work)


@app.command()
def token(
    token_id: TokenArgument,
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
    as_json: JsonOption = False,
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
        sentence = f"Created {token_id} ({symbol}). Supply: {total:,f}. Treasury: {treasury}."
        fields = {"token_id": token_id, "name": name, "symbol": symbol, "decimals": decimals, "total_supply": total}
        show_outcome(fields | {"treasury_account_id": treasury}, sentence, as_json=as_json)

    with_sandbox(work)


@app.command()
def deposit(
    token_id: TokenArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Whole tokens, such as 1250.75.")],
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="ACCOUNT", help="The payer unless given.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ACCOUNT", help="The account that pays; minted unless given.")
    ] = None,
    as_json: JsonOption = False,
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
        fields = {"account_id": account_id, "token_id": token_id, "balance": balance}
        show_outcome(fields, f"{account_id} now holds {balance:,f} {information.symbol}.", as_json=as_json)

    with_sandbox(work)


@app.command("emit")
def emit_event(
    contract_id: Annotated[str, typer.Argument(metavar="CONTRACT_ID", help="The contract that reports it.")],
    name: Annotated[str, typer.Argument(metavar="EVENT", help="Such as Paused, Unpaused or PaymentTokenChanged.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="A field of the event; digits are a number.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Emit an event of a contract, for a listener to read."""
    contract_id = canonical_account_id(contract_id, what="contract id")
    payload = dict(_event_field(text) for text in fields or [])

    async def work(ledger: SandboxLedger) -> None:
        await ledger.admin.emit(contract_id, name, payload)
        fields = {"contract_id": contract_id, "name": name, "payload": payload}
        show_outcome(fields, f"{contract_id} reported {name}.", as_json=as_json)

    with_sandbox(work)


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
        show_list(
            [dict(zip(columns, row, strict=True)) for row in rows],
            [column.replace("_", " ").upper() for column in columns],
            rows,
            total=await ledger.admin.count_transactions(),
            as_json=as_json,
            empty="No transactions yet.",
            right=("AMOUNT", "PAID", "FAILED"),
        )

    with_sandbox(work)


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

    with_sandbox(work)


@app.command()
def advance(seconds: Annotated[float, typer.Argument(metavar="SECONDS")], *, as_json: JsonOption = False) -> None:
    """Move the ledger's clock ahead, for every process."""

    async def work(ledger: SandboxLedger) -> None:
        now = await ledger.admin.advance(seconds)
        show_outcome({"time": now}, f"The ledger's time is {now:%Y-%m-%d %H:%M:%S} UTC.", as_json=as_json)

    with_sandbox(work)


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
