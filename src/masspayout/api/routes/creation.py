"""Distributions are created: from terms, or from a payout list."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import AssetDep, ClaimDep, PayoutsDep
from masspayout.api.models.distributions import DistributionRequest, DistributionResponse, ListQuery
from masspayout.api.models.series import SeriesResponse
from masspayout.app import Payouts
from masspayout.db.entities import Asset, Distribution, Series
from masspayout.distributions import read_payout_list
from masspayout.kernel.errors import Invalid
from masspayout.kernel.payout_terms import TERMS, TIMING, PayoutTerms, timing_misfits
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
    query: Annotated[ListQuery, Query()],
) -> Distribution | Series:
    """Create a distribution, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them.

    With `application/json`, the asset's holders are paid by these terms. With `text/csv` or `multipart/form-data`, the
    list of accounts and amounts is paid as it is; every bad row is named, and one is enough for nothing to be created.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _JSON:
        made = await _from_terms(payouts, asset, _terms(await request.body(), claim.new_id))
    elif media_type in (_CSV, _FORM):
        async with _list_file(request, media_type) as path:
            made = await _from_list(payouts, asset, path, query, claim.new_id)
    else:
        raise HTTPException(415, f"A payout cannot be made from {media_type or 'a body without a type'}.")
    noun = "distributions" if isinstance(made, Distribution) else "series"
    response.headers["Location"] = f"/api/v1/{noun}/{made.id}"
    return made


def _terms(body: bytes, new_id: uuid.UUID | None) -> PayoutTerms:
    """Read terms, and refuse what does not belong to their kind of execution."""
    try:
        request = DistributionRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
    terms = _given(request, new_id)
    given = [name for name in TIMING if getattr(terms, name) is not None]
    missing, misplaced = timing_misfits(terms.execution_type, given)
    if missing:
        raise Invalid(f"{missing[0]} is missing: {terms.execution_type} needs it.", f"Give {missing[0]}.")
    if misplaced:
        raise Invalid(f"{misplaced[0]} makes no sense with {terms.execution_type}.", f"Leave {misplaced[0]} out.")
    return terms


def _given(request: BaseModel, new_id: uuid.UUID | None) -> PayoutTerms:
    """Return the terms that a request gives. An amount is a text in JSON, and a number here."""
    given = {name: getattr(request, name) for name in TERMS if name in type(request).model_fields}
    if given.get("amount") is not None:
        given["amount"] = Decimal(given["amount"])
    return PayoutTerms(**given, id=new_id)


async def _from_terms(payouts: Payouts, asset: Asset, terms: PayoutTerms) -> Distribution | Series:
    if terms.makes_series:
        return await payouts.create_series(asset, terms)
    return await payouts.create(asset, terms)


async def _from_list(
    payouts: Payouts, asset: Asset, path: Path, query: ListQuery, new_id: uuid.UUID | None
) -> Distribution:
    made = None if new_id is None else await payouts.made_before(new_id)
    if made is not None:
        return made
    terms = _given(query, new_id)
    token = await payouts.list_token(asset, query.payment_token_id)
    entries = await asyncio.to_thread(read_payout_list, path, token.decimals)
    return await payouts.create_of_list(
        asset, token, entries, terms, check_first=True, allow_unpayable=query.allow_unpayable
    )


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
