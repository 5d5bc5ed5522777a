"""Operations: liveness, readiness and metrics of the process."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import open_to_all, requires
from masspayout.api.models.base import NextStepText, ResponseModel
from masspayout.kernel.roles import Permission
from masspayout.service.doctor import Readiness, Result, Status, is_ready
from masspayout.service.metrics import CONTENT_TYPE, Metrics

router = APIRouter(tags=["operations"], route_class=AuthenticatedRoute)

# The same under short paths, for those that only want to know whether the process is to be restarted or left alone.
probes = APIRouter(include_in_schema=False, route_class=AuthenticatedRoute)


class HealthResponse(BaseModel):
    """The liveness of the process."""

    status: str = Field(examples=["ok"])


class CheckResponse(ResponseModel):
    """The result of one check."""

    name: str = Field(examples=["database"])
    status: Status
    message: str
    hint: NextStepText = Field(validation_alias="next_step", description="For a problem, what to do next.")


class ReadinessResponse(BaseModel):
    """The readiness of the process."""

    ready: bool
    checks: list[CheckResponse]


@probes.get("/health")
@router.get("/health")
@open_to_all
async def health() -> HealthResponse:
    """Return 200 while the process is alive. `/ready` checks whether it can work."""
    return HealthResponse(status="ok")


@probes.get("/ready", response_model=ReadinessResponse)
@router.get(
    "/ready",
    response_model=ReadinessResponse,
    responses={503: {"model": ReadinessResponse, "description": "It could not."}},
)
@open_to_all
async def ready(request: Request, response: Response) -> dict[str, bool | list[Result]]:
    """Check that the process can work now: database, migrations, worker, listeners, ledger."""
    readiness: Readiness = request.app.state.readiness
    results = list(await readiness.results())
    if not is_ready(results):
        response.status_code = 503
    return {"ready": is_ready(results), "checks": results}


@probes.get("/metrics")
@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
@requires(Permission.VIEW)
async def metrics(request: Request) -> Response:
    """Return metrics, in the text format of Prometheus."""
    found: Metrics = request.app.state.metrics
    return Response(await found.text(), media_type=CONTENT_TYPE)
