"""ERC-20 tokens: their metadata, their balances, and the accounts that could receive them."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from masspayout.kernel.errors import Invalid, NotFound
from masspayout.ledger.evm.node import Block, Node, NodeError, call_parameters, from_hex
from masspayout.ledger.failures import PAYER_IS_RECIPIENT
from masspayout.ledger.port import TokenInformation

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ZERO_ADDRESS = "0x" + "0" * 40
TRANSFER_REVERTED = "TRANSFER_REVERTED"

_NAME, _SYMBOL, _DECIMALS = (bytes.fromhex(selector) for selector in ("06fdde03", "95d89b41", "313ce567"))
_TOTAL_SUPPLY, _BALANCE_OF = bytes.fromhex("18160ddd"), bytes.fromhex("70a08231")
_TRANSFER, _PAUSED = bytes.fromhex("a9059cbb"), bytes.fromhex("5c975abb")
_TOTAL_BALANCE_FOR = bytes.fromhex("a8f9868e")
_WORD_BYTES = 32


class Erc20:
    """The tokens of one chain."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def describe(self, token_id: str) -> TokenInformation:
        """Return the metadata of a token.

        Raises:
            NotFound: There is no contract at this address, or it is not a token.
        """
        if not is_address(token_id) or not await self._node.code(token_id):
            raise NotFound(
                f"There is no contract at {token_id} on this chain.", "Check the token's address, and EVM_RPC_URL."
            )
        names = (_NAME, _SYMBOL, _DECIMALS, _TOTAL_SUPPLY, _PAUSED)
        answers = await self._node.requests([("eth_call", call_parameters(token_id, name)) for name in names])
        name, symbol, decimals, supply, paused = (_bytes_or_none(answer) for answer in answers)
        decimals_number, supply_units = _number(decimals), _number(supply)
        if decimals_number is None or supply_units is None or decimals_number > 255:  # noqa: PLR2004 - it is a byte
            raise NotFound(
                f"The contract {token_id} is no ERC-20 token: it does not say its decimals and its supply.",
                "Check the token's address.",
            )
        return TokenInformation(
            token_id=token_id,
            name=_text(name) or token_id,
            symbol=_text(symbol) or "?",
            decimals=decimals_number,
            total_supply_units=supply_units,
            treasury_account_id=None,
            paused=_number(paused) == 1,
        )

    async def balance_units(self, token_id: str, account_id: str, block: Block = "latest") -> int:
        """Return the balance of an account."""
        data = _BALANCE_OF + encode(["address"], [account_id])
        return _require_number(await self._node.call(token_id, data, block=block), token_id)

    async def balances_units(self, token_id: str, account_ids: Sequence[str], block: Block) -> list[int]:
        """Return the balances of many accounts, in few exchanges."""
        return await self._ask_of_each(_BALANCE_OF, token_id, account_ids, block)

    async def holdings_units(self, token_id: str, account_ids: Sequence[str], block: Block) -> list[int]:
        """Return the holdings of many accounts, with the parts that Asset Tokenization Studio tokens leave out.

        Those parts of a balance are locked, on hold, in clearing or frozen. Tokens without such a query hold nothing
        back.
        """
        try:
            return await self._ask_of_each(_TOTAL_BALANCE_FOR, token_id, account_ids, block)
        except NodeError as refusal:
            if not refusal.is_revert:
                raise
        return await self.balances_units(token_id, account_ids, block)

    async def _ask_of_each(self, selector: bytes, token_id: str, account_ids: Sequence[str], block: Block) -> list[int]:
        answers = await self._node.requests(
            [
                ("eth_call", call_parameters(token_id, selector + encode(["address"], [account]), block=block))
                for account in account_ids
            ]
        )
        for answer in answers:
            if isinstance(answer, NodeError):
                raise answer
        return [_require_number(from_hex(answer), token_id) for answer in answers]

    async def total_supply_units(self, token_id: str, block: Block) -> int:
        """Return the supply of a token."""
        return _require_number(await self._node.call(token_id, _TOTAL_SUPPLY, block=block), token_id)

    async def is_paused(self, token_id: str) -> bool:
        """Return True if a token is paused; one that cannot be paused never is."""
        try:
            return _number(await self._node.call(token_id, _PAUSED)) == 1
        except NodeError:
            return False

    @staticmethod
    def transfer_call(account_id: str, units: int) -> bytes:
        """Return the call that transfers from the caller to an account."""
        return _TRANSFER + encode(["address", "uint256"], [account_id, units])

    async def reverting(self, token_id: str, payer: str, account_ids: Sequence[str]) -> set[str]:
        """Return the accounts to which the token refuses a transfer of the payer, by simulation.

        The simulated amount is the smallest unit, or 0 where the payer has nothing.
        """
        units = min(1, await self.balance_units(token_id, payer))
        answers = await self._node.requests(
            [
                ("eth_call", call_parameters(token_id, self.transfer_call(account, units), sender=payer))
                for account in account_ids
            ]
        )
        # A token that returns nothing has transferred; one that returns false has not.
        return {
            account
            for account, answer in zip(account_ids, answers, strict=True)
            if isinstance(answer, NodeError) or _number(from_hex(answer)) == 0
        }

    async def refused_by(self, token_id: str, payer: str, account_ids: Sequence[str]) -> dict[str, str]:
        """Return the accounts that the payer could not transfer to, each with a failure code, by simulation."""
        accounts = [account for account in account_ids if is_address(account)]
        refused = {account: "INVALID_ACCOUNT_ID" for account in account_ids if not is_address(account)}
        refused |= dict.fromkeys(await self.reverting(token_id, payer, accounts), TRANSFER_REVERTED)
        return refused | {account: PAYER_IS_RECIPIENT for account in accounts if account == payer}


