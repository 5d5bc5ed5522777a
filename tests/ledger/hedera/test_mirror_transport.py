"""Requests to mirror nodes over real sockets: retries, rests, rates, and whom to ask next."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.kernel.errors import Invalid, LedgerUnavailable, MassPayoutError
from masspayout.ledger.hedera.mirror.rate_limiter import RateLimiter
from masspayout.ledger.hedera.mirror.responses import Blocks
from masspayout.ledger.hedera.mirror.transport import MirrorTransport, MirrorUnreadable

BLOCK = b'{"blocks": [{"number": 7, "timestamp": {"from": "1.5", "to": "2.000000001"}}], "links": {"next": null}}'
Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (200, {}, BLOCK)


class Requests(list[str]):
    """The requests that were made, and the headers of each."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[Message] = []


@contextmanager
def answering(*answers: Answer | None) -> Iterator[tuple[str, Requests]]:
    """Serve these answers, the last one again and again; None breaks the connection. Yields address and requests."""
    asked = Requests()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            asked.headers.append(self.headers)
            answer = answers[min(len(asked), len(answers)) - 1]
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@asynccontextmanager
async def transport(*urls: str) -> AsyncIterator[tuple[MirrorTransport, list[float]]]:
    """A transport that does not really sleep, and how long it would have."""
    time = Time()
    made = MirrorTransport(
        urls,
        requests_per_second=1e6,
        timeout_seconds=60,
        tries=4,
        parallel=4,
        clock=time,
        sleep=time.sleep,
    )
    yield made, time.slept
    await made.close()


async def ask(made: MirrorTransport) -> int:
    found = await made.get(Blocks, "/api/v1/blocks", {"limit": 1, "order": ["desc"]})
    assert found is not None
    return found.blocks[0].number


@pytest.mark.parametrize(
    "bad",
    [(500, {}, b""), (503, {}, b"no"), (429, {}, b""), None, (200, {}, b"<html>"), (200, {}, b'{"blocks": [{}]}')],
    ids=["500", "503", "429", "broken", "no JSON", "another form"],
)
async def test_a_passing_fault_is_asked_again_after_a_pause(bad: Answer | None) -> None:
    with answering(bad, bad, GOOD) as (url, asked):
        async with transport(url) as (made, slept):
            assert await ask(made) == 7
    assert asked == ["/api/v1/blocks?limit=1&order=desc"] * 3
    pauses = [seconds for seconds in slept if seconds > 0.01]
    assert len(pauses) == 2
    assert 0.125 <= pauses[0] <= 0.25
    assert 0.25 <= pauses[1] <= 0.5


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("100000", 60.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)])
async def test_retry_after_is_honoured_within_reason(said: str, seconds: float) -> None:
    with answering((429, {"Retry-After": said}, b""), GOOD) as (url, _):
        async with transport(url) as (made, slept):
            assert await ask(made) == 7
    assert sum(slept) == pytest.approx(seconds, abs=0.001)


async def test_when_one_is_away_the_next_is_asked_at_once() -> None:
    with answering(GOOD) as (url, asked):
        async with transport("http://127.0.0.1:9", url) as (made, slept):
            assert [await ask(made) for _ in range(3)] == [7, 7, 7]
    assert len(asked) == 3
    assert not [seconds for seconds in slept if seconds > 0.01]


async def test_when_all_are_away_it_says_so_with_the_next_step() -> None:
    async with transport("http://127.0.0.1:9") as (made, _):
        with pytest.raises(LedgerUnavailable, match="cannot be read") as raised:
            await ask(made)
    assert "HEDERA_MIRROR_URLS" in raised.value.hint


def own_error(message: str) -> bytes:
    return f'{{"_status": {{"messages": [{{"message": "{message}"}}]}}}}'.encode()


