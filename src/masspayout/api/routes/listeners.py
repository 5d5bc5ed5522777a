"""Event listeners, and the events that they read."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import ClaimDep, ContextDep, PagingDep
from masspayout.api.models.base import AccountId
from masspayout.api.models.listeners import EventResponse, ListenerPatchRequest, ListenerRequest, ListenerResponse
from masspayout.api.paging import Listing, listing
from masspayout.automation import event_listeners
from masspayout.db.entities import EventListener, EventStatus
from masspayout.db.repositories import EventSort
from masspayout.kernel.roles import Permission

router = APIRouter(tags=["listeners"], route_class=AuthenticatedRoute)

ContractPath = Annotated[AccountId, Path(description="A contract, an account that receives deposits, or a token.")]


@router.get("/listeners", response_model=Listing[ListenerResponse])
@requires(Permission.VIEW)
async def list_listeners(context: ContextDep, paging: PagingDep) -> dict[str, Any]:
    """List the listeners."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.listeners(paging.page_request()))


@router.post("/listeners", response_model=ListenerResponse, status_code=201)
@requires(Permission.MANAGE_LISTENERS)
async def add_listener(
    context: ContextDep, addition: ListenerRequest, claim: ClaimDep, response: Response
) -> EventListener:
    """Add a listener. A worker polls it every second."""
    response.headers["Location"] = f"/api/v1/listeners/{addition.contract_id}"
    if claim.is_resumed:
        async with context.database.single_statement() as work:
            found = await work.event_listeners.find_by_contract_id(addition.contract_id)
        if found is not None:
            return found
    return await event_listeners.add(context.database, addition.contract_id, since=addition.since)


@router.get("/listeners/{contract_id}", response_model=ListenerResponse)
@requires(Permission.VIEW)
async def show_listener(context: ContextDep, contract_id: ContractPath) -> EventListener:
    """Show one listener."""
    return await event_listeners.find(context.database, contract_id)


@router.patch("/listeners/{contract_id}", response_model=ListenerResponse)
@requires(Permission.MANAGE_LISTENERS)
async def change_listener(context: ContextDep, contract_id: ContractPath, patch: ListenerPatchRequest) -> EventListener:
    """Switch a listener on or off."""
    await event_listeners.set_enabled(context.database, contract_id, enabled=patch.enabled)
    return await event_listeners.find(context.database, contract_id)


@router.delete("/listeners/{contract_id}", status_code=204)
@requires(Permission.MANAGE_LISTENERS)
async def remove_listener(context: ContextDep, contract_id: ContractPath) -> None:
    """Remove a listener. Its events are kept."""
    await event_listeners.remove(context.database, contract_id)


@router.get("/events", response_model=Listing[EventResponse])
@requires(Permission.VIEW)
async def list_events(
    context: ContextDep,
    paging: PagingDep,
    contract_id: Annotated[AccountId | None, Query(description="Only those of this contract.")] = None,
    name: Annotated[str | None, Query(max_length=100, pattern="^[ -~]*$", description="Only this kind.")] = None,
    status: EventStatus | None = None,
    sort: EventSort = EventSort.LATEST,
) -> dict[str, Any]:
    """List the events that listeners read."""
    async with context.database.single_statement() as work:
        part = await work.read_models.events(
            paging.page_request(sort), sort, contract_id=contract_id, name=name, status=status
        )
    return listing(part, sort)