async def first_block_of(node: Node, address: str, earliest: int, latest: int) -> int:
    """Return the block in which a contract was created; ``earliest`` if it is older, or the node does not know."""
    try:
        if await node.code(address, earliest):
            return earliest
        low, high = earliest, latest
        while high - low > 1:
            middle = (low + high) // 2
            if await node.code(address, middle):
                high = middle
            else:
                low = middle
    except NodeError:
        return earliest
    return high


def transfer_of(log: Mapping[str, Any]) -> tuple[str, str, int] | None:
    """Return sender, recipient and amount of a Transfer log; None when it is not of an ERC-20."""
    topics = log["topics"]
    if len(topics) != 3 or topics[0] != TRANSFER_TOPIC or len(log["data"]) != 2 + 2 * _WORD_BYTES:  # noqa: PLR2004
        return None
    return address_in(topics[1]), address_in(topics[2]), int(log["data"], 16)


def transfers_of(logs: Sequence[Mapping[str, Any]], token_id: str, sender: str) -> dict[str, int]:
    """Return the amounts of a token that some logs show a sender to transfer, by recipient."""
    moved: dict[str, int] = {}
    for log in logs:
        transfer = transfer_of(log) if log["address"].lower() == token_id else None
        if transfer is not None and transfer[0] == sender:
            moved[transfer[1]] = moved.get(transfer[1], 0) + transfer[2]
    return moved


def address_in(word: str) -> str:
    """Return the address in a topic."""
    return "0x" + word[-40:].lower()


def topic_of(address: str) -> str:
    """Return an address as a topic."""
    return "0x" + "0" * 24 + address[2:]


def is_address(account_id: str) -> bool:
    """Return True if an account id is an address."""
    return account_id.startswith("0x")


def _bytes_or_none(answer: Any) -> bytes | None:
    return None if isinstance(answer, NodeError) else from_hex(answer)


def _number(answer: bytes | None) -> int | None:
    return None if answer is None or len(answer) < _WORD_BYTES else int.from_bytes(answer[:_WORD_BYTES])


def _require_number(answer: bytes, token_id: str) -> int:
    found = _number(answer)
    if found is None:
        raise Invalid(f"The contract {token_id} does not answer as a token does.", "Check the token's address.")
    return found


def _text(answer: bytes | None) -> str:
    """Return a name: a string, or the 32 bytes that tokens of the first years have."""
    if answer is None:
        return ""
    try:
        found: str = decode(["string"], answer)[0]
    except (DecodingError, UnicodeDecodeError, OverflowError):
        found = answer[:_WORD_BYTES].rstrip(b"\0").decode(errors="replace")
    return found.replace("\0", "").strip()
