"""API tokens, and the entries of the audit trail."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from masspayout import audit
from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import Authenticator, requires
from masspayout.api.dependencies import Caller, ClaimDep, ContextDep, PagingDep
from masspayout.api.models.access import AuditEntryResponse, NewTokenResponse, TokenRequest, TokenResponse
from masspayout.api.paging import Listing, listing
from masspayout.context import Context
from masspayout.db.entities import ApiToken
from masspayout.kernel.errors import Forbidden
from masspayout.kernel.roles import Permission
from masspayout.service import access

router = APIRouter(tags=["access"], route_class=AuthenticatedRoute)

_PLAIN = "^[ -~]*$"


@router.get("/tokens", response_model=Listing[TokenResponse])
@requires(Permission.MANAGE_ACCESS)
async def list_tokens(context: ContextDep, paging: PagingDep) -> dict[str, Any]:
    """List the API tokens, newest first, without their secrets."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.tokens(paging.page_request()))


@router.post("/tokens", response_model=NewTokenResponse, status_code=201)
@requires(Permission.MANAGE_ACCESS, tells_secret=True)
async def create_token(context: ContextDep, caller: Caller, body: TokenRequest, claim: ClaimDep) -> dict[str, Any]:
    """Create an API token. Its text is in the response, and nowhere else."""
    if not caller.role.covers(body.role):
        raise Forbidden(
            f"{caller.role} cannot create a token for {body.role}.",
            "Choose a role with no more permissions than yours.",
        )
    new_id = claim.new_id
    if claim.is_resumed:
        await _revoke_unreturned(context, new_id)
    async with context.database.unit_of_work() as work:
        token, text = await access.create_token(
            work,
            body.name,
            role=body.role,
            expires_in=None if body.expires_in_days is None else timedelta(days=body.expires_in_days),
            owner_id=caller.user_id,
            token_id=None if claim.is_resumed else new_id,
        )
    return {name: getattr(token, name) for name in TokenResponse.model_fields} | {"token": text}


@router.delete("/tokens/{token}", status_code=204)
@requires(Permission.MANAGE_ACCESS)
async def revoke_token(
    request: Request, context: ContextDep, token: Annotated[UUID, Path(description="The token's id.")]
) -> None:
    """Revoke a token for good. It stays on record."""
    async with context.database.unit_of_work() as work:
        await access.revoke_token(work, await access.find_token(work, str(token)))
    authenticator: Authenticator = request.app.state.authenticator
    authenticator.clear_credential_cache()


async def _revoke_unreturned(context: Context, token_id: UUID) -> None:
    """Revoke a token of a process that died before it returned the text."""
    async with context.database.unit_of_work() as work:
        unreturned: ApiToken | None = await work.api_tokens.find_by_id(token_id)
        if unreturned is not None and unreturned.revoked_at is None:
            await access.revoke_token(work, unreturned)


@router.get("/audit", response_model=Listing[AuditEntryResponse])
@requires(Permission.VIEW_AUDIT)
async def list_audit_entries(
    context: ContextDep,
    paging: PagingDep,
    subject_id: Annotated[
        str | None, Query(max_length=200, pattern=_PLAIN, description="Only entries on this object.")
    ] = None,
    action: Annotated[
        str | None, Query(max_length=100, pattern=_PLAIN, description="Only this, such as `distribution.executed`.")
    ] = None,
    actor: Annotated[
        str | None,
        Query(
            max_length=200, pattern=_PLAIN, description="Only entries by a user, token or worker of this id or name."
        ),
    ] = None,
) -> dict[str, Any]:
    """List the entries of the audit trail, the latest first."""
    async with context.database.single_statement() as work:
        part = await work.read_models.audit_entries(
            paging.page_request(), subject_id=subject_id, action=action, actor=actor
        )
        sentences = await audit.describe(work, part.items)
    page = listing(part)
    page["items"] = [
        {**fields, "sentence": sentence} for fields, sentence in zip(page["items"], sentences, strict=True)
    ]
    return page
