"""Series as JSON."""

from typing import TYPE_CHECKING

from pydantic import create_model

from masspayout.api.models.base import Time
from masspayout.api.models.terms import OfAssetResponse, response_fields
from masspayout.db.entities import Series, SeriesStatus

if TYPE_CHECKING:
    _TermsResponse = OfAssetResponse
else:
    _TermsResponse = create_model("_TermsResponse", __base__=OfAssetResponse, **response_fields(Series))


class SeriesResponse(_TermsResponse):
    """A series, which creates distributions on a calendar or when funds arrive."""

    status: SeriesStatus
    created_at: Time | None
    updated_at: Time | None
