"""Terms of payouts as JSON: the fields of requests and responses, made from the declaration of each term."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from masspayout.api.models.base import AccountId, Amount, RequestAmount, RequestTime, ResponseModel, Text, Time
from masspayout.db.entities import Base, term_columns
from masspayout.kernel.payout_terms import TERMS
from masspayout.kernel.terms import Term

_MOST_ACCOUNTS = 1000
_IN_RESPONSES: dict[type, Any] = {Decimal: Amount, datetime: Time, list: list[str]}


class OfAssetResponse(ResponseModel):
    """Model of a distribution or a series, which begins with its id and its asset's."""

    id: UUID
    asset_id: UUID


def request_fields(terms: Iterable[Term], **defaults: Any) -> dict[str, Any]:
    """Return the fields of a request model for some terms. ``defaults`` are those that differ from the terms' own."""
    return {term.name: _request_field(term, defaults.get(term.name, term.default)) for term in terms}


def response_fields(entity: type[Base]) -> dict[str, Any]:
    """Return the fields of a response model for the terms that an entity stores."""
    columns = entity.__table__.columns
    return {name: _response_field(TERMS[name], is_nullable=columns[name].nullable) for name in term_columns(entity)}


def _request_field(term: Term, default: Any) -> tuple[Any, Any]:
    kind: Any = term.kind
    about: dict[str, Any] = {"description": term.help}
    if kind is list:
        accounts = Annotated[list[AccountId], Field(max_length=_MOST_ACCOUNTS)]
        return accounts, Field(default_factory=list, **about)
    if kind is int:
        least, most = term.bounds or (None, None)
        kind = Annotated[int, Field(ge=least, le=most)]
    elif kind is str:
        kind = Text if term.max_length is None else Annotated[Text, Field(max_length=term.max_length)]
        about["examples"] = [term.example]
    elif kind is Decimal:
        kind = RequestAmount
    elif kind is datetime:
        kind = RequestTime
    if term.is_required:
        return kind, Field(**about)
    return kind if default is not None else kind | None, Field(default=default, **about)


def _response_field(term: Term, *, is_nullable: bool | None) -> tuple[Any, Any]:
    kind = _IN_RESPONSES.get(term.kind, term.kind)
    return kind | None if is_nullable else kind, Field(description=term.help)
