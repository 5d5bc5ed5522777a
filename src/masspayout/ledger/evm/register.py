"""Registers of tokens from all their Transfer logs, which are read once, kept, and compared with token balances.

Only final blocks are read, each range in one transaction with the mark up to where it was read, so any process
continues where the last one stopped.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from masspayout.db.entities import EvmToken
from masspayout.db.repositories import BalanceChange
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, LedgerRejected, LedgerUnavailable
from masspayout.ledger.evm.chain import BlockHeader, Chain
from masspayout.ledger.evm.erc20 import TRANSFER_TOPIC, ZERO_ADDRESS, Erc20, first_block_of, transfer_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_int
from masspayout.ledger.evm.ranges import Ranges
from masspayout.ledger.port import HolderBalance
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# This many holders, spread over the whole register, are compared with the token's own balances.
_SAMPLE_SIZE = 200


class Registers:
    """The registers of tokens, kept up to date in our database."""

    def __init__(self, database: Database, node: Node, chain: Chain, settings: Settings) -> None:
        self._database = database
        self._node = node
        self._chain = chain
        self._settings = settings
        self._tokens = Erc20(node)

    async def holders(
        self, token_id: str, block: BlockHeader, final: BlockHeader
    ) -> AsyncIterator[Sequence[HolderBalance]]:
        """Return the holders of a token at a block.

        Args:
            token_id: The token.
            block: The block, which is final.
            final: The newest final block, up to which the logs are read.

        Raises:
            LedgerRejected: The logs and the token's own balances do not agree.
        """
        token = await self._read(token_id, final)
        await self._compare(token, block, final)
        return self._holders(token, block.number)

    async def _read(self, token_id: str, final: BlockHeader) -> EvmToken:
        """Read the missing blocks, up to the newest final one."""
        token = await self._begin(token_id, final)
        ranges = Ranges(self._settings.evm_log_blocks)

        async def transfers(first: int, last: int) -> list[Json]:
            return await self._node.logs(first, last, [TRANSFER_TOPIC], token_id)

        while token.read_block < final.number:
            last, logs = await ranges.read(token.read_block + 1, final.number, transfers)
            token = await self._keep(token, logs, last, final)
        return token

    async def _begin(self, token_id: str, final: BlockHeader) -> EvmToken:
        """Return a token with the block up to which it is read. Blocks of a chain that is gone are forgotten."""
        chain_id = await self._chain.chain_id()
        token = await self._find(chain_id, token_id)
        if token is not None and token.read_block_hash and not await self._is_on_chain(token, final):
            _log.warning("the blocks in which %s was read are gone: it is read again", token_id)
            async with self._database.unit_of_work() as work:
                await work.evm_tokens.forget(token)
            token = None
        if token is None:
            first_block = await first_block_of(
                self._node, token_id, min(self._settings.evm_start_block, final.number), final.number
            )
            async with self._database.unit_of_work() as work:
                await work.evm_tokens.begin(chain_id, token_id, first_block)
            token = await self._find(chain_id, token_id)
        assert token is not None  # noqa: S101 - it was made above, and nobody else forgets it
        return token

    async def _is_on_chain(self, token: EvmToken, final: BlockHeader) -> bool:
        if token.read_block > final.number:
            # Another process saw a later block as final, or another node is behind; its hash tells once it is here.
            return (await self._chain.head()).number >= token.read_block
        return (await self._chain.header(token.read_block)).hash == token.read_block_hash

    async def _find(self, chain_id: int, token_id: str) -> EvmToken | None:
        async with self._database.unit_of_work() as work:
            return await work.evm_tokens.find(chain_id, token_id)

    async def _keep(self, token: EvmToken, logs: Sequence[Json], last: int, final: BlockHeader) -> EvmToken:
        """Store the changes of a range of blocks, unless another process has. Return the token as it is read now."""
        header = final if last == final.number else await self._chain.header(last)
        async with self._database.unit_of_work() as work:
            if await work.evm_tokens.advance(token, last, header.hash):
                await work.evm_tokens.add_changes(token, _changes(logs))
        read_on = await self._find(token.chain_id, token.token_id)
        if read_on is None:
            raise Conflict(f"The register of {token.token_id} was begun anew meanwhile.", "Read it again.")
        return read_on

    async def _holders(self, token: EvmToken, block_number: int) -> AsyncIterator[Sequence[HolderBalance]]:
        async with self._database.unit_of_work() as work:
            async for page in work.evm_tokens.stream_balances(token, block_number):
                yield [HolderBalance(account, units) for account, units in page if account != ZERO_ADDRESS]

    async def _compare(self, token: EvmToken, block: BlockHeader, final: BlockHeader) -> None:
        """Compare the balances from the logs with the token's own.

        Nodes that keep no old states cannot be asked about an earlier block; then the newest one is compared.
        """
        try:
            supply_units = await self._tokens.total_supply_units(token.token_id, block.number)
        except NodeError as error:
            if block == final:
                raise LedgerUnavailable(f"The node cannot tell {token.token_id}'s supply: {error.message}.") from None
            await self._compare(token, final, final)
            return
        async with self._database.unit_of_work() as work:
            reported_units = await work.evm_tokens.total_units(token, block.number, besides=ZERO_ADDRESS)
        if reported_units != supply_units:
            raise _mismatch(
                token.token_id,
                f"its Transfer events add up to {reported_units:,} smallest units at block {block.number}, "
                f"and its supply is {supply_units:,}",
            )
        sample = await self._sample(token, block.number)
        said = await self._tokens.balances_units(token.token_id, list(sample), block.number)
        for (account, units), said_units in zip(sample.items(), said, strict=True):
            if units != said_units:
                raise _mismatch(
                    token.token_id,
                    f"{account} holds {units:,} smallest units by its Transfer events at block {block.number}, "
                    f"and {said_units:,} by its balanceOf",
                )

    async def _sample(self, token: EvmToken, block_number: int) -> Mapping[str, int]:
        """Return some holders: all of a small register, else holders at even distances."""
        kept: dict[str, int] = {}
        step, index = 1, 0
        async for page in self._holders(token, block_number):
            for account, units in page:
                if units < 0:
                    raise _mismatch(token.token_id, f"{account} gave away {-units:,} smallest units more than it got")
                if index % step == 0:
                    kept[account] = units
                index += 1
                if len(kept) > 2 * _SAMPLE_SIZE:
                    kept = dict(list(kept.items())[::2])
                    step *= 2
        return kept


def _changes(logs: Sequence[Json]) -> list[BalanceChange]:
    """Return the changes of balances by Transfer logs, summed up for each account and block."""
    changes: dict[tuple[str, int], int] = defaultdict(int)
    for log in logs:
        moved = transfer_of(log)
        if moved is None:
            continue
        sender, receiver, units = moved
        block_number = to_int(log["blockNumber"])
        changes[sender, block_number] -= units
        changes[receiver, block_number] += units
    return [BalanceChange(account, block, units) for (account, block), units in changes.items() if units]


def _mismatch(token_id: str, finding: str) -> LedgerRejected:
    return LedgerRejected(
        "REGISTER_MISMATCH",
        f"The register of {token_id} cannot be told from its events: {finding}.",
        "Tokens that rebase, take fees or move silently cannot be paid on; an EVM_START_BLOCK may be set too late.",
    )
