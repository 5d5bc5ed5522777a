"""Costs of paying on an EVM chain: gas, in the chain's own currency."""

from collections.abc import Callable

from masspayout.kernel.errors import Invalid, LedgerRejected
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.chain import Chain
from masspayout.ledger.evm.contracts import PayingContract
from masspayout.ledger.evm.contracts.terms import ContractTerms
from masspayout.ledger.evm.data_fees import DataFees
from masspayout.ledger.evm.fees import FeeMarket
from masspayout.ledger.evm.node import Node, NodeError
from masspayout.ledger.evm.outcomes import NOT_TRIED, REVERTED
from masspayout.ledger.evm.senders import Senders
from masspayout.ledger.port import Estimate, Fees, Tariff
from masspayout.settings import Settings

_COIN_DECIMALS = 18

# The estimated gas of one transaction, and of each recipient in it, before a simulation. A redemption also burns bonds:
# its gas is the most that was measured.
_BASE_GAS, _RECIPIENT_GAS, _REDEMPTION_GAS = 60_000, 70_000, 700_000
_SECONDS_PER_TRANSACTION = 15


class Costs:
    """The estimated cost and duration of payments."""

    def __init__(self, node: Node, chain: Chain, senders: Senders, fees: FeeMarket, settings: Settings) -> None:
        self._node = node
        self._chain = chain
        self._senders = senders
        self._fees = fees
        self._data_fees = DataFees(node)
        self._settings = settings

    async def tariff(self, contract_terms: str | None) -> Tariff:
        """Return the duration of payments, and the cost of their gas at today's price if a sender's key is here."""
        is_redemption = contract_terms is not None and ContractTerms.read(contract_terms).is_redemption
        recipient_gas = _REDEMPTION_GAS if is_redemption else _RECIPIENT_GAS
        most = max(1, self._settings.evm_gas_limit // recipient_gas)
        per_transaction = min(most, self._settings.evm_recipients_per_transaction)
        fees_of, data_fees_of = await self._gas_fees(), await self._data_fees.estimate(per_transaction)

        def estimate(recipient_count: int) -> Estimate:
            count = -(-recipient_count // per_transaction)
            seconds = -(-count // self._settings.evm_transactions_in_flight) * _SECONDS_PER_TRANSACTION
            gas = count * _BASE_GAS + recipient_count * recipient_gas
            return Estimate(seconds, fees_of(gas, data_fees_of(count, recipient_count)))

        return Tariff(estimate)

    async def _gas_fees(self) -> Callable[[int, int], Fees | None]:
        """Return the function for the fees of some gas and data; without a sender's key there are no fees to show."""
        try:
            sender = (await self._senders.all())[0].address
        except Invalid:  # a process that only reads needs no key
            return lambda _gas, _data_wei: None
        price_wei, held_units = await self._fees.needed_wei(), await self._node.balance_wei(sender)
        currency = await self._chain.currency()
        return lambda gas, data_wei: Fees(sender, gas * price_wei + data_wei, held_units, currency, _COIN_DECIMALS)

    async def gas_for(self, sender: str, contract: PayingContract, data: bytes) -> int:
        """Return the gas limit of a call, after a simulation; nothing is sent.

        Raises:
            LedgerRejected: The contract would refuse, or the call would use more than ``EVM_GAS_LIMIT``.
        """
        limit = self._settings.evm_gas_limit
        try:
            estimated = await self._node.estimate_gas(sender, contract.address, data)
        except NodeError as error:
            code = contract.revert_code(error.data)
            if code is None and not error.is_revert:
                if "gas" in error.message.lower():
                    raise _too_much_gas(error.message, limit) from None
                code = NOT_TRIED  # perhaps the node's own error, which proves nothing about the contract
            raise LedgerRejected(
                code or REVERTED,
                f"The contract {contract.address} would not pay: {error.message}.",
                "Find the cause with: ",
                Action.EXAMINE,
            ) from None
        if estimated > limit:
            raise _too_much_gas(f"it needs {estimated:,}", limit)
        return min(estimated * (100 + self._settings.evm_gas_margin_percent) // 100, limit)


def _too_much_gas(finding: str, limit: int) -> LedgerRejected:
    return LedgerRejected(
        "GAS_LIMIT_EXCEEDED",
        f"The transaction would use more gas than EVM_GAS_LIMIT={limit:,}: {finding}.",
        "It is split; lower BATCH_SIZE to spare the trials.",
    )
