"""Lists that are answered as a file, where somebody asks for one."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse

FormatQuery = Annotated[
    Literal["json", "csv"],
    Query(
        description="json: part of the list. csv: all of it, streamed; cells that a spreadsheet would run are quoted."
    ),
]
CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": "account_id,balance\n0.0.2001,100\n"}}}
}


def csv_response(lines: AsyncIterator[str], name: str) -> StreamingResponse:
    """Return lines as a file to keep."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines, media_type="text/csv", headers=disposition)
