"""Operations: is the process alive, can it work, what do its figures say."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from masspayout.api.door import open_to_all
from masspayout.api.guarded import GuardedRoute

router = APIRouter(tags=["operations"], route_class=GuardedRoute)
probes = APIRouter(include_in_schema=False, route_class=GuardedRoute)


class Health(BaseModel):
    """The process answers."""

    status: str = Field(examples=["ok"])


@probes.get("/health")
@router.get("/health")
@open_to_all
async def health() -> Health:
    """Say that the process is alive. It asks nothing else: `/ready` says whether it can work."""
    return Health(status="ok")
