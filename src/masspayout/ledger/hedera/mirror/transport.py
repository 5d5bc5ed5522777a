"""Requests to mirror nodes: at a limited rate, retried after a pause, and sent to another node when one is away.

Errors of the transport are translated here.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from masspayout.kernel.errors import Invalid, LedgerUnavailable
from masspayout.ledger.hedera.mirror.rate_limiter import RateLimiter

Answer = TypeVar("Answer", bound=BaseModel)
Query = Mapping[str, str | int | Sequence[str]]

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 8.0
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_BURST = 5

# Proxies and caches keep answers for minutes; an old answer proves nothing about the present.
_HEADERS = {"Cache-Control": "no-cache"}


@dataclass(slots=True)
class _Mirror:
    """One address, its rate, and the time from which on it may be asked again after a failure."""

    url: str
    http: httpx.AsyncClient
    limiter: RateLimiter
    failures_in_a_row: int = 0
    rests_until: float = field(default=float("-inf"))


class MirrorUnreadable(LedgerUnavailable):
    """A mirror node answered, or something in its place, but the answer is evidence of nothing."""


class _Failed(Exception):  # noqa: N818 - it reads as what it is
    """A request failed in a way that a retry may fix.

    Args:
        reason: The reason, to be read after the address.
        retry_after_seconds: The pause that the answer asked for, if any.
        is_answered: True if there was an answer other than "not now".
    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None, *, is_answered: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.is_answered = is_answered


class _Refused(Exception):  # noqa: N818 - it reads as what it is
    """A mirror node refused a request as invalid, in its own format."""


class _OwnMessage(BaseModel):
    message: str


class _OwnMessages(BaseModel):
    messages: list[_OwnMessage]


class _OwnError(BaseModel):
    """An error in the format of a mirror node. Gateways, and other servers in its place, have other formats."""

    status: _OwnMessages = Field(alias="_status")