async def test_what_it_does_not_know_is_none_and_what_it_refuses_is_invalid() -> None:
    with answering((404, {}, own_error("Not found")), (400, {}, own_error("Invalid parameter: token.id"))) as (
        url,
        asked,
    ):
        async with transport(url) as (made, _):
            assert await made.get(Blocks, "/api/v1/blocks") is None
            with pytest.raises(Invalid, match=r"400 .*Invalid parameter: token\.id"):
                await made.get(Blocks, "/api/v1/blocks")
    assert len(asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (301, {"Location": "https://elsewhere.example/"}, b""),
        (400, {}, b"<html>400 Bad Request</html>"),
        (403, {}, b"RBAC: access denied"),
        (404, {}, b"404 page not found\n"),
        (404, {}, b"{}"),
        (408, {}, b""),
        (425, {}, b""),
        (200, {}, b"{}"),
    ],
    ids=["301", "400", "403", "404", "404 {}", "408", "425", "200 {}"],
)
async def test_the_answer_of_a_gateway_is_none_of_a_mirror_node(answer: Answer) -> None:
    with answering(answer, GOOD) as (url, _):
        async with transport(url) as (made, _):
            assert await ask(made) == 7
    with answering(answer) as (url, _):
        async with transport(url) as (made, _):
            with pytest.raises(MirrorUnreadable):
                await ask(made)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {}, own_error("Invalid parameter")), Invalid),
        ((404, {}, own_error("Not found")), MirrorUnreadable),
    ],
    ids=["refuses", "does not list"],
)
async def test_another_mirror_node_is_asked_what_one_has_no_list_of(
    answer: Answer, error: type[MassPayoutError]
) -> None:
    with answering(answer) as (bad, _), answering(GOOD) as (good, _):
        async with transport(bad, good) as (made, _):
            assert (await made.page(Blocks, "/api/v1/blocks")).blocks[0].number == 7
            with pytest.raises(error):
                await made.page(Blocks, "/api/v1/blocks", url=bad)


async def test_caches_are_passed_by() -> None:
    with answering(GOOD) as (url, asked):
        async with transport(url) as (made, _):
            await ask(made)
    assert asked.headers[0]["Cache-Control"] == "no-cache"


async def test_one_can_be_asked_alone() -> None:
    with answering(GOOD) as (url, _):
        async with transport("http://127.0.0.1:9", url) as (made, _):
            assert await made.page(Blocks, "/api/v1/blocks", url=url)
            with pytest.raises(LedgerUnavailable) as raised:
                await made.page(Blocks, "/api/v1/blocks", url="http://127.0.0.1:9")
            assert not isinstance(raised.value, MirrorUnreadable)


async def test_a_link_with_a_host_leads_to_the_configured_address() -> None:
    linked = BLOCK.replace(
        b'"next": null', b'"next": "https://elsewhere.example/api/v1/blocks?limit=1&block.number=lt:7"'
    )
    with answering((200, {}, linked)) as (url, _):
        async with transport(url) as (made, _):
            assert (await made.page(Blocks, "/api/v1/blocks")).links.next == "/api/v1/blocks?limit=1&block.number=lt:7"


# The rate


@given(per_second=st.floats(0.5, 1000), burst=st.integers(1, 10), pauses=st.lists(st.floats(0, 3), max_size=60))
async def test_no_second_has_more_than_the_rate_and_a_burst(per_second: float, burst: int, pauses: list[float]) -> None:
    time = Time()
    limiter = RateLimiter(per_second, burst=burst, clock=time, sleep=time.sleep)
    passed = []
    for pause in pauses:
        time.now += pause
        await limiter.wait()
        passed.append(time.now)
    for start in passed:
        assert sum(start <= at < start + 1 for at in passed) <= per_second + burst + 1e-6


async def test_whoever_waits_is_not_held_up_longer_than_the_rate_asks() -> None:
    time = Time()
    limiter = RateLimiter(50, burst=5, clock=time, sleep=time.sleep)
    for _ in range(1005):
        await limiter.wait()
    assert time.now == pytest.approx(100 + 1000 / 50)
