"""``masspayout recover``: bring what the ledger shows into a database that forgot it, and say what the rest was."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from masspayout.app import Payouts
from masspayout.cli.output import JsonOption, err, out, show_json, show_outcome
from masspayout.cli.payer import payer_fields, show_report
from masspayout.cli.session import with_payouts
from masspayout.cli.times import parse_time
from masspayout.db.entities import EntryAnswer
from masspayout.entitlements import HashCheck, HashState
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.payments import Secured

app = typer.Typer()

_DIFFERENCES_SHOWN = 20


@app.command()
def recover(
    distribution: Annotated[
        str | None,
        typer.Argument(
            metavar="DISTRIBUTION", help="With --hashes: the only one to check, by id, its beginning, or latest."
        ),
    ] = None,
    *,
    payer: Annotated[str | None, typer.Option(metavar="PAYER", help="Only this payer's statement.")] = None,
    lost_payout: Annotated[
        str | None, typer.Option(metavar="TX", help="It paid a payout that the database lost, which is rebuilt.")
    ] = None,
    other_installation: Annotated[
        str | None, typer.Option(metavar="TX", help="Another installation paid it, from the same account.")
    ] = None,
    no_payout: Annotated[str | None, typer.Option(metavar="TX", help="It was no payout.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="The evidence; it is stored.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="With --payer, of an account that is new here: read nothing before it."),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="This database is a copy, such as for staging: it signs for no payer of it.")
    ] = False,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Fix register hashes that the contract of the payout confirms.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Sync the statements of the payers, and adopt payments that the database had lost.

    It is the first command after a restore. A debit that is exactly a planned payment is adopted by itself; you
    explain any other. Exit status 1 while a payer is stopped, or something still differs.
    """
    answers = {
        EntryAnswer.LOST_PAYOUT: lost_payout,
        EntryAnswer.OTHER_INSTALLATION: other_installation,
        EntryAnswer.NO_PAYOUT: no_payout,
    }
    given = {answer: transaction_id for answer, transaction_id in answers.items() if transaction_id is not None}
    if len(given) + copy + hashes > 1:
        raise Invalid("These options exclude each other.", "Give one of them.")
    if distribution is not None and not hashes:
        raise Invalid("A payout makes sense with --hashes only.", "Leave it out, or add --hashes.")
    if since is not None and (payer is None or given or copy or hashes):
        raise Invalid("--since makes sense with --payer only.", "Add --payer, and leave the other options out.")
    if since is not None and payer is not None:
        _begin_statement(payer, since, reason or "", as_json=as_json)
    if hashes:
        _recover_hashes(distribution, as_json=as_json)
    elif copy:
        _make_copy(as_json=as_json)
    elif given:
        _answer(*next(iter(given.items())), reason or "", as_json=as_json)
    else:
        _recover(payer, as_json=as_json)


def _recover(payer: str | None, *, as_json: bool) -> None:
    secured, reports = with_payouts(lambda payouts: payouts.recover(payer))
    if as_json:
        shown = {"secured": secured and asdict(secured), "payers": [payer_fields(each) for each in reports]}
        show_json(shown)
    else:
        _show_secured(secured)
        for each in reports:
            show_report(each)
            if each.gate is not None and not each.gate.is_open:
                out.print(f"[bold red]Nothing is paid from it:[/] {each.gate.sentence}")
            else:
                out.print("[bold green]Everything that the ledger shows is explained.[/]")
    if any(each.gate is not None and not each.gate.is_open for each in reports):
        raise typer.Exit(1)


def _begin_statement(payer: str, since: str, reason: str, *, as_json: bool) -> None:
    begins_at, account = parse_time(since), canonical_account_id(payer, what="payer")
    with_payouts(lambda payouts: payouts.begin_statement(account, begins_at, reason))
    console = err if as_json else out
    console.print(
        f"The statement of {account} begins at {begins_at:%Y-%m-%d %H:%M:%S} UTC; nothing before is looked at."
    )


def _show_secured(secured: Secured | None) -> None:
    if secured is None:
        return
    out.print(
        "[bold yellow]This database was restored, copied or failed over.[/] A restore revives what had been ended, so "
        f"{secured.sessions:,} sessions and {secured.tokens:,} tokens were ended; {secured.series:,} series are "
        f"paused, and {secured.distributions:,} scheduled payouts wait to be executed by hand."
    )
    out.print("Let series go on with: masspayout series resume SERIES\n")


def _answer(answer: EntryAnswer, transaction_id: str, reason: str, *, as_json: bool) -> None:
    found = with_payouts(lambda payouts: payouts.answer(transaction_id, answer, reason))
    count = "1 payment" if found.entries == 1 else f"{found.entries:,} payments of the same payout"
    sentences = [f"{answer}: {count}."]
    if found.needs_another:
        sentences = [f"Noted for {count}. Payouts need approvals here, so another person has to say the same."]
    elif found.distribution_id is not None:
        sentences.append(f"The payout is rebuilt: masspayout distribution show {found.distribution_id}")
    if not found.needs_another:
        sentences.append("List the unexplained payments: masspayout recover")
    show_outcome({"answer": answer, **asdict(found)}, *sentences, as_json=as_json)


def _make_copy(*, as_json: bool) -> None:
    code = with_payouts(lambda payouts: payouts.make_copy())
    show_outcome(
        {"installation": code},
        f"This database is the installation {code} now. It signs for no payer that it inherited; "
        "set PAYER_ACCOUNT_ID to an account of its own.",
        as_json=as_json,
    )


def _recover_hashes(reference: str | None, *, as_json: bool) -> None:
    async def work(payouts: Payouts) -> Sequence[HashCheck]:
        return await payouts.fix_hashes(None if reference is None else (await payouts.find(reference)).id)

    checks = with_payouts(work)
    counts = Counter(check.state for check in checks)
    if as_json:
        show_json({"items": [asdict(check) for check in checks], "total": len(checks)})
    else:
        for check in checks:
            _show(check)
        out.print(
            f"{len(checks):,} register hashes checked: {counts[HashState.FITS]:,} fit, "
            f"{counts[HashState.FIXED]:,} fixed, {counts[HashState.DIFFERS]:,} differ."
        )
    if counts[HashState.DIFFERS]:
        raise typer.Exit(1)


def _show(check: HashCheck) -> None:
    if check.state is HashState.FITS:
        return
    kept = f" Approvals that still count: {check.approvals_kept:,}." if check.approvals_kept else ""
    out.print(f"{check.state} {check.distribution_id}: {check.message}{kept}", markup=False)
    for difference in check.differences[:_DIFFERENCES_SHOWN]:
        out.print(f"  {difference}", markup=False)
    if len(check.differences) > _DIFFERENCES_SHOWN:
        out.print(f"  … and {len(check.differences) - _DIFFERENCES_SHOWN:,} more; --json lists them all.")
