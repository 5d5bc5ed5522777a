"""Problem details (RFC 9457): every refusal says what is wrong, with the value, and what to do next."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from masspayout.api.next_steps import over_http, place_of
from masspayout.kernel import errors
from masspayout.kernel.invalid_values import own_sentence, requirement, shown
from masspayout.kernel.logs import conceal

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# The category of an error decides its status. The first that fits counts, so the narrower stand before the wider.
_STATUS: tuple[tuple[type[errors.MassPayoutError], HTTPStatus], ...] = (
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (errors.Forbidden, HTTPStatus.FORBIDDEN),
    (errors.TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.LedgerRejected, HTTPStatus.CONFLICT),
    (errors.MassPayoutError, HTTPStatus.SERVICE_UNAVAILABLE),
)

_NEXT_STEPS = {
    400: "Send a body that is well-formed JSON in UTF-8.",
    404: "The routes are listed in /api/v1/openapi.json.",
    405: "Use one of the methods that the header Allow names.",
    406: "Ask for application/json.",
    413: "Send less at once.",
    415: "Send application/json, or a payout list as text/csv.",
}

_TRY_AGAIN_SECONDS = 5


class FieldProblem(BaseModel):
    """An error of one value, or of one row of a file."""

    where: str = Field(description="The field, parameter or line.", examples=["body.amount"])
    what: str = Field(description="The error.", examples=["It is missing. Add it."])


class Problem(BaseModel):
    """The reason for which a request was refused, and the next step (RFC 9457)."""

    type: str = Field(description="Identifies the kind of problem.", examples=["urn:masspayout:problem:conflict"])
    title: str = Field(description="The kind of problem, in words.", examples=["Conflict"])
    status: int = Field(description="The HTTP status.", examples=[409])
    detail: str = Field(
        description="What is wrong, with the value.", examples=["Payout … cannot be cancelled: it is COMPLETED."]
    )
    next_step: str | None = Field(
        default=None, description="What to do next.", examples=["Reconcile it with: GET /api/v1/distributions/…"]
    )
    instance: str | None = Field(default=None, description="The path of the request.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="Everything that is wrong, where there can be more than one thing."
    )


def install(app: FastAPI) -> None:
    """Answer every error of an application with problem details."""
    for category in (errors.MassPayoutError, HTTPException, RequestValidationError):
        app.add_exception_handler(category, answer)
    app.add_exception_handler(Exception, answer_unexpected)


def status_of(error: errors.MassPayoutError) -> HTTPStatus:
    """Return the HTTP status of an error."""
    return next(status for category, status in _STATUS if isinstance(error, category))


async def answer(request: Request, error: Exception) -> JSONResponse:
    """Return the response to an error that says what is wrong."""
    if isinstance(error, RequestValidationError):
        return _invalid_request(request, error)
    if isinstance(error, HTTPException):
        step = _NEXT_STEPS.get(error.status_code)
        return _response(request, error.status_code, str(error.detail), step, headers=error.headers)
    if not isinstance(error, errors.MassPayoutError):
        raise error
    status = status_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, errors.TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="masspayout"'
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
        headers["Retry-After"] = str(_TRY_AGAIN_SECONDS)
    problems = error.problems if isinstance(error, errors.InvalidRows | errors.DatabaseMismatch) else None
    return _response(
        request,
        status,
        error.message,
        error.next_step.said(over_http) or None,
        found=_fields_at_fault(error) if problems is None else [_row_problem(problem) for problem in problems],
        headers=headers,
        kind=type(error).__name__,
    )


async def answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    """Return the response to an error that nobody foresaw: nothing of it gets out, all of it is in the log."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _response(request, 500, "An unexpected error occurred.", "Tell your administrator: the log has the details.")


def _invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    found = [_field_problem(each) for each in error.errors()]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return _response(request, 400, "The body is not well-formed JSON.", _NEXT_STEPS[400], found=found)
    names = ", ".join(dict.fromkeys(each.where for each in found))
    detail = f"{names}: {found[0].what}" if len(found) == 1 else f"The request is wrong in: {names}."
    return _response(request, 422, detail, "Fix what errors names, and send it again.", found=found)


def _field_problem(problem: Mapping[str, Any]) -> FieldProblem:
    where = ".".join(str(part) for part in problem["loc"]) or "body"
    return FieldProblem(where=where, what=_fault_of(problem))


def _fault_of(problem: Mapping[str, Any]) -> str:
    """Return the sentences on a wrong value. A body that is no JSON is not repeated."""
    if problem["type"] == "missing":
        return "It is missing. Add it."
    if problem["type"] == "extra_forbidden":
        return "There is no such field. Leave it out."
    sentence = own_sentence(problem)
    if sentence is not None:
        return sentence
    allowed = f"Use {requirement(problem)}."
    return allowed if problem["type"] == "json_invalid" else f"It cannot be {shown(problem['input'])}. {allowed}"


def _fields_at_fault(error: errors.MassPayoutError) -> list[FieldProblem] | None:
    """Return the fields that an error asks to fill in another way, by the names that requests have for them."""
    if not isinstance(error, errors.Invalid):
        return None
    names = dict.fromkeys(filter(None, map(place_of, error.next_step.fields)))
    return [FieldProblem(where=name, what=error.message) for name in names] or None


def _row_problem(problem: str) -> FieldProblem:
    where, _, what = problem.partition(", " if ", " in problem.split(":", maxsplit=1)[0] else ": ")
    return FieldProblem(where=where, what=what or problem)


def _response(
    request: Request,
    status: int,
    detail: str,
    next_step: str | None,
    *,
    found: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
    kind: str | None = None,
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    problem = Problem(
        type=f"urn:masspayout:problem:{_dashed(kind) if kind else title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=conceal(detail),
        next_step=None if next_step is None else conceal(next_step),
        instance=conceal(request.url.path),
        errors=None if found is None else [FieldProblem(where=each.where, what=conceal(each.what)) for each in found],
    )
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
