"""Outcomes of transactions, as far as the chain's final blocks tell.

Each conclusion has evidence, which a node that is behind, on a branch of its own, or behind a gateway cannot give:

    Settled, Refused    a receipt of ours; the block that it names is the chain's own at a final height
    Dead                the same of another transaction with our nonce: a cancellation, or one that was found in a block
    not paid            the contract reports it in that receipt; or there was no contract in that block

No receipt, a used nonce, a null, an unreadable answer: each is evidence of nothing, and the outcome Undecided.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from masspayout.db.entities import EvmTransaction
from masspayout.kernel.errors import Invalid, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.ledger.evm.chain import BlockHeader, Chain, is_success
from masspayout.ledger.evm.contracts import PayingContract
from masspayout.ledger.evm.envelopes import decode_transaction
from masspayout.ledger.evm.erc20 import transfers_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_hex, to_int
from masspayout.ledger.evm.nonces import NonceUses
from masspayout.ledger.evm.simulation import Simulation
from masspayout.ledger.evm.transactions import Transactions
from masspayout.ledger.port import IN_A_BLOCK, Dead, Outcome, Refused, Settled, Undecided

REVERTED, OUT_OF_GAS, NOT_TRIED = "CONTRACT_REVERTED", "TRANSACTION_OUT_OF_GAS", "TRANSACTION_NOT_TRIED"


class Outcomes:
    """The lookup of outcomes, under the hashes of all versions of a transaction."""

    def __init__(
        self,
        node: Node,
        chain: Chain,
        transactions: Transactions,
        contract_at: Callable[[str], Awaitable[PayingContract]],
        simulation: Simulation,
    ) -> None:
        self._node = node
        self._chain = chain
        self._transactions = transactions
        self._contract_at = contract_at
        self._simulation = simulation
        self._uses = NonceUses(node, chain, transactions)

    async def of(self, transaction_id: str) -> Outcome:
        """Return the outcome of a transaction. Only final blocks decide."""
        versions = (await self._transactions.versions([transaction_id])).get(transaction_id, [])
        final = await self._chain.final()
        for version in versions:
            receipt = await self._node.receipt(version.hash)
            if receipt is not None:
                return await self._judge(version, receipt, final)
        if not versions:
            return Undecided("It was not signed here, so its nonce is not known.")
        return await self._judge_absence(versions, final)

    async def moved_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return the amount that each transaction moved to each recipient, from Transfer logs in final blocks.

        A payment that somebody else's transaction had made before, so that ours did not, counts as moved by ours.

        Raises:
            LedgerUnavailable: A transaction of ours is in a block, and the node does not show its receipt.
        """
        versions = await self._transactions.versions(transaction_ids)
        final = await self._chain.final()
        receipts = await self._final_receipts([version for group in versions.values() for version in group], final)
        for transaction_id, group in versions.items():
            if not any(version.hash in receipts for version in group) and await self._uses.is_used_by_any(group, final):
                raise LedgerUnavailable(
                    f"Transaction {transaction_id} is in a block, but the node does not show its receipt.",
                    "It is asked again.",
                )
        paying = [version for group in versions.values() for version in group if not version.is_cancellation]
        ours = {version.hash for version in paying}
        moved: dict[tuple[str, str], int] = defaultdict(int)
        for version in paying:
            receipt = receipts.get(version.hash)
            if receipt is None or not is_success(receipt):
                continue
            payer = str(receipt["to"]).lower()
            for recipient, units in transfers_of(receipt["logs"], version.token_id, payer).items():
                moved[version.transaction_id, recipient] += units
            contract, data = await self._call(version, receipt)
            before = await contract.paid_before(data, receipt, version.token_id)
            for recipient, earlier in before.items():
                if earlier not in ours:
                    moved[version.transaction_id, recipient] += await self._moved_by(earlier, version, payer, recipient)
        return dict(moved)

    async def _final_receipts(self, versions: Sequence[EvmTransaction], final: BlockHeader) -> dict[str, Json]:
        """Return the receipts of those transactions that are in final blocks of the chain, by their hashes."""
        shown = await self._node.receipts([version.hash for version in versions])
        receipts = [each for each in shown if each is not None and to_int(each["blockNumber"]) <= final.number]
        headers = await self._chain.headers(to_int(receipt["blockNumber"]) for receipt in receipts)
        return {
            str(receipt["transactionHash"]).lower(): receipt
            for receipt in receipts
            if headers[to_int(receipt["blockNumber"])].hash == receipt["blockHash"]
        }

    async def _moved_by(self, transaction_hash: str, version: EvmTransaction, payer: str, recipient: str) -> int:
        """Return the amount of a payment's token that another transaction moved from the payer to a recipient."""
        receipt = await self._node.receipt(transaction_hash)
        if receipt is None:  # its logs were read: it exists
            raise LedgerUnavailable(f"The node does not show the receipt of {transaction_hash}.", "It is asked again.")
        return transfers_of(receipt["logs"], version.token_id, payer).get(recipient, 0)

    async def _call(self, version: EvmTransaction, receipt: Json) -> tuple[PayingContract, bytes]:
        """Return the contract that a transaction called, and the call's data."""
        contract = await self._contract_at(str(receipt["to"]).lower())
        return contract, decode_transaction(version.signed_bytes).data

    async def _judge(self, version: EvmTransaction, receipt: Json, final: BlockHeader) -> Outcome:
        """Judge a transaction of which a node shows a receipt."""
        number = to_int(receipt["blockNumber"])
        if number > final.number:
            return Undecided(f"{IN_A_BLOCK}{number}, and blocks up to {final.number} are final.")
        block = await self._chain.final_block_of(receipt, final)
        if block is None:
            return Undecided(f"The block {number} that it was in was replaced by another.")
        if version.is_cancellation:
            # Evidence: the cancellation's receipt, of a final block. One nonce is used once.
            return Dead(f"It was cancelled by {version.hash} in block {number}, which took its nonce {version.nonce}.")
        if not is_success(receipt):
            # Evidence: our own receipt, of a final block. A transaction that is reverted moves nothing.
            return Refused(await self._refusal_code(version, receipt, number))
        return await self._judge_success(version, receipt, block)

    async def _judge_success(self, version: EvmTransaction, receipt: Json, block: BlockHeader) -> Outcome:
        """Judge a transaction that succeeded in a final block, by the contract's report on each recipient."""
        try:
            contract, data = await self._call(version, receipt)
        except Invalid as error:  # the node may be behind the block that created the contract
            return Undecided(f"It is in block {block.number}, and cannot be read: {error.message}")
        if not receipt["logs"] and await self._is_contract(contract.address, block.number):
            return Undecided(f"Its receipt in block {block.number} has no logs, and the contract reports all it does.")
        results = await contract.results(data, receipt, version.token_id)
        failures = await self._simulation.explained(contract, version.token_id, data, results.failures)
        return Settled(to_datetime(block.timestamp * NANOS_PER_SECOND), failures, results.paid_units)

    async def _is_contract(self, address: str, number: int) -> bool:
        """Return True if there was a contract at an address in a block; if that state is gone, if there is one now."""
        try:
            return bool(await self._node.code(address, number))
        except NodeError:
            return bool(await self._node.code(address))

    async def _judge_absence(self, versions: Sequence[EvmTransaction], final: BlockHeader) -> Outcome:
        """Judge a transaction without a receipt: dead, if another one used its nonce for good."""
        version = versions[0]
        sender, nonce = version.sender, version.nonce
        if await self._node.transaction_count(sender, final.number) <= nonce:
            return Undecided(await self._why_it_waits(versions))
        use = await self._uses.find(version, final)
        if use is None:
            return Undecided(f"Nonce {nonce} of {sender} is used, but the nodes do not show by which transaction.")
        # Read again: another process may have stored a version since.
        known = await self._transactions.ids_of([use.hash])
        if known.get(use.hash) == version.transaction_id:
            return Undecided(f"It is in a block as {use.hash}, but its receipt was not shown at first.")
        if use.signed is not None:
            same = await self._transactions.adopt(version, use.signed)
            if same is not None:
                return await self._judge(same, use.receipt, final)
        # Evidence: another transaction with our nonce, and its receipt, of a final block.
        return Dead(f"Nonce {nonce} of {sender} was used by {use.hash} instead, in a block that is final.")

    async def _why_it_waits(self, versions: Sequence[EvmTransaction]) -> str:
        """Return the reason why a transaction waits, with the fix."""
        newest = versions[-1]
        refusal = self._transactions.rejections.get(newest.transaction_id)
        if refusal is not None:
            return refusal
        next_nonce = await self._node.transaction_count(newest.sender, "latest")
        if next_nonce < newest.nonce:
            return f"It has nonce {newest.nonce} of {newest.sender} and waits for nonce {next_nonce}."
        needed_wei = await self._transactions.fees.needed_wei()
        if needed_wei > newest.max_fee_wei:
            return "It waits for fees to fall; after EVM_REPLACE_SECONDS it is sent at a higher fee, up to the bound."
        gas = decode_transaction(newest.signed_bytes).gas
        if await self._node.balance_wei(newest.sender) < gas * int(newest.max_fee_wei):
            return f"The sender {newest.sender} cannot pay for its gas: send some of the chain's currency there."
        return "It is in no block yet. If it never will be, its nonce can be freed."

    async def _refusal_code(self, version: EvmTransaction, receipt: Json, number: int) -> str:
        """Return the failure code of a reverted transaction, from a simulation on the state that it met."""
        signed = decode_transaction(version.signed_bytes)
        call: dict[str, Any] = {
            "from": signed.sender,
            "to": signed.to,
            "data": to_hex(signed.data),
            "gas": hex(signed.gas),
        }
        for block in (number, number - 1):
            try:
                await self._node.request("eth_call", call, hex(block))
            except NodeError as error:
                code = (await self._contract_at(signed.to)).revert_code(error.data)
                if code is not None:
                    return code
        return OUT_OF_GAS if to_int(receipt["gasUsed"]) >= signed.gas else REVERTED
