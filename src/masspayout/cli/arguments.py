"""Arguments that name an entity, and the entities that they mean: by id, the beginning of an id, or ``latest``."""

import uuid
from typing import Annotated

import typer

from masspayout.db.entities import EventListener
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.account_ids import is_account_id

AssetArgument = Annotated[
    str, typer.Argument(metavar="ASSET", help="A token id, a symbol, the asset's id or its beginning, or latest.")
]
AssetOption = Annotated[str | None, typer.Option(help="Only those of this asset.")]
DistributionArgument = Annotated[
    str, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id or its beginning, or latest.")
]
SeriesArgument = Annotated[str, typer.Argument(metavar="SERIES", help="The series' id or its beginning, or latest.")]
ListenerArgument = Annotated[
    str,
    typer.Argument(metavar="LISTENER", help="Its contract, account or token; or its id or the beginning, or latest."),
]
WebhookArgument = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="The webhook's id or its beginning, or latest.")
]
DeliveryArgument = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="The delivery's id or its beginning, or latest.")
]
TokenArgument = Annotated[
    str, typer.Argument(metavar="TOKEN", help="Its id, or the prefix that the list shows, or the beginning; or latest.")
]

ProposalArgument = Annotated[str, typer.Argument(metavar="ID", help="The proposal's id or its beginning, or latest.")]


async def find_asset_id(work: UnitOfWork, reference: str | None) -> uuid.UUID | None:
    """Return the id of the asset that a list is limited to; None when it is of all assets."""
    return None if reference is None else (await work.assets.get_by_reference(reference)).id


async def find_token_id(work: UnitOfWork, reference: str) -> str:
    """Return the token id of an asset, which need not be imported if the reference is its token id."""
    return reference if is_account_id(reference) else (await work.assets.get_by_reference(reference)).token_id


async def find_listener(work: UnitOfWork, reference: str) -> EventListener:
    """Return the listener that an argument means."""
    return await work.event_listeners.get_by_reference(reference)
