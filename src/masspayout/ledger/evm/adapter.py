"""EVM chains behind the ledger port: a contract pays, accounts of ours send."""

import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from eth_utils.crypto import keccak
from sqlalchemy import URL

from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, Invalid, LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.next_steps import Action, Field
from masspayout.kernel.types import LedgerEvent, Sender, SignedTransaction
from masspayout.ledger.contract_offers import AnnouncedPayout, ContractOffer
from masspayout.ledger.evm.ats import AtsToken
from masspayout.ledger.evm.chain import Chain
from masspayout.ledger.evm.contracts import ExistingContract, PayingContract, recognise
from masspayout.ledger.evm.contracts.redemption import Bond
from masspayout.ledger.evm.contracts.terms import AMOUNTS_ARE_COMPUTED, ContractTerms
from masspayout.ledger.evm.costs import Costs
from masspayout.ledger.evm.envelopes import decode_transaction
from masspayout.ledger.evm.erc20 import Erc20, is_address
from masspayout.ledger.evm.events import Events
from masspayout.ledger.evm.node import Node, NodeError, to_hex
from masspayout.ledger.evm.offers import Offers
from masspayout.ledger.evm.outcomes import Outcomes
from masspayout.ledger.evm.register import Registers
from masspayout.ledger.evm.senders import SenderAccount, Senders
from masspayout.ledger.evm.simulation import Simulation
from masspayout.ledger.evm.statements import Statements
from masspayout.ledger.evm.transactions import Transactions
from masspayout.ledger.port import (
    NEVER_EXPIRES,
    HolderSnapshot,
    LedgerTraits,
    Outcome,
    PreflightResult,
    Tariff,
    TokenInformation,
    Transfer,
)
from masspayout.ledger.transfer_rules import check_transfer
from masspayout.settings import Settings


