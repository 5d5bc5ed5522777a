"""Queries to mirror nodes, with the names of their public description.

A list exists, even if nothing is on it: a 404 for one is a wrong route, and never an empty list.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.hedera.mirror.responses import (
    Account,
    Accounts,
    Block,
    Blocks,
    ContractLog,
    ContractLogs,
    ExchangeRate,
    ExchangeRates,
    Token,
    TokenBalances,
    TokenRelationship,
    TokenRelationships,
    Transaction,
    Transactions,
    TransactionsOfId,
)
from masspayout.ledger.hedera.mirror.transport import MirrorTransport, Query
from masspayout.ledger.hedera.timestamps import format_timestamp

PAGE = 100

# A list of accounts shows this many tokens of each.
TOKENS_SHOWN = 50
_BLOCKS_PATH, _TRANSACTIONS_PATH = "/api/v1/blocks", "/api/v1/transactions"
_NEWEST: Query = {"order": "desc", "limit": 1}
_FIRST: Query = {"block.number": "0", "limit": 1}
_OLDEST: Query = {"order": "asc", "limit": 1}


class MirrorClient:
    """Typed queries to mirror nodes. Each may raise ``LedgerUnavailable`` when no mirror node answers."""

    def __init__(self, transport: MirrorTransport) -> None:
        self._transport = transport

    @property
    def urls(self) -> Sequence[str]:
        """The addresses of the mirror nodes, the preferred one first."""
        return self._transport.urls

    @property
    def first_choice(self) -> str:
        """The address that the next request goes to."""
        return self._transport.first_choice

    async def token(self, token_id: str) -> Token | None:
        """Return a token; None when there is none."""
        return await self._transport.get(Token, f"/api/v1/tokens/{token_id}")

    async def holders_page(self, token_id: str, query: Query) -> TokenBalances:
        """Return a page of a token's holders, the first one of a range of accounts."""
        return await self._transport.page(TokenBalances, f"/api/v1/tokens/{token_id}/balances", query)

    async def following_page(self, link: str) -> TokenBalances:
        """Return the page of holders that another page's ``links.next`` names."""
        return await self._transport.page(TokenBalances, link)

    async def account(self, account_id: str) -> Account | None:
        """Return an account by its id or EVM address; None when there is none."""
        return await self._transport.get(Account, f"/api/v1/accounts/{account_id}", {"transactions": "false"})

    async def accounts(self, account_ids: Sequence[str]) -> Mapping[str, Account]:
        """Return up to a page of accounts by their ids; those that do not exist are absent."""
        query: Query = {"account.id": list(account_ids), "limit": PAGE}
        found = await self._transport.page(Accounts, "/api/v1/accounts", query)
        return {account.account: account for account in found.accounts}

    async def relationship(self, account_id: str, token_id: str) -> TokenRelationship | None:
        """Return an account's relationship to a token; None when it is not associated, or does not exist."""
        path = f"/api/v1/accounts/{account_id}/tokens"
        found = await self._transport.get(TokenRelationships, path, {"token.id": token_id})
        return next((one for one in found.tokens if one.token_id == token_id), None) if found else None

    async def automatic_associations(self, account_id: str, at_most: int) -> int:
        """Return the number of an account's automatic associations, up to a number."""
        count, link = 0, f"/api/v1/accounts/{account_id}/tokens?limit={PAGE}"
        while link and count < at_most:
            found = await self._transport.page(TokenRelationships, link)
            count += sum(bool(one.automatic_association) for one in found.tokens)
            link = found.links.next or ""
        return count

    async def newest_block(self, url: str | None = None) -> Block | None:
        """Return the newest known block, of one mirror node if it is named."""
        return await self._block(_NEWEST, url)

    async def first_block(self, url: str | None = None) -> Block | None:
        """Return the network's first block; None when it is not kept."""
        return await self._block(_FIRST, url)

    async def oldest_block(self) -> Block | None:
        """Return the oldest block that is kept."""
        return await self._block(_OLDEST, None)

    async def newest_nanos(self) -> int:
        """Return the end of the newest block: everything that was executed until then is known."""
        block = await self.newest_block()
        if block is None or block.timestamp.to is None:
            raise LedgerUnavailable("The mirror node knows no block yet.", "Check HEDERA_MIRROR_URLS, and try later.")
        return block.timestamp.to

    async def snapshot(self, account_id: str, token_id: str | None, at_nanos: int, url: str) -> TokenBalances:
        """Return an account's balance of a token, or of HBAR, by a mirror node's newest snapshot up to a time."""
        path = "/api/v1/balances" if token_id is None else f"/api/v1/tokens/{token_id}/balances"
        query: Query = {"account.id": account_id, "timestamp": f"lte:{format_timestamp(at_nanos)}", "limit": 1}
        return await self._transport.page(TokenBalances, path, query, url)

    async def transactions(self, mirror_id: str) -> Sequence[Transaction]:
        """Return all transactions that were executed under an id, with the custom fees that were charged.

        An empty list does not prove that there is none.

        Args:
            mirror_id: The id as mirror nodes write it, ``0.0.x-seconds-nnnnnnnnn``.
        """
        found = await self._transport.get(TransactionsOfId, f"/api/v1/transactions/{mirror_id}")
        return found.transactions if found else ()

    async def transaction_pages(
        self, account_id: str, *, after_nanos: int, until_nanos: int, url: str | None = None
    ) -> AsyncIterator[Transactions]:
        """Stream the pages of all transactions that an account paid for or that changed its balance, oldest first.

        Args:
            account_id: The account.
            after_nanos: The consensus time after which transactions count.
            until_nanos: The consensus time up to which they count, at most 60 days later.
            url: The mirror node to read from.

        Raises:
            LedgerUnavailable: A page cannot be read. Only the whole stream has all transactions.
        """
        query: Query = {
            "account.id": account_id,
            "timestamp": [f"gt:{format_timestamp(after_nanos)}", f"lte:{format_timestamp(until_nanos)}"],
            "order": "asc",
            "limit": PAGE,
        }
        page = await self._transport.page(Transactions, _TRANSACTIONS_PATH, query, url)
        yield page
        while page.links.next:
            page = await self._transport.page(Transactions, page.links.next, url=url)
            yield page

    async def credits(self, account_id: str, *, since_nanos: int, until_nanos: int) -> AsyncIterator[Transaction]:
        """Stream the successful transactions that credited an account, oldest first, within a time."""
        query: Query = {
            "account.id": account_id,
            "timestamp": [f"gte:{format_timestamp(since_nanos)}", f"lte:{format_timestamp(until_nanos)}"],
            "type": "credit",
            "result": "success",
            "order": "asc",
            "limit": PAGE,
        }
        page: Transactions | None = await self._transport.page(Transactions, _TRANSACTIONS_PATH, query)
        while page is not None:
            for transaction in page.transactions:
                yield transaction
            page = await self._transport.page(Transactions, page.links.next) if page.links.next else None

    async def contract_logs(
        self, contract_id: str, *, since_nanos: int, until_nanos: int
    ) -> AsyncIterator[ContractLog]:
        """Stream a contract's events, oldest first, within a time."""
        query: Query = {
            "timestamp": [f"gte:{format_timestamp(since_nanos)}", f"lte:{format_timestamp(until_nanos)}"],
            "order": "asc",
            "limit": PAGE,
        }
        page = await self._transport.get(ContractLogs, f"/api/v1/contracts/{contract_id}/results/logs", query)
        while page is not None:
            for log in page.logs:
                yield log
            page = await self._transport.page(ContractLogs, page.links.next) if page.links.next else None

    async def exchange_rate(self) -> ExchangeRate:
        """Return the network's present exchange rate of HBAR."""
        found = await self._transport.get(ExchangeRates, "/api/v1/network/exchangerate")
        if found is None:
            raise LedgerUnavailable("The mirror node knows no exchange rate.", "Check HEDERA_MIRROR_URLS.")
        return found.current_rate

    async def _block(self, query: Query, url: str | None) -> Block | None:
        """Return the block of a query, from one mirror node if it is named."""
        found = await self._transport.page(Blocks, _BLOCKS_PATH, query, url)
        return found.blocks[0] if found.blocks else None
