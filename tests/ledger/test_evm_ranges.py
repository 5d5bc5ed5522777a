"""Ranges of blocks: whatever a node gives at once, every block is read once, in order, in either direction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.evm.node import NodeError
from masspayout.ledger.evm.ranges import Ranges


class Reader:
    """Gives blocks by their numbers, so many at once at most."""

    def __init__(self, given_at_once: int) -> None:
        self._given_at_once = given_at_once

    async def __call__(self, first: int, last: int) -> range:
        if last - first + 1 > self._given_at_once:
            raise NodeError(-32000, "too many blocks")
        return range(first, last + 1)


@given(most=st.integers(1, 50), given_at_once=st.integers(1, 60), first=st.integers(0, 9), count=st.integers(1, 99))
async def test_every_block_is_read_once_forwards_and_backwards(
    most: int, given_at_once: int, first: int, count: int
) -> None:
    until, reader = first + count - 1, Reader(given_at_once)
    forwards: list[int] = []
    ranges, at = Ranges(most), first
    while at <= until:
        last, blocks = await ranges.read(at, until, reader)
        forwards += blocks
        at = last + 1
    backwards: list[int] = []
    ranges, at = Ranges(most), until
    while at >= first:
        begin, blocks = await ranges.read_back(at, first, reader)
        backwards = [*blocks, *backwards]
        at = begin - 1
    assert forwards == backwards == list(range(first, until + 1))


async def test_a_node_that_gives_not_even_one_block_is_named() -> None:
    with pytest.raises(LedgerUnavailable, match="does not give the logs of block 7: too many blocks"):
        await Ranges(8).read_back(7, 0, Reader(0))
    with pytest.raises(LedgerUnavailable, match="does not give the logs of block 7: too many blocks"):
        await Ranges(8).read(7, 9, Reader(0))
