"""``masspayout pause`` and ``resume``: one asset, or the whole installation."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from masspayout.app import Payouts
from masspayout.cli.output import JsonOption, show_list, show_outcome
from masspayout.cli.session import with_context
from masspayout.context import Context
from masspayout.db.entities import Asset, Pause
from masspayout.distributions import PauseOutcome, PauseSubject
from masspayout.kernel.errors import Invalid

app = typer.Typer()

ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for those who find it paused.")]
PausedAssetOption = Annotated[
    str | None, typer.Option("--asset", help="Only this asset: a token id, a symbol, or an id. Without it, everything.")
]


@app.command()
def pause(
    asset: PausedAssetOption = None,
    reason: ReasonOption = "",
    list_: Annotated[bool, typer.Option("--list", help="List what is paused, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pause all payouts of an asset, or of the installation: nothing begins, and no further batch does."""
    if list_:
        if asset is not None or reason:
            raise Invalid("--list changes nothing, so it takes no asset and no reason.", "Leave the others out.")
        _list(as_json=as_json)
        return
    found, outcome = _changed(asset, reason)
    sentence = "Paused: nothing starts, no further batch begins, and what was signed is settled."
    if not outcome.has_changed and outcome.pause is not None:
        sentence = f"{_name(found)} was paused before, by {outcome.pause.paused_by_name}{outcome.pause.because}."
    how = "masspayout resume" if found is None else f"masspayout resume --asset {found.token_id}"
    show_outcome(_fields(found, outcome), sentence, f"Resume with: {how}", as_json=as_json)


@app.command()
def resume(asset: PausedAssetOption = None, as_json: JsonOption = False) -> None:
    """Resume an asset, or the installation: payouts go on, and those that fell due meanwhile start."""
    found, outcome = _changed(asset, None)
    sentence = "Resumed: workers go on, and start what fell due meanwhile."
    if not outcome.has_changed:
        sentence = f"{_name(found)} was not paused."
    show_outcome(_fields(found, outcome), sentence, *still_paused(outcome), as_json=as_json)


def still_paused(outcome: PauseOutcome) -> Sequence[str]:
    """Return the sentence of a wider pause that lasts although a narrower one has ended; none without one."""
    if outcome.pause is None:
        return ()
    return (f"It {outcome.pause.sentence}. {outcome.pause.next_step}",)


def pause_fields(outcome: PauseOutcome) -> dict[str, Any]:
    """Return the fields of a pause that lasts, for programs."""
    pause = outcome.pause
    return {
        "changed": outcome.has_changed,
        "paused": pause is not None,
        "paused_by_name": None if pause is None else pause.paused_by_name,
        "paused_at": None if pause is None else pause.paused_at,
        "reason": None if pause is None else pause.reason,
    }


def _changed(asset: str | None, reason: str | None) -> tuple[Asset | None, PauseOutcome]:
    """Pause for a reason, or resume without one. Return the asset, if it is about one."""

    async def work(context: Context) -> tuple[Asset | None, PauseOutcome]:
        found = None
        if asset is not None:
            async with context.database.unit_of_work() as work:
                found = await work.assets.get_by_reference(asset)
        subject, payouts = PauseSubject(asset_id=None if found is None else found.id), Payouts(context)
        return found, await (payouts.resume(subject) if reason is None else payouts.pause(subject, reason))

    return with_context(work)


def _list(*, as_json: bool) -> None:
    found = with_context(lambda context: Payouts(context).list_pauses())
    rows = [
        (*_subject(pause, asset), pause.paused_by_name, pause.paused_at, pause.reason or None) for pause, asset in found
    ]
    names = ("subject", "id", "paused_by_name", "paused_at", "reason")
    show_list(
        [dict(zip(names, row, strict=True)) for row in rows],
        ["PAUSED", "ID", "BY", "SINCE", "REASON"],
        rows,
        total=len(rows),
        as_json=as_json,
        empty="Nothing is paused.",
    )


def _subject(pause: Pause, asset: Asset | None) -> tuple[str, Any]:
    if pause.distribution_id is not None:
        return "payout", pause.distribution_id
    return ("installation", None) if asset is None else ("asset", asset.token_id)


def _fields(asset: Asset | None, outcome: PauseOutcome) -> dict[str, Any]:
    return {"asset": None if asset is None else asset.token_id, **pause_fields(outcome)}


def _name(asset: Asset | None) -> str:
    return "The installation" if asset is None else f"Asset {asset.token_id}"