class EvmLedger:
    """The chain that ``EVM_RPC_URL`` leads to, connected on first use.

    Args:
        url: Our database, in which the adapter keeps signed transactions and balances.
        settings: The settings, of which ``EVM_…``, ``PAYER_ACCOUNT_ID`` and the keys count.
    """

    def __init__(self, url: URL, settings: Settings, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._settings = settings
        self._clock = clock
        self._database = Database(url, connections=settings.connection_shares.ledger)
        self.node = Node(settings)
        self.chain = Chain(self.node, settings)
        self.senders = Senders(settings)
        self.transactions = Transactions(self._database, self.node, self.chain, self.senders, settings)
        self._costs = Costs(self.node, self.chain, self.senders, self.transactions.fees, settings)
        self._tokens = Erc20(self.node)
        self._registers = Registers(self._database, self.node, self.chain, settings)
        self._simulation = Simulation(self.node, self._tokens, settings)
        self._outcomes = Outcomes(self.node, self.chain, self.transactions, self._contract, self._simulation)
        self._statements = Statements(self.node, self.chain, self.transactions, settings)
        self._events = Events(self.node, self.chain, self.transactions, settings)
        self._contracts: dict[str, PayingContract] = {}
        self._traits = LedgerTraits(
            name="evm",
            recipients_per_transaction=settings.evm_recipients_per_transaction,
            atomic=False,
            transactions_in_flight=settings.evm_transactions_in_flight,
            keeps_history=True,
        )

    @property
    def traits(self) -> LedgerTraits:
        """The traits of this ledger."""
        return self._traits

    async def identity(self) -> str:
        """Return the chain's number and the hash of its first block.

        Raises:
            Conflict: The node is on another chain than the configured one.
        """
        return await self.chain.identity()

    async def examine(self) -> str:
        """Return a sentence with the node's chain and the senders.

        Raises:
            Conflict: The node is on another chain than the configured one.
            Invalid: There is no key to sign with.
        """
        chain_id, addresses = await self.chain.chain_id(), [account.address for account in await self.senders.all()]
        for address in addresses:
            await self.transactions.require_own_chain(address)
        return f"The node is on chain {chain_id}; {', '.join(addresses)} will send."

    async def token(self, token_id: str) -> TokenInformation:
        """Describe a token.

        Raises:
            NotFound: There is no such token.
            Conflict: The node is on another chain.
        """
        await self.chain.chain_id()
        return await self._tokens.describe(token_id)

    async def holders(self, token_id: str, *, at: datetime | None = None) -> HolderSnapshot:
        """Return the holders of a token, at the newest final block or at the last one up to a time.

        Raises:
            NotFound: There is no such token.
            Invalid: The time lies ahead of the chain's.
            LedgerUnavailable: The blocks of that time are not final yet.
            LedgerRejected: The token's events do not add up to its holders.
        """
        await self.token(token_id)
        final = await self.chain.final()
        block = final if at is None else await self.chain.block_at(at, final)
        taken_at = at or to_datetime(block.timestamp * NANOS_PER_SECOND)
        ats = await AtsToken.recognise(self.node, token_id)
        if ats is not None and await ats.tells_of(block.number):
            return HolderSnapshot(taken_at, ats.holders(block.number))
        return HolderSnapshot(taken_at, await self._registers.holders(token_id, block, final))

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return the present balance of an account in a token.

        Raises:
            Invalid: The account is no address.
            NotFound: There is no such token.
        """
        _require_address(account_id)
        try:
            return await self._tokens.balance_units(token_id, account_id)
        except (NodeError, Invalid):
            await self.token(token_id)
            raise

    async def check_payer(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> None:
        """Check that a contract could pay in a token now, apart from its balance.

        Args:
            payer_account_id: The contract.
            token_id: The payment token.
            contract_terms: The terms, if the contract computes the amounts itself; None for no payout in particular.

        Raises:
            Conflict: The chain is not the configured one; or there is no paying contract there, it pays in another
                token, is paused, or does not let our senders pay; or a sender has nothing to pay for gas with.
            ContractPaused: The contract is paused.
            Invalid: The asset is not of the kind that the terms need.
        """
        await self.chain.chain_id()
        await self.token(token_id)
        try:
            contract = await self._contract(payer_account_id)
            accounts = await self.senders.all()
        except Invalid as error:
            raise Conflict(error.message, error.next_step) from None
        await self._simulation.require_able(token_id, payer_account_id)
        for account in accounts:
            await self.transactions.require_own_chain(account.address)
            await contract.check(account.address, token_id, contract_terms)
            if not await self.node.balance_wei(account.address) and await self.transactions.fees.needed_wei():
                raise Conflict(
                    f"The sender {account.address} has nothing to pay for gas with.",
                    f"Send some of the chain's own currency to {account.address}, then try again.",
                )

    async def tariff(
        self,
        payer_account_id: str,  # noqa: ARG002 - contracts that pay are about alike
        token_id: str,  # noqa: ARG002
        contract_terms: str | None = None,
    ) -> Tariff:
        """Return the duration of payments, and the cost of their gas, if a sender's key is here."""
        return await self._costs.tariff(contract_terms)

    async def preflight(
        self,
        payer_account_id: str,
        token_id: str,
        account_ids: Sequence[str],
        contract_terms: str | None = None,
        *,
        max_lookups: int | None = None,  # noqa: ARG002 - a hundred are tried in one exchange
    ) -> PreflightResult:
        """Return the accounts that could not receive the token from the payer: a payment to each is simulated.

        For a redemption, the redemption of each account's bonds is simulated as well.
        """
        _require_address(payer_account_id)
        try:
            contract = await self._contract(payer_account_id)
        except Invalid:
            contract = None  # it is refused when it is to pay
        failures = dict(await self._simulation.failures(contract, token_id, payer_account_id, account_ids))
        terms = None if contract_terms is None else ContractTerms.read(contract_terms)
        if terms is not None and terms.is_redemption:
            failures |= await Bond(self.node, terms.asset_id).failures_of(payer_account_id, account_ids)
        return PreflightResult(failures)

    async def sender(self, payer_account_id: str) -> Sender:  # noqa: ARG002 - any of ours may have any contract pay
        """Return the next of our senders, named as in CAIP-10, with its next nonce."""
        account = await self.senders.next()
        chain_id = await self.chain.chain_id()
        nonce = await self.node.transaction_count(account.address, "pending")
        return Sender(f"eip155:{chain_id}:{account.address}", nonce)

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Simulate a call of the paying contract, sign it with the sender's nonce, and store it. Nothing is sent.

        Raises:
            LedgerRejected: The call is not valid, or would fail; or the contract holds too little, or the sender.
            LedgerUnavailable: Gas costs more than the operator allows now.
        """
        limit = self._traits.recipients_per_transaction
        check_transfer(transfer, at_most=limit, setting="EVM_RECIPIENTS_PER_TRANSACTION")
        for account_id, _ in transfer.payments:
            if not is_address(account_id):
                raise LedgerRejected("INVALID_ACCOUNT_ID", f"{account_id} is no address on an EVM chain.")
        account = await self._account_of(transfer.sender_account_id)
        contract = await self._contract(transfer.payer_account_id)
        data = await contract.encode_payment(
            transfer.payment_key, transfer.token_id, transfer.payments, transfer.contract_terms
        )
        await self._require_funds(transfer)
        data = await self._simulation.fitted(contract, account.address, transfer.token_id, data)
        gas = await self._costs.gas_for(account.address, contract, data)
        signed = await self.transactions.sign(account, transfer.number, contract.address, data, gas, transfer.token_id)
        return SignedTransaction(signed.transaction_id, signed.signed_bytes, NEVER_EXPIRES)

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a signed transaction, or the version in its place: the same payments at a higher fee, or a cancellation.

        Raises:
            LedgerRejected: The node will not take it as it is. An earlier sending may still succeed.
            LedgerUnavailable: The node does not take it now.
            LedgerUncertain: No answer came.
        """
        signed = decode_transaction(signed_bytes)
        if signed.chain_id != await self.chain.chain_id():
            raise LedgerRejected(
                "WRONG_CHAIN",
                f"Transaction {signed.hash} was signed for chain {signed.chain_id}, and the node is on another.",
                "Set EVM_RPC_URL and EVM_CHAIN_ID to the chain on which the payout began.",
            )
        await self.transactions.send(signed.hash, signed_bytes)

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:  # noqa: ARG002
        """Return the outcome of a transaction, in any of its versions, as far as final blocks prove it."""
        return await self._outcomes.of(transaction_id)

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream the payments and receipts of a paying contract in final blocks; cursors are numbers of blocks.

        Raises:
            Invalid: The account is no paying contract.
            LedgerUnavailable: The nodes cannot be read now.
        """
        contract = await self._contract(payer_account_id)
        async for page in self._statements.stream(contract, after):
            yield page

    async def statement_position(self, at: datetime) -> int:
        """Return the number of the last block before a time.

        Raises:
            Invalid: The time lies ahead of the chain's.
            LedgerUnavailable: The blocks of that time are not final yet.
        """
        return (await self.chain.block_at(at - timedelta(seconds=1), await self.chain.final())).number

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Return a contract's balance of a token at the end of a block; None when the nodes keep no such old state."""
        return await self._statements.held_units_at(payer_account_id, token_id, cursor)

    async def settling_seconds(self) -> int:
        """Return 0: signed bytes never expire here. The contract's paid flags and the nonces decide."""
        return 0

    def payment_key(self, obligation: str) -> str | None:
        """Return the Keccak hash of an obligation, by which our contracts remember its paid recipients."""
        return to_hex(keccak(text=obligation))

    async def delay_seconds(self) -> int:
        """Return the age of the newest final block."""
        return max(0, math.ceil(self._clock() / NANOS_PER_SECOND - (await self.chain.final()).timestamp))

    async def clock_lead_seconds(self) -> float | None:
        """Return the seconds that the newest block's time is ahead of our clock."""
        return (await self.chain.head()).timestamp - self._clock() / NANOS_PER_SECOND

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Return the amount that each transaction moved to each recipient, from the token's own Transfer logs."""
        return await self._outcomes.moved_units(transaction_ids)

    async def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        """Stream the events of a contract, account or token in final blocks after a cursor, in order."""
        if not is_address(contract_id):
            return
        async for event in self._events.stream(contract_id, after):
            yield event

    async def require_contract(self, contract_id: str) -> None:
        """Refuse an address without a paying contract.

        Raises:
            Invalid: There is no contract, or one that does not pay holders.
        """
        await self._contract(contract_id)

    async def require_explicit_amounts(self, payer_account_id: str) -> None:
        """Refuse a contract that takes no explicit amounts.

        An address without any contract is refused when it is to pay.

        Raises:
            Conflict: The contract computes the amounts itself.
        """
        try:
            contract = await self._contract(payer_account_id)
        except Invalid:
            return
        if isinstance(contract, ExistingContract):
            raise Conflict(AMOUNTS_ARE_COMPUTED, "Plan it with: ", Action.PLAN_BY_CONTRACT)

    async def announced_payouts(self, asset_id: str, contract_id: str) -> Sequence[AnnouncedPayout]:
        """Return the dividends and coupons that a token has announced, as far as a contract can pay them."""
        return await Offers(self.node, self.chain, asset_id, contract_id).announced()

    async def announced_offer(self, contract_id: str, kind: str, terms: str) -> ContractOffer:
        """Return the shares of a dividend, coupon, snapshot or redemption, by the token's own rule.

        Raises:
            Conflict: The payout was cancelled.
            LedgerUnavailable: The chain's newest block is older than its record or execution date.
        """
        known = ContractTerms.read(terms)
        offers = Offers(self.node, self.chain, known.asset_id, contract_id)
        return await offers.again(kind, known)

    async def close(self) -> None:
        """Close connections, and forget keys."""
        await self.senders.close()
        await self.node.close()
        await self._database.close()

    async def _contract(self, address: str) -> PayingContract:
        """Return the contract at an address. It is cached, since its kind does not change."""
        if address not in self._contracts:
            if not is_address(address):
                raise Invalid(
                    f"{address} is no contract on an EVM chain, where nothing else pays holders.",
                    "Set PAYER_ACCOUNT_ID, or the asset's ",
                    Field.LIFECYCLE_CONTRACT,
                    ", to a paying contract's address (0x…); create one with: ",
                    Action.DEPLOY_CONTRACT,
                )
            self._contracts[address] = await recognise(self.node, address)
        return self._contracts[address]

    async def _account_of(self, sender_account_id: str) -> SenderAccount:
        account = await self.senders.find(sender_account_id.rpartition(":")[2])
        if account is None:
            raise LedgerRejected(
                "INVALID_SIGNATURE", f"The key of {sender_account_id} is not here.", "Check EVM_KEYS and PAYER_KEY."
            )
        return account

    async def _require_funds(self, transfer: Transfer) -> None:
        needed_units = sum(payment.amount_units for payment in transfer.payments)
        held_units = await self._tokens.balance_units(transfer.token_id, transfer.payer_account_id)
        if held_units < needed_units:
            raise LedgerRejected(
                "INSUFFICIENT_TOKEN_BALANCE",
                f"The contract {transfer.payer_account_id} holds {held_units:,} smallest units of {transfer.token_id}, "
                f"and {needed_units:,} are to be paid.",
                "Fund the contract, then retry.",
            )


def _require_address(account_id: str) -> None:
    if not is_address(account_id):
        raise Invalid(
            f"{account_id} is no account on an EVM chain.",
            "Accounts there are written 0x…; is PAYER_ACCOUNT_ID set to the paying contract?",
        )
