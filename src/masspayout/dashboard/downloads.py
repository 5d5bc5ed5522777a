"""Downloads: who was owed what and who got it, as a file, streamed however many there are."""

import csv
import io
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from masspayout import distributions
from masspayout.dashboard.visits import find_visitor
from masspayout.db.entities import Distribution
from masspayout.db.repositories import Entitlements
from masspayout.errors import NotFound
from masspayout.roles import Permission
from masspayout.runtime import Runtime

_COLUMNS = ("account_id", "balance", "payment_amount", "paid", "failure_code")
_ROWS_AT_ONCE = 1000


def download_routes(runtime: Runtime) -> APIRouter:
    """Return the routes that files come from."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/payouts/{reference}/holders.csv")
    async def holders(request: Request, reference: str) -> Response:
        identity = await find_visitor(runtime, request)
        if identity is None or not identity.may(Permission.VIEW):
            return RedirectResponse("/sign-in", status_code=303)
        try:
            async with runtime.database.unit_of_work() as session:
                distribution = await distributions.find(session, reference)
        except NotFound as error:
            return Response(str(error), status_code=404, media_type="text/plain")
        name = f"payout-{distribution.id}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_rows(runtime, distribution), media_type="text/csv; charset=utf-8", headers=headers)

    return routes


async def _rows(runtime: Runtime, distribution: Distribution) -> AsyncIterator[str]:
    """Yield the file, some rows at a time."""
    block = io.StringIO()
    writer = csv.writer(block, lineterminator="\n")
    writer.writerow(_COLUMNS)
    async with runtime.database.unit_of_work() as session:
        count = 0
        async for holder in Entitlements(session, distribution).stream():
            amount = f"{holder.payment_amount or 0:f}"
            paid = str(bool(holder.paid)).lower()
            writer.writerow([holder.account_id, holder.balance, amount, paid, holder.failure_code or ""])
            count += 1
            if count % _ROWS_AT_ONCE == 0:
                yield block.getvalue()
                block.seek(0)
                block.truncate()
    yield block.getvalue()
