"""Downloads: who was owed what and who got it, as a file, streamed however many there are."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from masspayout.app import Payouts
from masspayout.context import Context
from masspayout.dashboard.page_context import find_identity
from masspayout.kernel.errors import NotFound
from masspayout.kernel.roles import Permission
from masspayout.reporting import exports


def download_routes(context: Context) -> APIRouter:
    """Return the routes that files come from."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/payouts/{reference}/holders.csv")
    async def holders(request: Request, reference: str) -> Response:
        identity = await find_identity(context, request)
        if identity is None or not identity.may(Permission.VIEW):
            return RedirectResponse("/sign-in", status_code=303)
        try:
            distribution = await Payouts(context).find(reference)
        except NotFound as error:
            return Response(str(error), status_code=404, media_type="text/plain")
        headers = {"Content-Disposition": f'attachment; filename="payout-{distribution.id}.csv"'}
        lines = exports.entitlements_csv(context.database, distribution)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    return routes
