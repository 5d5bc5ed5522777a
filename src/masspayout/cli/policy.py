"""``masspayout policy``: who has to approve what, and how much may be paid out."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from masspayout.app.control import Control, PolicyDetail
from masspayout.cli import proposal as proposals
from masspayout.cli.approving import PasswordOption, UserOption
from masspayout.cli.arguments import ProposalArgument
from masspayout.cli.output import JsonOption, out, show_json, show_list, show_outcome
from masspayout.cli.session import with_context
from masspayout.controls import PolicyChange, PolicyContent, read_content
from masspayout.db.entities import Policy
from masspayout.kernel.errors import Invalid

app = typer.Typer()

AssetOption = Annotated[
    str | None, typer.Option(metavar="ASSET", help="The policy of this asset, beside the installation's.")
]


@app.command()
def show(asset: AssetOption = None, as_json: JsonOption = False) -> None:
    """Show the policy in force, in sentences; with --json as data that propose takes."""
    found = with_context(lambda context: Control(context).read_policy(asset))
    if as_json:
        show_json(_detail_fields(found))
        return
    if not found.versions:
        out.print("No version of the policy is written yet.")
    for version in found.versions:
        scope = "the installation" if version.asset_id is None else f"the asset {version.asset_id}"
        out.print(f"Version {version.number} of {scope}, by {_makers(version)}, {version.made_at:%Y-%m-%d %H:%M} UTC:")
        _print(read_content(version.content))
    environment = found.in_force.environment
    if environment != PolicyContent():
        out.print("The environment of this command asks for this besides, and the stricter holds:")
        _print(environment)
    for each in found.proposals:
        out.print(f"Proposed by {each.made_by_name}: masspayout proposal show {each.id}", markup=False)


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The whole new policy, as JSON.")],
    asset: AssetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the policy. Where it is guarded, this is a proposal, which another person approves."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Invalid(f"{file} cannot be read as JSON: {error}.", "Name a file with a policy as JSON.") from None
    changed = with_context(lambda context: Control(context).change_policy(content, asset))
    _show_change(changed, as_json=as_json)


@app.command()
def approve(
    proposal: ProposalArgument,
    user: UserOption = None,
    password_stdin: PasswordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposed policy: short for proposal approve."""
    proposals.approve(proposal, user, password_stdin, as_json)


@app.command()
def history(as_json: JsonOption = False) -> None:
    """List the versions of the policy, the latest first."""
    versions = with_context(lambda context: Control(context).policy_history())
    show_list(
        [version_fields(each) for each in versions],
        ["VERSION", "OF", "SINCE", "UNTIL", "BY", "CONTENT"],
        [
            (
                each.number,
                each.asset_id or "installation",
                each.made_at,
                each.replaced_at,
                _makers(each),
                " ".join(read_content(each.content).sentences),
            )
            for each in versions
        ],
        empty="No versions yet. Write one with: masspayout policy propose FILE",
        as_json=as_json,
    )


def version_fields(version: Policy) -> dict[str, Any]:
    """Return a version of the policy as JSON has it."""
    names = ("number", "asset_id", "made_by_name", "approved_by_name", "made_at", "replaced_at", "content")
    return {name: getattr(version, name) for name in names}


def _detail_fields(found: PolicyDetail) -> dict[str, Any]:
    return {
        "number": found.in_force.number,
        "guarded": found.in_force.is_guarded,
        "versions": [version_fields(version) for version in found.versions],
        "environment": found.in_force.environment.stored(),
        "proposals": [proposals.fields(each) for each in found.proposals],
    }


def _makers(version: Policy) -> str:
    approved_by = version.approved_by_name
    return version.made_by_name if approved_by is None else f"{version.made_by_name} and {approved_by}"


def _print(content: PolicyContent) -> None:
    for sentence in content.sentences:
        out.print(f"  {sentence}", markup=False)


def _show_change(changed: PolicyChange, *, as_json: bool) -> None:
    if changed.version is not None:
        fields = {"version": version_fields(changed.version), "proposal": None}
        show_outcome(fields, f"Version {changed.version.number} of the policy is in force.", as_json=as_json)
    elif changed.proposal is not None:
        fields = {"version": None, "proposal": proposals.fields(changed.proposal)}
        sentence = f"Proposed. Another person approves it with: masspayout proposal approve {changed.proposal.id}"
        show_outcome(fields, sentence, as_json=as_json)