class MirrorTransport:
    """Several mirror nodes, asked as if they were one.

    Args:
        urls: The addresses, the preferred one first.
        requests_per_second: The rate limit of each.
        timeout_seconds: The time limit of an answer.
        tries: The number of tries before all of them count as away.
        parallel: The number of requests under way at once.
        clock: The time in seconds; tests may give their own.
        sleep: The function that waits for some seconds; tests may give their own.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        requests_per_second: float,
        timeout_seconds: float,
        tries: int,
        parallel: int,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        limits = httpx.Limits(max_connections=parallel, max_keepalive_connections=parallel)
        self._mirrors = [
            _Mirror(
                url,
                httpx.AsyncClient(base_url=url, timeout=timeout_seconds, limits=limits, headers=_HEADERS),
                RateLimiter(requests_per_second, burst=_BURST, clock=clock, sleep=sleep),
            )
            for url in urls
        ]
        self._tries = tries
        self._slots = asyncio.Semaphore(parallel)
        self._clock = clock
        self._sleep = sleep

    @property
    def urls(self) -> Sequence[str]:
        """The addresses, the preferred one first."""
        return [mirror.url for mirror in self._mirrors]

    @property
    def first_choice(self) -> str:
        """The address of the next request: the preferred one of those without a pause."""
        return self._choose(self._mirrors).url

    async def get(self, answer: type[Answer], path: str, query: Query | None = None) -> Answer | None:
        """Return the answer of the first mirror node that has one; None when it reports no such thing.

        None does not prove that there is none: a wrong route has the same answer.

        Raises:
            Invalid: The mirror nodes refuse the request as invalid.
            LedgerUnavailable: No mirror node answers.
            MirrorUnreadable: The last answer was not in the format of a mirror node.
        """
        return await self._get(self._mirrors, answer, path, query, is_list=False)

    async def page(self, answer: type[Answer], path: str, query: Query | None = None, url: str | None = None) -> Answer:
        """Return a page of a list, which every mirror node has even if it is empty; one mirror node's if named.

        Raises:
            Invalid: The mirror nodes refuse the request as invalid.
            LedgerUnavailable: No mirror node answers.
            MirrorUnreadable: The last answer was not in the format of a mirror node, or reported no such list.
        """
        mirrors = [mirror for mirror in self._mirrors if url in (None, mirror.url)]
        found = await self._get(mirrors, answer, path, query, is_list=True)
        assert found is not None  # noqa: S101 - a list that is not found counts as a failure
        return found

    async def close(self) -> None:
        """Close the connections."""
        async with AsyncExitStack() as stack:
            for mirror in self._mirrors:
                stack.push_async_callback(mirror.http.aclose)

    async def _get(
        self, mirrors: Sequence[_Mirror], answer: type[Answer], path: str, query: Query | None, *, is_list: bool
    ) -> Answer | None:
        now = self._clock or asyncio.get_running_loop().time
        left, refusal = list(mirrors), ""
        for tries_left in range(self._tries, 0, -1):
            mirror = self._choose(left)
            if mirror.rests_until > now():
                await self._sleep(mirror.rests_until - now())
            try:
                found = await self._ask(mirror, answer, path, query, is_list=is_list)
            except _Refused as refused:
                left.remove(mirror)
                refusal = f"The mirror node {mirror.url} refused {path}: {refused}."
                if not left:
                    break
            except _Failed as failure:
                mirror.failures_in_a_row += 1
                mirror.rests_until = now() + _pause_seconds(mirror.failures_in_a_row, failure.retry_after_seconds)
                if tries_left == 1:
                    raise (MirrorUnreadable if failure.is_answered else LedgerUnavailable)(
                        f"The mirror node {mirror.url} cannot be read: {failure.reason}.",
                        "Check HEDERA_MIRROR_URLS and the network, or name several addresses; then try again.",
                    ) from None
            else:
                mirror.failures_in_a_row = 0
                mirror.rests_until = float("-inf")
                return found
        raise Invalid(refusal, "Check HEDERA_MIRROR_URLS, and the id that was asked for.")

    def _choose(self, mirrors: Sequence[_Mirror]) -> _Mirror:
        """Return the mirror node with the shortest pause; of those without one, the preferred."""
        now = self._clock or asyncio.get_running_loop().time
        return min(mirrors, key=lambda one: max(one.rests_until, now()))

    async def _ask(
        self, mirror: _Mirror, answer: type[Answer], path: str, query: Query | None, *, is_list: bool
    ) -> Answer | None:
        """Send one request to one mirror node."""
        await mirror.limiter.wait()
        async with self._slots:
            try:
                response = await mirror.http.get(path, params=None if query is None else dict(query))
            except (httpx.TransportError, httpx.InvalidURL) as error:
                raise _Failed(str(error) or type(error).__name__) from None
        if not response.is_success:
            _require_own_not_found(response)
            if is_list:
                raise _Failed(f"it answered 404 to {path}, where there is always a list", is_answered=True)
            return None
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]
            raise _Failed(
                f"its answer to {path} cannot be read ({reason['loc']}: {reason['msg']})", is_answered=True
            ) from None


def _require_own_not_found(response: httpx.Response) -> None:
    """Pass only a mirror node's own answer that it knows no such thing.

    A gateway's 301, 400, 403, 404, 408 or 425 is about the way to the mirror node, not about its data.
    """
    code = response.status_code
    if code == httpx.codes.TOO_MANY_REQUESTS:
        raise _Failed("it has too much to do (429)", _retry_after_seconds(response))
    if response.is_server_error:
        raise _Failed(f"it answered {code}", _retry_after_seconds(response))
    said = f"{code} {response.text[:200]}".strip()
    try:
        _OwnError.model_validate_json(response.content)
    except ValidationError:
        raise _Failed(f"it answered {said}, which is no mirror node's answer", is_answered=True) from None
    if code == httpx.codes.BAD_REQUEST:
        raise _Refused(said)
    if code != httpx.codes.NOT_FOUND:
        raise _Failed(f"it answered {said}", is_answered=True)


def _pause_seconds(failures_in_a_row: int, retry_after_seconds: float | None) -> float:
    """Return the pause of a failed address: the one it asked for, or twice as long each time, with some jitter."""
    if retry_after_seconds is not None:
        return min(retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS)
    longest = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures_in_a_row - 1, 30), _LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, so that many clients do not come back at once


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """Return the seconds of Retry-After, which holds seconds or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
