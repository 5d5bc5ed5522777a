"""``masspayout proposal``: changes that one person makes and another approves."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from masspayout.app.control import Control
from masspayout.cli.approving import PasswordOption, UserOption, as_person
from masspayout.cli.arguments import ProposalArgument
from masspayout.cli.output import JsonOption, show_fields, show_json, show_list, show_outcome
from masspayout.cli.session import with_context
from masspayout.context import Context
from masspayout.controls import without_secrets
from masspayout.db.entities import Proposal, ProposalState
from masspayout.kernel.json_forms import json_form

app = typer.Typer()


@app.command("list")
def list_(
    state: Annotated[ProposalState | None, typer.Option(help="Only those in this state.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the proposals, newest first."""
    found = with_context(lambda context: Control(context).list_proposals(state))
    show_list(
        [fields(each) for each in found],
        ["PROPOSAL", "KIND", "OF", "STATE", "BY", "DECIDED BY", "CREATED"],
        [
            (each.id, each.kind, each.subject, each.state, each.made_by_name, each.decided_by_name, each.created_at)
            for each in found
        ],
        empty="No proposals.",
        as_json=as_json,
    )


@app.command()
def show(proposal: ProposalArgument, as_json: JsonOption = False) -> None:
    """Show a proposal, with what is before and what is to be after it."""
    found = with_context(lambda context: Control(context).find_proposal(proposal))
    if as_json:
        show_json(fields(found))
        return
    show_fields(fields(found) | {name: _compact(without_secrets(getattr(found, name))) for name in ("before", "after")})


@app.command()
def approve(
    proposal: ProposalArgument,
    user: UserOption = None,
    password_stdin: PasswordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal of another person, which does what it proposes."""
    decided = _decide(
        proposal, lambda control, found: control.approve_proposal(found), user=user, password_stdin=password_stdin
    )
    _show_decided(decided, "Approved: it is done.", as_json=as_json)


@app.command()
def refuse(
    proposal: ProposalArgument,
    user: UserOption = None,
    password_stdin: PasswordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Refuse a proposal of another person."""
    decided = _decide(
        proposal, lambda control, found: control.refuse_proposal(found), user=user, password_stdin=password_stdin
    )
    _show_decided(decided, "Refused.", as_json=as_json)


@app.command()
def withdraw(proposal: ProposalArgument, as_json: JsonOption = False) -> None:
    """Withdraw a proposal of your own."""
    decided = _decide(proposal, lambda control, found: control.withdraw_proposal(found))
    _show_decided(decided, "Withdrawn.", as_json=as_json)


def fields(proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as JSON has it, without digests of secrets."""
    names = ("id", "kind", "subject", "state", "made_by_name", "decided_by_name", "decided_at", "created_at")
    values = {name: getattr(proposal, name) for name in names}
    return values | {"before": without_secrets(proposal.before), "after": without_secrets(proposal.after)}


def _decide(
    reference: str,
    decide: Callable[[Control, uuid.UUID], Awaitable[Proposal]],
    *,
    user: str | None = None,
    password_stdin: bool = False,
) -> Proposal:
    async def work(context: Context) -> Proposal:
        control = Control(context)
        return await decide(control, (await control.find_proposal(reference)).id)

    return as_person(user, password_stdin, work)


def _show_decided(decided: Proposal, sentence: str, *, as_json: bool) -> None:
    show_outcome(fields(decided), f"{decided.kind} of {decided.subject}. {sentence}", as_json=as_json)


def _compact(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=json_form, ensure_ascii=False)
