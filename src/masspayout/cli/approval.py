"""``masspayout distribution approve``: another pair of eyes, on exactly what will be paid."""

import sys
from typing import Annotated

import typer

from masspayout.app import Payouts
from masspayout.cli.approving import PasswordOption, UserOption, as_person
from masspayout.cli.arguments import DistributionArgument
from masspayout.cli.output import JsonOption, err, out, show_fields, show_outcome
from masspayout.cli.session import with_payouts
from masspayout.db.entities import Distribution
from masspayout.kernel.errors import Invalid
from masspayout.kernel.payout_terms import OWN_WORDS

app = typer.Typer()


@app.command()
def approve(
    distribution: DistributionArgument,
    register_hash: Annotated[
        str | None,
        typer.Option("--hash", help="The register hash that you reviewed; without it you are shown one and asked."),
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw your approval instead, before the payout starts.")
    ] = False,
    user: UserOption = None,
    password_stdin: PasswordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Approve a payout by its register hash. Its creator cannot, and each person counts once."""
    shown = with_payouts(lambda payouts: payouts.find(distribution))
    if withdraw:
        _withdraw(shown, register_hash, user, password_stdin, as_json=as_json)
        return
    fields = {
        "distribution": shown.id,
        **{name: getattr(shown, name) for name in OWN_WORDS},
        "created by": shown.created_by_name,
        "pays": None if shown.total_amount is None else f"{shown.total_amount:,f} of {shown.payment_token_id}",
        "to": None if shown.payable_count is None else f"{shown.payable_count:,} holders",
        "register hash": shown.register_hash,
    }
    show_fields(fields, console=err if as_json else out)
    if register_hash is None and shown.register_hash is not None:
        if not sys.stdin.isatty():
            raise Invalid("Missing --hash: the register hash to approve.", f"Add --hash {shown.register_hash}")
        typer.confirm("Approve it?", abort=True, err=as_json)
    approved_hash = register_hash or shown.register_hash or ""
    count = as_person(user, password_stdin, lambda context: Payouts(context).approve(shown.id, approved_hash))
    if not count.is_complete:
        sentence = f"Approved. It {count.sentence}."
    elif shown.scheduled_time is not None:
        sentence = "Approved. Nothing is missing: a worker starts it now."
    else:
        sentence = f"Approved. Nothing is missing. Pay it: masspayout distribution execute {shown.id}"
    show_outcome({"id": shown.id, "approvals": count.given, "required": count.required}, sentence, as_json=as_json)


def _withdraw(
    shown: Distribution, register_hash: str | None, user: str | None, password_stdin: bool, *, as_json: bool
) -> None:
    if register_hash is not None:
        raise Invalid("--withdraw and --hash contradict each other.", "Leave one of them out.")
    count = as_person(user, password_stdin, lambda context: Payouts(context).withdraw_approval(shown.id))
    sentence = (
        f"Withdrawn. It {count.sentence}." if not count.is_complete else "Withdrawn. It needs no further approval."
    )
    show_outcome({"id": shown.id, "approvals": count.given, "required": count.required}, sentence, as_json=as_json)
