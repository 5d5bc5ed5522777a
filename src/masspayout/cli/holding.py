"""``masspayout distribution pause``, ``resume``, ``send-back`` and ``resubmit``: people who hold a payout."""

from typing import Annotated

import typer

from masspayout.app import Payouts
from masspayout.cli.arguments import DistributionArgument
from masspayout.cli.installation import ReasonOption, pause_fields, still_paused
from masspayout.cli.output import JsonOption, show_outcome
from masspayout.cli.session import with_payouts
from masspayout.db.entities import Distribution
from masspayout.distributions import PauseOutcome, PauseSubject

app = typer.Typer()


@app.command()
def pause(distribution: DistributionArgument, reason: ReasonOption = "", as_json: JsonOption = False) -> None:
    """Pause a running payout: what was signed is settled, and no further batch begins until it is resumed."""

    async def work(payouts: Payouts) -> tuple[Distribution, PauseOutcome]:
        found = await payouts.find(distribution)
        return found, await payouts.pause(PauseSubject(distribution_id=found.id), reason)

    found, outcome = with_payouts(work)
    sentence = "Paused: no further batch begins, and what was signed is settled."
    if not outcome.has_changed and outcome.pause is not None:
        sentence = f"Payout {found.id} {outcome.pause.sentence} already."
    fields = {"id": found.id, **pause_fields(outcome)}
    show_outcome(fields, sentence, f"Resume it: masspayout distribution resume {found.id}", as_json=as_json)


@app.command()
def resume(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Resume a paused payout: workers go on where it stopped, and pay nobody twice."""

    async def work(payouts: Payouts) -> tuple[Distribution, PauseOutcome]:
        found = await payouts.find(distribution)
        return found, await payouts.resume(PauseSubject(distribution_id=found.id))

    found, outcome = with_payouts(work)
    sentences = [f"Resumed. Watch it: masspayout distribution show {found.id}"]
    if not outcome.has_changed:
        sentences = [f"Payout {found.id} was not paused itself."]
    sentences += still_paused(outcome)
    show_outcome({"id": found.id, **pause_fields(outcome)}, *sentences, as_json=as_json)


@app.command("send-back")
def send_back(
    distribution: DistributionArgument,
    reason: Annotated[str, typer.Option("--reason", help="What its creator is to change; a sentence.")],
    as_json: JsonOption = False,
) -> None:
    """Send a payout that waits for approval back to its creator. Its approvals are void."""

    async def work(payouts: Payouts) -> Distribution:
        found = await payouts.find(distribution)
        await payouts.send_back(found.id, reason)
        return found

    found = with_payouts(work)
    show_outcome(
        {"id": found.id, "status": found.status, "reason": reason},
        f"Sent back: payout {found.id} cannot start, and no approval of it counts any more.",
        f"Its creator cancels it, or asks again with: masspayout distribution resubmit {found.id}",
        as_json=as_json,
    )


@app.command()
def resubmit(distribution: DistributionArgument, as_json: JsonOption = False) -> None:
    """Ask for approval again of a payout that was sent back. It needs all its approvals anew."""

    async def work(payouts: Payouts) -> Distribution:
        found = await payouts.find(distribution)
        await payouts.resubmit(found.id)
        return found

    found = with_payouts(work)
    sentence = f"It waits for approval again: masspayout distribution approve {found.id}"
    show_outcome({"id": found.id, "status": found.status}, sentence, as_json=as_json)
