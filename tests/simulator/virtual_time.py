"""An event loop whose time passes only when nobody has anything to do: an hour takes as long as what happens in it."""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context
from functools import partial
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


class StandsStill(Exception):  # noqa: N818 - it is what happened
    """Nobody has anything to do, and nobody will have."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs what is ready in the order in which it became ready, then jumps to the next moment that somebody waits for.

    It takes part in nothing outside: the same coroutines do the same things in the same order in each run.
    """

    def __init__(self) -> None:
        self._ready: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle | asyncio.Future[None]]] = []
        self._time = 0.0
        self._timer_count = 0
        self._is_running = False
        self.errors: list[dict[str, Any]] = []

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._time

    def run_until_complete(self, future: Generator[Any, None, Result] | Awaitable[Result]) -> Result:
        """Run until something is done, and return its result.

        Raises:
            StandsStill: It never will be.
        """
        assert asyncio.iscoroutine(future)
        task: asyncio.Task[Result] = self.create_task(future)
        self._is_running = True
        asyncio._set_running_loop(self)
        try:
            ready, timers = self._ready, self._timers
            while not task.done():
                while ready:
                    ready.popleft()()
                if task.done():
                    break
                if not timers:
                    raise StandsStill("Nobody has anything to do any more.")
                self._time, _, waiting = heapq.heappop(timers)
                if isinstance(waiting, asyncio.TimerHandle):
                    if not waiting.cancelled():
                        waiting._run()
                elif not waiting.done():
                    waiting.set_result(None)
            return task.result()
        finally:
            asyncio._set_running_loop(None)
            self._is_running = False

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time: a leaner ``asyncio.sleep``."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self._timer_count += 1
        heapq.heappush(self._timers, (self._time + seconds, self._timer_count, future))
        await future

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Have something called after all that is ready now."""
        if context is not None:  # a future or a task, which keep no handle: what is most frequent is to be cheap
            self._ready.append(partial(context.run, callback, *args))
            return _NO_HANDLE
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(partial(_run_unless_cancelled, handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have something called after so many seconds."""
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have something called at a time; of two things at one time, the one that was asked for first comes first."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, timer))
        return timer

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        """Return a task of this loop."""
        return asyncio.Task(coro, loop=self, **options)

    def is_running(self) -> bool:
        """Whether something runs in it."""
        return self._is_running

    def is_closed(self) -> bool:
        """Return False: there is nothing to close."""
        return False

    def get_debug(self) -> bool:
        """Return False: debugging would take most of the time."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong where nobody was waiting for it."""
        self.errors.append(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a timer that was cancelled is passed over when its time comes."""


def _run_unless_cancelled(handle: asyncio.Handle) -> None:
    if not handle.cancelled():
        handle._run()


_NO_HANDLE = cast("asyncio.Handle", None)
