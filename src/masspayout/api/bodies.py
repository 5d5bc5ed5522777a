"""Bodies of requests: read once, never more than allowed, on disk when they are long, and hashed on the way."""

import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from typing import IO

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message as AsgiMessage

_IN_MEMORY_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_DEEPEST = 100
_BRACKETS_OUTSIDE_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class ReceivedBody:
    """A body that has arrived as a whole."""

    def __init__(self, file: IO[bytes], size: int, content_type: str) -> None:
        self.file = file
        self.size = size
        self._content_type = content_type
        self._is_begun = self._is_delivered = False

    def digest(self) -> str:
        """Return what tells this body from another; where parts of a form end is up to chance, and does not count."""
        boundary = _boundary_of(self._content_type)
        digest = hashlib.sha256()
        self.file.seek(0)
        while line := self.file.readline(_CHUNK_BYTES):
            if boundary is None or not line.startswith(boundary):
                digest.update(line)
        return digest.hexdigest()

    async def receive(self) -> AsgiMessage:
        """Hand the body on, as a server does."""
        if self._is_delivered:
            return {"type": "http.disconnect"}
        if not self._is_begun:
            self.file.seek(0)
            self._is_begun = True
        chunk = self.file.read(_CHUNK_BYTES)
        more = self.file.tell() < self.size
        self._is_delivered = not more
        return {"type": "http.request", "body": chunk, "more_body": more}


@asynccontextmanager
async def received(request: Request, most_bytes: int) -> AsyncIterator[ReceivedBody]:
    """Receive the body of a request.

    Raises:
        HTTPException: It is longer than allowed (413), of which nothing more is read, or nested too deeply (400).
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_long(most_bytes)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise _too_long(most_bytes)
            file.write(chunk)
        if size <= _IN_MEMORY_BYTES:
            file.seek(0)
            _require_flat(file.read())
        yield ReceivedBody(file, size, request.headers.get("content-type", ""))


def _require_flat(body: bytes) -> None:
    """Refuse JSON that is nested so deeply that reading it would take the reader's whole stack."""
    if body.count(b"[") + body.count(b"{") <= _DEEPEST or body[:1] not in (b"[", b"{"):
        return
    depth = 0
    for found in _BRACKETS_OUTSIDE_STRINGS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        if depth > _DEEPEST:
            raise HTTPException(400, f"The body is nested more than {_DEEPEST} levels deep.")


def _boundary_of(content_type: str) -> bytes | None:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    return None if boundary is None else b"--" + boundary.encode("latin-1", "replace")


def _too_long(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"The body is longer than the {most_bytes:,} bytes that this route takes.")
