"""Simulation of payments on the newest block: who is refused, what keeps everybody from being paid, and the gas."""

from collections.abc import Mapping, Sequence

from eth_utils.crypto import keccak

from masspayout.kernel.errors import Conflict, LedgerRejected
from masspayout.ledger.evm.contracts import OwnContract, PayingContract
from masspayout.ledger.evm.contracts.own import TRANSFER_GAS
from masspayout.ledger.evm.erc20 import TRANSFER_REVERTED, Erc20, is_address
from masspayout.ledger.evm.node import Node, NodeError, call_parameters, to_hex, to_int
from masspayout.ledger.failures import (
    PAYER_IS_RECIPIENT,
    PAYER_NOT_ABLE,
    TOKEN_IS_PAUSED,
    TRANSFER_NEEDS_MORE_GAS,
    describe_failure,
)
from masspayout.settings import Settings

# The most gas that one transfer is given: six times that of a token of the Asset Tokenization Studio. A recipient that
# uses more costs the sender no more than this.
_MOST_TRANSFER_GAS = 16 * TRANSFER_GAS

# The estimate of a token's transfer leaves out the books that the contract keeps of it, and others' transfers before.
_MARGIN_NUMERATOR, _MARGIN_DENOMINATOR = 5, 4

# The gas of a simulated payment besides its transfer's.
_PAYMENT_GAS = 100_000

# At most so many refused transfers of a payment are looked into one by one.
_MOST_EXAMINED = 20


class Simulation:
    """Simulates payments; nothing is sent."""

    def __init__(self, node: Node, tokens: Erc20, settings: Settings) -> None:
        self._node = node
        self._tokens = tokens
        self._gas_limit = settings.evm_gas_limit
        self._transfer_gas: dict[str, int] = {}

    async def payer_failure(self, token_id: str, payer: str) -> str | None:
        """Return the failure code of what keeps a payer from paying anybody in a token; None when nothing does.

        The payer itself is to blame if neither it nor a stranger could receive the smallest unit from it: a token that
        lets accounts receive by a list has the payer on it, and any other knows nothing of the stranger.
        """
        if await self._tokens.is_paused(token_id):
            return TOKEN_IS_PAUSED
        if not await self._tokens.balance_units(token_id, payer):
            return None
        stranger = to_hex(keccak(text=f"nobody paid by {payer}")[-20:])
        accounts = {payer, stranger}
        refused = await self._tokens.reverting(token_id, payer, list(accounts))
        return PAYER_NOT_ABLE if refused == accounts else None

    async def require_able(self, token_id: str, payer: str) -> None:
        """Check that nothing keeps a payer from paying anybody in a token.

        Raises:
            Conflict: The token is paused, or refuses the payer itself.
        """
        code = await self.payer_failure(token_id, payer)
        if code == TOKEN_IS_PAUSED:
            raise Conflict(f"The payment token {token_id} is paused.", "Have its issuer unpause it, then try again.")
        if code is not None:
            raise Conflict(
                f"The payment token {token_id} refuses every transfer of the payer {payer}: it is blocked, say.",
                "Find out from the token's issuer why, then try again.",
            )

    async def failures(
        self, contract: PayingContract | None, token_id: str, payer: str, accounts: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the accounts that a payer could not pay now, each with a failure code.

        Our own contract is tried as it pays, with the whole token as the amount where it holds that: it also refuses
        what would not arrive. For any other payer a transfer of the token is simulated.
        """
        code = await self.payer_failure(token_id, payer)
        if code is not None:
            return dict.fromkeys(accounts, code)
        held_units = await self._tokens.balance_units(token_id, payer)
        if not isinstance(contract, OwnContract) or not held_units:
            return await self._tokens.refused_by(token_id, payer, accounts)
        units = min(held_units, 10 ** (await self._tokens.describe(token_id)).decimals)
        gas = min(_MOST_TRANSFER_GAS + _PAYMENT_GAS, self._gas_limit)
        payable = [account for account in accounts if is_address(account) and account != payer]
        calls = [contract.encode_single_payment(account, units) for account in payable]
        answers = await self._node.requests(
            [("eth_call", call_parameters(payer, call, sender=payer, gas=gas)) for call in calls]
        )
        refused = {account: PAYER_IS_RECIPIENT if account == payer else "INVALID_ACCOUNT_ID" for account in accounts}
        refused = {account: code for account, code in refused.items() if account not in payable}
        for account, answer in zip(payable, answers, strict=True):
            if isinstance(answer, NodeError):
                refused[account] = contract.single_failure(answer.data)
        return refused

    async def fitted(self, contract: PayingContract, sender: str, token_id: str, data: bytes) -> bytes:
        """Return a call that pays with as much gas for each transfer as the token needs.

        Raises:
            LedgerRejected: The call would pay nobody, for a reason that concerns everybody.
        """
        if not isinstance(contract, OwnContract):
            return data
        given = self._transfer_gas.get(token_id, TRANSFER_GAS)
        fitted = contract.with_transfer_gas(data, given)
        simulated = await contract.simulate_payment(sender, fitted)
        if not simulated.refused:
            return fitted
        if simulated.pays_nobody:
            await self._require_payer(token_id, contract.address)
        needed = max((await self._estimates(token_id, contract.address, simulated.refused)).values(), default=0)
        while given < min(_with_margin(needed), _MOST_TRANSFER_GAS):
            given *= 2
        self._transfer_gas[token_id] = given
        return contract.with_transfer_gas(data, given)

    async def explained(
        self, contract: PayingContract, token_id: str, data: bytes, failures: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return the failures of a call that was executed, those of refused transfers with their cause as of now."""
        reverted = [account for account, code in failures.items() if code == TRANSFER_REVERTED]
        owed = contract.owed_of(data)
        if not reverted:
            return failures
        if len(failures) == len(owed):
            code = await self.payer_failure(token_id, contract.address)
            if code is not None:
                return {**failures, **dict.fromkeys(reverted, code)}
        given = contract.transfer_gas_of(data)
        if given is None:
            return failures
        estimates = await self._estimates(token_id, contract.address, {account: owed[account] for account in reverted})
        dear = [account for account, gas in estimates.items() if _with_margin(gas) > given]
        return {**failures, **dict.fromkeys(dear, TRANSFER_NEEDS_MORE_GAS)}

    async def _require_payer(self, token_id: str, payer: str) -> None:
        code = await self.payer_failure(token_id, payer)
        if code is not None:
            failure = describe_failure(code)
            raise LedgerRejected(code, f"{payer} can pay nobody in {token_id}. {failure.sentence}", failure.next_step)

    async def _estimates(self, token_id: str, payer: str, owed: Mapping[str, int]) -> dict[str, int]:
        """Return the gas of transfers to some accounts, as far as the token accepts them with enough of it."""
        some = dict(list(owed.items())[:_MOST_EXAMINED])
        answers = await self._node.requests(
            [
                (
                    "eth_estimateGas",
                    [{"from": payer, "to": token_id, "data": to_hex(self._tokens.transfer_call(account, units))}],
                )
                for account, units in some.items()
            ]
        )
        return {
            account: to_int(answer)
            for account, answer in zip(some, answers, strict=True)
            if not isinstance(answer, NodeError)
        }


def _with_margin(gas: int) -> int:
    return gas * _MARGIN_NUMERATOR // _MARGIN_DENOMINATOR
