"""Administration of paying contracts: deploy, fund, pause, withdraw."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, InsufficientFunds, Invalid, LedgerError, LedgerUncertain
from masspayout.kernel.money import to_decimal, to_units
from masspayout.kernel.next_steps import Action, Field, NextStep
from masspayout.kernel.types import Sender
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.ledger.evm.adapter import EvmLedger
from masspayout.ledger.evm.ats import INTERFACE, Announcement
from masspayout.ledger.evm.contracts import ExistingContract, PayingContract, cash_flow, recognise
from masspayout.ledger.evm.contracts.interface import LACKS_ROLE
from masspayout.ledger.evm.contracts.own import deployment, interface
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.evm.node import Json, NodeError, to_hex, to_int
from masspayout.ledger.evm.offers import Offers
from masspayout.ledger.evm.senders import SenderAccount

BeforeSending = Callable[[str], Awaitable[None]]

_NO_CONTRACT_YET = "0x"
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 120

_TRANSFER = keccak(text="transfer(address,uint256)")[:4]

# Chains of Hedera, where a contract must be associated with a token before it can hold any.
_HEDERA_CHAINS = frozenset({295, 296, 297, 298})

_NEXT_STEPS = {
    "NotTheAdmin": NextStep("Sign with the key of the contract's admin: set PAYER_KEY or EVM_KEYS to it."),
    "NotAPauser": NextStep("Sign with the key of an account that may pause: set PAYER_KEY or EVM_KEYS to it."),
    "NotAToken": NextStep("Check the token's address."),
    "NotAnAdmin": NextStep("Name an account with ", Field.ADMIN, "."),
    "LifeCycleCashFlowIsUnpaused": NextStep("Nothing need be done: it is not paused."),
}


class Deployment(NamedTuple):
    """A contract that was deployed, and the accounts in its roles."""

    address: str
    admin: str
    payers: Sequence[str]
    pauser: str

    @property
    def shares_roles(self) -> bool:
        """True if one account is in several roles."""
        accounts = [self.admin, self.pauser, *self.payers]
        return len(set(accounts)) < len(accounts)


class Administration:
    """The administration of paying contracts with the first of our senders' keys, whose nonces payouts use too."""

    def __init__(self, ledger: EvmLedger, database: Database, margin_percent: int) -> None:
        self._ledger = ledger
        self._database = database
        self._margin_percent = margin_percent

    async def deploy(
        self, token_id: str, *, admin: str | None, payers: Sequence[str], pauser: str | None
    ) -> Deployment:
        """Deploy a contract that pays in a token.

        Args:
            token_id: The payment token.
            admin: The account that administers the contract; by default the first sender.
            payers: The accounts that may have it pay; by default all our senders.
            pauser: The account that may pause it; by default the admin.

        Raises:
            NotFound: There is no such token.
            Conflict: The chain is not the configured one; or the key is not the admin's, and several are to pay.
        """
        await self._ledger.token(token_id)
        sender = await self._sender()
        admin = admin or sender.address
        payers = payers or [account.address for account in await self._ledger.senders.all()]
        if len(payers) > 1 and admin != sender.address:
            raise Conflict(
                f"Only the admin {admin} can let {len(payers)} accounts pay, and the key here is {sender.address}'s.",
                "Name one ",
                Field.PAYER,
                ", and have the admin let the others pay with set_payer.",
            )
        code = deployment(token_id, admin=admin, payer=payers[0], pauser=pauser or admin)
        receipt = await self._execute(_NO_CONTRACT_YET, code, token_id)
        address = str(receipt["contractAddress"]).lower()
        for payer in payers[1:]:
            await self._execute(address, interface().call("set_payer", payer, True), token_id)
        if await self._ledger.chain.chain_id() in _HEDERA_CHAINS and admin == sender.address:
            await self._execute(address, interface().call("associate"), token_id)
        return Deployment(address, admin, payers, pauser or admin)

    async def fund(self, address: str, amount: Any) -> Mapping[str, Any]:
        """Move payment tokens of the sender to a contract, in whole tokens, and return the contract's balance.

        Raises:
            InsufficientFunds: The sender holds less.
        """
        contract = await recognise(self._ledger.node, address)
        token_id = await contract.payment_token()
        token = await self._ledger.token(token_id)
        units = to_units(amount, token.decimals)
        sender = await self._sender()
        held_units = await self._ledger.balance_units(sender.address, token_id)
        if held_units < units:
            raise InsufficientFunds(
                f"{sender.address} holds {to_decimal(held_units, token.decimals):f} {token.symbol}, not {amount:f}.",
                f"Send some to {sender.address} first, or straight to the contract {address}.",
            )
        await self._execute(token_id, _TRANSFER + encode(["address", "uint256"], [address, units]), token_id)
        return await self._holding(contract)

    async def set_paused(self, address: str, *, paused: bool) -> None:
        """Stop or allow all payments of a contract."""
        contract = await recognise(self._ledger.node, address)
        await self._execute(address, contract.encode_pause(paused=paused), await contract.payment_token())

    async def payment_token(self, contract_id: str) -> str:
        """Return the token that a contract pays in.

        Raises:
            Invalid: There is no paying contract.
        """
        return await (await recognise(self._ledger.node, contract_id)).payment_token()

    async def withdraw(
        self, address: str, amount: Any, to: str | None, *, before_sending: BeforeSending | None = None
    ) -> Mapping[str, Any]:
        """Withdraw payment tokens from a contract, in whole tokens. Return its balance, and the transaction's id.

        The contract's statement shows the withdrawal under that id, as a debit that pays nobody.

        Args:
            address: The contract.
            amount: The amount in whole tokens.
            to: The recipient; by default the sender.
            before_sending: Called with the id before it is sent, so that the caller can store it.

        Raises:
            InsufficientFunds: The contract holds less.
            LedgerUncertain: The transaction, which the error names, is in no block yet.
        """
        contract = await recognise(self._ledger.node, address)
        token_id = await contract.payment_token()
        token = await self._ledger.token(token_id)
        units = to_units(amount, token.decimals)
        held_units = await self._ledger.balance_units(address, token_id)
        if held_units < units:
            raise InsufficientFunds(
                f"The contract {address} holds {to_decimal(held_units, token.decimals):f} {token.symbol}, "
                f"not {amount:f}.",
                "Withdraw less.",
            )
        to = to or (await self._sender()).address
        call = contract.encode_withdrawal(token_id, to, units)
        receipt = await self._execute(address, call, token_id, before_sending=before_sending)
        return {**await self._holding(contract), "transaction_id": str(receipt["transactionHash"])}

    async def take_snapshot(self, token_id: str) -> int:
        """Take a snapshot of a token of the Asset Tokenization Studio, and return its number.

        Raises:
            Conflict: The sender may not do that.
        """
        receipt = await self._execute(token_id, INTERFACE.call("takeSnapshot"), token_id)
        taken = next((event for event in INTERFACE.events(receipt["logs"], token_id)), None)
        if taken is None:
            raise Conflict(f"{token_id} did not say which snapshot it took.", "Name one with ", Field.SNAPSHOT, ".")
        return int(taken.fields["snapshot_id"])

    async def offer(
        self,
        asset_id: str,
        contract_id: str,
        *,
        amount: Decimal | None = None,
        snapshot_id: int | None = None,
        dividend_id: int | None = None,
        coupon_id: int | None = None,
        redemption: bool = False,
    ) -> ContractOffer:
        """Return the shares that a LifeCycleCashFlow contract would pay.

        Args:
            asset_id: The token that is paid on.
            contract_id: The contract.
            amount: The amount to be divided by a snapshot, in whole payment tokens.
            snapshot_id: The snapshot; by default a new one is taken.
            dividend_id: A dividend that the token announced, instead.
            coupon_id: A coupon that the token announced, instead.
            redemption: The principal of a matured bond, instead.

        Raises:
            Invalid: Token or contract are not of that kind, or none or several of the payouts are named.
            Conflict: The payout is not possible now: a role is missing, for example, or a date lies ahead.
        """
        _require_one({"amount": amount, "dividend": dividend_id, "coupon": coupon_id, "redemption": redemption or None})
        if snapshot_id is not None and amount is None:
            raise Invalid(
                "Only an amount is divided by a snapshot.", "Leave out ", Field.SNAPSHOT, ", or say ", Field.AMOUNT, "."
            )
        offers = Offers(self._ledger.node, self._ledger.chain, asset_id, contract_id)
        if dividend_id is not None:
            return await offers.for_announcement(Announcement.DIVIDEND, dividend_id)
        if coupon_id is not None:
            return await offers.for_announcement(Announcement.COUPON, coupon_id)
        if amount is not None:
            await offers.require_divisible(amount)
            if snapshot_id is None:
                snapshot_id = await self.take_snapshot(asset_id)
            return await offers.for_snapshot(snapshot_id, amount)
        return await self._redemption(offers, asset_id, contract_id)

    async def cancel(self, transaction_id: str) -> str:
        """Free the nonce of a transaction that will never get into a block. Return the hash of the cancellation."""
        return await self._ledger.transactions.cancel(transaction_id)

    async def _redemption(self, offers: Offers, asset_id: str, contract_id: str) -> ContractOffer:
        """Return the offer of a redemption, once only the holders' own accounts could be in its way."""
        contract = await recognise(self._ledger.node, contract_id)
        if isinstance(contract, ExistingContract):
            terms = str(ContractTerms(Occasion.REDEMPTION, asset_id))
            await self._ledger.check_payer(contract_id, await contract.payment_token(), terms)
        return await offers.for_redemption()

    async def _holding(self, contract: PayingContract) -> Mapping[str, Any]:
        token = await self._ledger.token(await contract.payment_token())
        units = await self._ledger.balance_units(contract.address, token.token_id)
        return {
            "contract_id": contract.address,
            "payment_token_id": token.token_id,
            "balance": to_decimal(units, token.decimals),
            "symbol": token.symbol,
        }

    async def _sender(self) -> SenderAccount:
        return (await self._ledger.senders.all())[0]

    async def _execute(
        self, to: str, data: bytes, token_id: str, *, before_sending: BeforeSending | None = None
    ) -> Json:
        """Simulate a call, sign it with the next nonce, send it, and wait until it is in a block.

        Raises:
            Conflict: The call would fail, or the chain was started anew; nothing was sent. Or the call failed.
            LedgerUncertain: The transaction is in no block yet.
        """
        sender = await self._sender()
        await self._ledger.transactions.require_own_chain(sender.address)
        gas = await self._estimate(sender.address, to, data)
        chain_id = await self._ledger.chain.chain_id()
        floor = await self._ledger.node.transaction_count(sender.address, "pending")
        account_id = f"eip155:{chain_id}:{sender.address}"
        # Reserved first, and committed: nobody waits for a number while the custodian signs.
        async with self._database.unit_of_work() as work:
            nonce = await work.attempts.next_number(Sender(account_id, floor))
        try:
            signed = await self._ledger.transactions.sign(sender, nonce, to, data, gas, token_id)
        except LedgerError:
            async with self._database.unit_of_work() as work:
                await work.attempts.return_number(account_id, nonce)
            raise
        if before_sending is not None:
            await before_sending(signed.transaction_id)
        await self._ledger.transactions.send(signed.transaction_id, signed.signed_bytes)
        receipt = await self._receipt(signed.transaction_id)
        if to_int(receipt["status"]) != 1:
            raise Conflict(f"Transaction {signed.transaction_id} failed.", "Look it up in the chain's explorer.")
        return receipt

    async def _estimate(self, sender: str, to: str, data: bytes) -> int:
        call = {"from": sender, "data": to_hex(data)} | ({} if to == _NO_CONTRACT_YET else {"to": to})
        try:
            estimated = to_int(await self._ledger.node.request("eth_estimateGas", call))
        except NodeError as error:
            name = interface().error(error.data) or cash_flow.INTERFACE.error(error.data) or ""
            next_step = _NEXT_STEPS.get(name, NextStep(f"Check that {sender} has the role and the money for it."))
            if name == LACKS_ROLE:
                _, role = cash_flow.INTERFACE.error_values(error.data)
                next_step = NextStep(f"Have its admin grant {sender} the role {to_hex(role)}.")
            elif name == "LifeCycleCashFlowIsPaused":
                next_step = NextStep("It is paused: ", Action.UNPAUSE_CONTRACT.on(to), " lets it go on.")
            raise Conflict(
                f"{'This' if to == _NO_CONTRACT_YET else f'The contract {to}'} would refuse: "
                f"{name or error.message}. Nothing was sent.",
                next_step,
            ) from None
        return estimated * (100 + self._margin_percent) // 100

    async def _receipt(self, transaction_id: str) -> Json:
        for _ in range(int(_PATIENCE_SECONDS / _POLL_SECONDS)):
            receipt = await self._ledger.node.receipt(transaction_id)
            if receipt is not None:
                return receipt
            await asyncio.sleep(_POLL_SECONDS)
        raise LedgerUncertain(
            f"Transaction {transaction_id} is in no block after {_PATIENCE_SECONDS} seconds.",
            "Look it up in the chain's explorer before you do this again.",
        )


def _require_one(choices: Mapping[str, object]) -> None:
    """Refuse a request that names none or several payouts."""
    chosen = [name for name, value in choices.items() if value is not None]
    if not chosen:
        raise Invalid(
            "It is not said what to pay.",
            "Say ",
            Field.AMOUNT,
            ", ",
            Field.DIVIDEND,
            ", ",
            Field.COUPON,
            " or ",
            Field.REDEMPTION,
            ".",
        )
    if len(chosen) > 1:
        raise Invalid(f"{' and '.join(chosen)} cannot be paid at once.", "Plan one after the other.")
