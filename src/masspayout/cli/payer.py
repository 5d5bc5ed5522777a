"""``masspayout payer``: the accounts that payouts are paid from, and what the ledger shows that left them."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from masspayout.app import Payouts
from masspayout.cli.options import LimitOption
from masspayout.cli.output import JsonOption, out, show_fields, show_json, show_list
from masspayout.cli.session import with_context, with_payouts
from masspayout.context import Context
from masspayout.db.entities import Payer, PayerEntry
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import NotFound
from masspayout.payments import PayerReport

app = typer.Typer()

# Where in the ledger's own order a statement stands says nothing to people; the count is shown with what it counts.
_FOR_PROGRAMS = ("cursor", "unknown_count")

PayerArgument = Annotated[str, typer.Argument(metavar="PAYER", help="The account.")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the payers: whether they may be signed for, and how far their statements are read."""
    reports = with_payouts(lambda payouts: payouts.report_payers())
    show_list(
        [payer_fields(each) for each in reports],
        ["ACCOUNT", "LEDGER", "STATE", "READ UNTIL", "UNKNOWN"],
        [
            (each.payer.account, each.payer.ledger, state(each), each.payer.read_until, each.unknown_count)
            for each in reports
        ],
        empty="No payers yet.",
        right=["UNKNOWN"],
        as_json=as_json,
    )


@app.command()
def show(payer: PayerArgument, as_json: JsonOption = False) -> None:
    """Show one payer: its state, the balances by its statement, and its unexplained payments."""

    async def work(context: Context) -> PayerReport:
        return await Payouts(context).report_payer(await _find(context, payer))

    found = with_context(work)
    if as_json:
        show_json(payer_fields(found))
        return
    show_report(found)


@app.command()
def statement(payer: PayerArgument, limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """Show the latest debits of a payer, and the payout that each one paid."""

    async def work(context: Context) -> tuple[Sequence[tuple[PayerEntry, Any]], int]:
        found = await _find(context, payer)
        async with context.database.unit_of_work() as work:
            return await work.payers.find_latest(found.id, limit), await work.payers.count_entries(found.id)

    entries, total = with_context(work)
    show_list(
        [entry_fields(entry, paid) for entry, paid in entries],
        ["TRANSACTION", "AT", "TOKEN", "UNITS", "ACCOUNTS", "PAYOUT"],
        [
            (
                *(entry.transaction_id, entry.occurred_at, entry.token_id, int(sum(entry.units)), len(entry.accounts)),
                paid or entry.answer or "unknown",
            )
            for entry, paid in entries
        ],
        empty="The ledger shows no debit of it. Read its statement with: masspayout recover",
        right=["UNITS", "ACCOUNTS"],
        total=total,
        as_json=as_json,
    )


def state(found: PayerReport) -> str:
    """Return the state of a payer in a word. One in doubt may open by itself; a stopped one needs a person."""
    if found.payer.is_being_read:
        return "in doubt"
    if found.unknown_count:
        return "stopped"
    if found.payer.doubt_since is not None:
        return "in doubt"
    return "clear" if found.payer.cleared_for is not None else "to be read"


def show_report(found: PayerReport) -> None:
    """Show how a payer stands, and what a person has to say."""
    fields = payer_fields(found)
    balances, unknown = fields.pop("balances"), fields.pop("unknown")
    show_fields({name: value for name, value in fields.items() if name not in _FOR_PROGRAMS})
    for balance in balances:
        stated = balance["stated_units"]
        words = "not known yet" if stated is None else f"{int(stated):,} units by its statement"
        out.print(f"{balance['token_id']}: {words}", markup=False)
    if not unknown:
        return
    out.print(f"\n[bold red]{found.unknown_count:,} payments that this database does not know:[/]")
    for entry in unknown:
        words = f"  {entry['transaction_id']}  {int(entry['total_units']):,} units of {entry['token_id']} to "
        out.print(f"{words}{entry['accounts']} accounts, {entry['mark'] or 'without a mark'}", markup=False)
    if found.payer.is_being_read:
        until = f"{found.payer.read_required_until:%Y-%m-%d %H:%M:%S}"
        out.print(
            f"Those that are payments of a payout are written down by themselves after {until} UTC of ledger time."
        )
        return
    out.print(
        "Explain each, once for all of one payout: masspayout recover "
        "--lost-payout|--other-installation|--no-payout TRANSACTION --reason TEXT",
        markup=False,
    )


def payer_fields(found: PayerReport) -> dict[str, Any]:
    """Return what there is to say about a payer."""
    payer: Payer = found.payer
    names = ("account", "ledger", "installation", "cursor", "read_until", "read_at", "doubt_since", "doubt_reason")
    return {
        **{name: getattr(payer, name) for name in names},
        "state": state(found),
        "read_required_until": payer.read_required_until,
        "unknown_count": found.unknown_count,
        "unknown": [entry_fields(entry, None) for entry in found.unknown],
        "balances": [
            {
                "token_id": each.token_id,
                "opening_units": each.opening_units,
                "received_units": each.received_units,
                "sent_units": each.sent_units,
                "fee_units": each.fee_units,
                "stated_units": each.stated_units,
            }
            for each in found.balances
        ],
    }


def entry_fields(entry: PayerEntry, distribution_id: Any) -> dict[str, Any]:
    """Return what there is to say about a debit."""
    return {
        "transaction_id": entry.transaction_id,
        "occurred_at": entry.occurred_at,
        "token_id": entry.token_id,
        "total_units": sum(entry.units),
        "accounts": len(entry.accounts),
        "mark": entry.mark,
        "distribution_id": distribution_id,
        "answer": entry.answer,
        "reason": entry.reason,
    }


async def _find(context: Context, reference: str) -> Payer:
    account = canonical_account_id(reference, what="payer")
    async with context.database.unit_of_work() as work:
        found = await work.payers.find_of_account(account)
    if not found:
        raise NotFound(f"Nothing was ever paid from {account}.", "List the payers with: masspayout payer list")
    return found[-1]
