"""Distributions are created: from terms, or from a payout list."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import AssetDep, ClaimDep, PayoutsDep
from masspayout.api.models.base import AccountId, Text
from masspayout.api.models.distributions import DistributionRequest, DistributionResponse
from masspayout.api.models.series import SeriesResponse
from masspayout.app import Payouts
from masspayout.automation import Trigger, parse_trigger, series
from masspayout.db.entities import Asset, Distribution, DistributionType, Frequency, Series
from masspayout.distributions import TIMING, ListTerms, Terms, read_payout_list, timing_misfits
from masspayout.kernel.errors import Invalid
from masspayout.kernel.roles import Permission

router = APIRouter(tags=["distributions"], route_class=AuthenticatedRoute)

_JSON, _CSV, _FORM = "application/json", "text/csv", "multipart/form-data"
_FILE_FIELD = "file"
_CHUNK_BYTES = 1 << 20

_LIST_EXAMPLE = "account_id,amount\n0.0.2001,12.50\n0.0.2002,7.25\n"
_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": {"$ref": "#/components/schemas/DistributionRequest"}},
            _CSV: {"schema": {"type": "string"}, "example": _LIST_EXAMPLE},
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": [_FILE_FIELD],
                    "properties": {_FILE_FIELD: {"type": "string", "contentMediaType": _CSV}},
                }
            },
        },
    }
}


@router.post(
    "/assets/{asset}/distributions",
    response_model=DistributionResponse | SeriesResponse,
    status_code=201,
    openapi_extra=_BODIES,
)
@requires(Permission.PLAN, takes_files=True)
async def create_distribution(
    request: Request,
    response: Response,
    payouts: PayoutsDep,
    asset: AssetDep,
    claim: ClaimDep,
    list_type: Annotated[
        DistributionType, Query(alias="type", description="A list's type.")
    ] = DistributionType.SNAPSHOT,
    concept: Annotated[Text | None, Query(description="What a list is for: for the same it is paid once.")] = None,
    again: Annotated[
        int, Query(ge=1, le=1_000_000, description="2 pays a list once more that was paid for the same concept.")
    ] = 1,
    payment_token_id: Annotated[
        AccountId | None, Query(description="What a list is paid in; unless given, what the asset pays in.")
    ] = None,
    allow_unpayable: Annotated[
        bool, Query(description="Take a list although some of its accounts cannot receive the token.")
    ] = False,
) -> Distribution | Series:
    """Create a distribution, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them.

    With `application/json`, the asset's holders are paid by these terms. With `text/csv` or `multipart/form-data`, the
    list of accounts and amounts is paid as it is; every bad row is named, and one is enough for nothing to be created.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _JSON:
        made = await _from_terms(payouts, asset, _terms(await request.body()), claim.new_id)
    elif media_type in (_CSV, _FORM):
        terms = ListTerms(list_type, concept, again, allow_unpayable, id=claim.new_id)
        async with _list_file(request, media_type) as path:
            made = await _from_list(payouts, asset, path, payment_token_id, terms)
    else:
        raise HTTPException(415, f"A payout cannot be made from {media_type or 'a body without a type'}.")
    noun = "distributions" if isinstance(made, Distribution) else "series"
    response.headers["Location"] = f"/api/v1/{noun}/{made.id}"
    return made


def _terms(body: bytes) -> DistributionRequest:
    """Read terms, and refuse what does not belong to their kind of execution."""
    try:
        terms = DistributionRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
    given = [name for name in TIMING if getattr(terms, name) is not None]
    missing, misplaced = timing_misfits(terms.execution_type, given)
    if missing:
        raise Invalid(f"{missing[0]} is missing: {terms.execution_type} needs it.", f"Give {missing[0]}.")
    if misplaced:
        raise Invalid(f"{misplaced[0]} makes no sense with {terms.execution_type}.", f"Leave {misplaced[0]} out.")
    return terms


async def _from_terms(
    payouts: Payouts, asset: Asset, given: DistributionRequest, new_id: uuid.UUID
) -> Distribution | Series:
    terms = Terms(
        type=given.type,
        payout_type=given.payout_type,
        amount=None if given.amount is None else Decimal(given.amount),
        execution_type=given.execution_type,
        concept=given.concept,
        record_time=given.record_time,
        scheduled_time=given.scheduled_time,
        excluded_accounts=given.excluded_accounts,
        included_accounts=given.included_accounts,
        id=new_id,
    )
    plan = _plan(given)
    if plan is None:
        return await payouts.create(asset, terms)
    return await payouts.create_series(asset, terms, plan)


def _plan(given: DistributionRequest) -> series.Calendar | Trigger | None:
    """Return the calendar or trigger of a series; None for a single distribution."""
    if given.trigger_condition is not None:
        return parse_trigger(given.trigger_condition)
    if given.frequency is None or given.start_time is None:
        return None
    catch_up = series.DEFAULT_CATCH_UP
    if given.catch_up_seconds is not None:
        catch_up = timedelta(seconds=given.catch_up_seconds)
    return series.Calendar(
        frequency=Frequency(given.frequency),
        start_time=given.start_time,
        end_time=given.end_time,
        time_zone=given.time_zone or "UTC",
        catch_up=catch_up,
    )


async def _from_list(
    payouts: Payouts, asset: Asset, path: Path, payment_token_id: str | None, terms: ListTerms
) -> Distribution:
    made = None if terms.id is None else await payouts.made_before(terms.id)
    if made is not None:
        return made
    token = await payouts.list_token(asset, payment_token_id)
    entries = await asyncio.to_thread(read_payout_list, path, token.decimals)
    return await payouts.create_of_list(asset, token, entries, terms, check_first=True)


@asynccontextmanager
async def _list_file(request: Request, media_type: str) -> AsyncIterator[Path]:
    """Put the list of a request into a file of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="masspayout-") as directory:
        path = Path(directory) / "the list"
        with path.open("wb") as file:
            if media_type == _CSV:
                async for chunk in request.stream():
                    file.write(chunk)
            else:
                async with request.form(max_files=1, max_fields=10) as form:
                    upload = form.get(_FILE_FIELD)
                    if not isinstance(upload, UploadFile):
                        raise Invalid("The form has no file.", f"Send the list in a field {_FILE_FIELD!r}.")
                    await asyncio.to_thread(shutil.copyfileobj, upload.file, file, _CHUNK_BYTES)
        yield path
