"""What happens to a transaction that a node has taken: it reaches consensus, is charged for, and succeeds or fails.

Nothing runs in the background. Whoever looks at the ledger first lets happen what is due by then.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from hedera_network.entities import Record
from hedera_network.faults import Faults, strikes
from hedera_network.fees import FEE_COLLECTION_ACCOUNT, NETWORK_ACCOUNT, NODE_SHARE_DIVISOR, fee_of
from hedera_network.ledger import Draft, Ledger
from hedera_network.transactions import CryptoTransfer, Refusal, check_time
from hedera_network.transfers import Execution
from masspayout.kernel.ledger_time import NANOS_PER_SECOND


@dataclass(order=True, slots=True)
class _Due:
    at_nanos: int
    number: int
    happen: Callable[[], object] = field(compare=False)


class Consensus:
    """Orders transactions and executes them, each id once.

    Args:
        ledger: What they change.
        shares_fees: Fees are shared by node and network, as they were before HIP-1259.
    """

    def __init__(self, ledger: Ledger, *, shares_fees: bool = False) -> None:
        self.ledger = ledger
        self._shares_fees = shares_fees
        self.faults = Faults()
        self._due: list[_Due] = []
        self._numbers = count()

    def later(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen when the ledger's time has come."""
        at_nanos = self.ledger.clock.now_nanos() + int(seconds * NANOS_PER_SECOND)
        heapq.heappush(self._due, _Due(at_nanos, next(self._numbers), happen))

    def catch_up(self) -> None:
        """Let everything happen that is due."""
        while self._due and self._due[0].at_nanos <= self.ledger.clock.now_nanos():
            heapq.heappop(self._due).happen()

    def submit(self, transfer: CryptoTransfer) -> None:
        """Take a transaction from a node to consensus."""
        self.later(self.faults.consensus_seconds, lambda: self._handle(transfer))
        if strikes(self.faults.duplicate_percent):
            self.later(self.faults.consensus_seconds, lambda: self._handle(transfer))
        self.catch_up()

    def _handle(self, transfer: CryptoTransfer) -> None:
        """Give a transaction its consensus time, charge for it, and execute it if it may be."""
        ledger = self.ledger
        nanos = ledger.next_consensus_nanos()
        draft = Draft(ledger)
        execution = Execution(ledger, draft, transfer)
        result = "SUCCESS"
        try:
            self._check(transfer, nanos)
            execution.run()
        except Refusal as refusal:
            result = refusal.code
            draft, execution = Draft(ledger), Execution(ledger, draft, transfer)
        fee = fee_of(transfer, ledger, automatic_associations=execution.associations)
        shares = self._charge(draft, transfer, fee)
        charged = -shares.get(transfer.key.payer, 0)
        draft.commit(nanos)
        for account, amount in execution.hbar_transfers.items():
            shares[account] = shares.get(account, 0) + amount
        ledger.remember(
            Record(
                key=transfer.key,
                name="CRYPTOTRANSFER",
                node=transfer.node,
                result=result,
                consensus_nanos=nanos,
                valid_seconds=transfer.valid_seconds,
                memo=transfer.memo,
                max_fee=transfer.max_fee,
                fee=charged,
                hash=transfer.hash,
                transfers=tuple((account, amount) for account, amount in sorted(shares.items()) if amount),
                token_transfers=execution.token_transfers,
                assessed_fees=tuple(execution.assessed_fees),
            )
        )

    def _check(self, transfer: CryptoTransfer, nanos: int) -> None:
        """Refuse what must not be executed, whatever it would do.

        Raises:
            Refusal: The code that the transaction fails with; its payer is charged all the same.
        """
        ledger = self.ledger
        if any(not record.is_node_failure for record in ledger.recent(transfer.key)):
            raise Refusal("DUPLICATE_TRANSACTION")
        check_time(transfer, nanos, remaining_seconds=0)
        if strikes(self.faults.throttle_percent):
            raise Refusal("THROTTLED_AT_CONSENSUS")
        self._check_signatures(transfer)
        payer = ledger.account(transfer.key.payer)
        if payer is None or payer.tinybars < fee_of(transfer, ledger):
            raise Refusal("INSUFFICIENT_PAYER_BALANCE")

    def _check_signatures(self, transfer: CryptoTransfer) -> None:
        for number in transfer.debited | transfer.credited:
            account = self.ledger.account(number)
            needed = account is not None and (number in transfer.debited or account.receiver_signature_required)
            if not needed or account is None or number == transfer.key.payer:
                continue
            if account.key is None or not account.key.is_signed_by(transfer.signatures, transfer.body):
                raise Refusal("INVALID_SIGNATURE")

    def _charge(self, draft: Draft, transfer: CryptoTransfer, fee: int) -> dict[int, int]:
        """Take the fee from the payer, or as much as it has, and give it to whom it goes."""
        payer = draft.account(transfer.key.payer)
        fee = min(fee, payer.tinybars) if payer else 0
        if payer is None or fee <= 0:
            return {}
        draft.put_account(replace(payer, tinybars=payer.tinybars - fee))
        shares = {FEE_COLLECTION_ACCOUNT: fee}
        if self._shares_fees:
            shares = {transfer.node: fee // NODE_SHARE_DIVISOR, NETWORK_ACCOUNT: fee - fee // NODE_SHARE_DIVISOR}
        for account, share in shares.items():
            draft.add_tinybars(account, share)
        return {payer.number: -fee, **shares}
