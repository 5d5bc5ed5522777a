"""The head of the trail goes out by itself: into a file, and to webhooks, each time that it has moved."""

import asyncio
import fcntl
import logging
import os
from pathlib import Path

from masspayout.audit.heads import Head, parse_heads
from masspayout.audit.trail import read_head
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.next_steps import Action
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# Enough for several lines, of which the last whole one counts.
_TAIL_BYTES = 4096


class HeadContradicted(MassPayoutError):  # noqa: N818 - it reads as what it is
    """The last head in the file is not in the trail any more."""


async def publish_head(database: Database, settings: Settings) -> None:
    """Append the head to the file that the settings name, and tell webhooks, if it has moved.

    A file that cannot be written, or that the trail contradicts, is logged: the doctor reports it too.
    """
    async with database.unit_of_work() as work:
        await work.audit_entries.publish_head(settings.audit_head_interval_seconds)
    path = settings.audit_head_file
    if path is None:
        return
    try:
        async with database.unit_of_work() as work:
            await require_agreement(work, path)
            head = await read_head(work)
        await asyncio.to_thread(append_head, path, head)
    except MassPayoutError as error:
        _log.error("%s", error)
    except OSError as error:
        _log.error("the head of the audit trail cannot be kept in %s: %s", path, error.strerror or error)


async def require_agreement(work: UnitOfWork, path: Path) -> Head | None:
    """Return the last head in a file; None while there is none.

    Raises:
        HeadContradicted: The trail does not have that entry any more.
        Invalid: The last line is no head.
        OSError: The file cannot be read.
    """
    last = await asyncio.to_thread(last_head, path)
    if last is not None and last.number and await work.audit_entries.hash_at(last.number) != last.hash:
        raise HeadContradicted(
            f"The audit trail lacks {last.named}, the last head in {path}: entries were cut off, or written anew.",
            "See since when: ",
            Action.VERIFY_AUDIT_AGAINST.on(path),
        )
    return last


def last_head(path: Path) -> Head | None:
    """Return the last head in a file, without a line that was not written to its end. Nothing is created.

    Raises:
        Invalid: The line is no head.
        OSError: The file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _last(file.fileno(), path)
    except FileNotFoundError:
        return None


def append_head(path: Path, head: Head) -> bool:
    """Append a head to a file that only its owner may read, and wait until the disk has it.

    False if the file has that head, or a later one, already: of many processes one writes it.

    Raises:
        Invalid: The last line is no head.
        OSError: The file cannot be written.
    """
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = _last(file, path)
        if last is not None and (last.number or 0) >= (head.number or 0):
            return False
        size = os.fstat(file).st_size
        torn = b"\n" if size and os.pread(file, 1, size - 1) != b"\n" else b""
        os.write(file, torn + f"{head}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        _flush_directory(path.parent)
    return True


def _last(file: int, path: Path) -> Head | None:
    size = os.fstat(file).st_size
    start = max(0, size - _TAIL_BYTES)
    text = os.pread(file, size - start, start).decode(errors="replace")
    whole = text[: text.rfind("\n") + 1].splitlines()
    heads = parse_heads("\n".join(whole[-1:]), f"{path}, at its end,")
    return heads[-1] if heads else None


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
