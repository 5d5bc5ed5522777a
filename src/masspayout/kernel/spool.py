"""A spool: a temporary file of rows, between the ledger they are read from and the transaction that writes them.

A ledger may take minutes to list a million holders, and no transaction of the database waits for it. Memory does not
grow with the rows, and they may be read any number of times. The file is deleted when nothing refers to the spool any
more.
"""

import tempfile
import weakref
from collections.abc import AsyncIterator, Iterable, Sequence

# A few thousand rows stay in memory: most registers never touch the disk.
_MEMORY_BYTES = 256 * 1024
_PAGE_ROWS = 10_000


class Spool:
    """Rows of an account id and a whole number, in the order in which they were added.

    Attributes:
        count: The number of rows.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            max_size=_MEMORY_BYTES, mode="w+", encoding="ascii", newline="\n", prefix="masspayout-"
        )
        weakref.finalize(self, self._file.close)
        self.count = 0

    @classmethod
    async def of(cls, pages: AsyncIterator[Sequence[tuple[str, int]]]) -> "Spool":
        """Return a spool with all rows of a stream."""
        spool = cls()
        async for page in pages:
            spool.add(page)
        return spool

    def add(self, rows: Iterable[tuple[str, int]]) -> None:
        """Add some rows."""
        lines = [f"{account_id} {number}\n" for account_id, number in rows]
        self._file.writelines(lines)
        self.count += len(lines)

    async def pages(self, size: int = _PAGE_ROWS) -> AsyncIterator[Sequence[tuple[str, int]]]:
        """Stream all rows, in pages of a size."""
        self._file.seek(0)
        page: list[tuple[str, int]] = []
        for line in self._file:
            account_id, number = line.split()
            page.append((account_id, int(number)))
            if len(page) == size:
                yield page
                page = []
        if page:
            yield page
        self._file.seek(0, 2)
