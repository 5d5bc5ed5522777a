"""LifeCycleCashFlow contracts that tokenised assets have already: they compute the amounts, and report little.

An account that was paid before comes back as failed, so a failure is only believed after earlier payments were read.
These contracts are asked to pay lists of addresses only: with pages, holders who move between two calls are missed.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from masspayout.kernel.errors import Conflict, ContractPaused, LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import Payment
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.contracts.cash_flow import (
    INTERFACE,
    Purpose,
    purpose_of_call,
    purpose_of_event,
    succeeded,
)
from masspayout.ledger.evm.contracts.history import History
from masspayout.ledger.evm.contracts.interface import LACKS_ROLE
from masspayout.ledger.evm.contracts.port import Results
from masspayout.ledger.evm.contracts.redemption import ALREADY_REDEEMED, HOLDING_CHANGED, REDEEMER_ROLE_MISSING, Bond
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.evm.erc20 import TRANSFER_REVERTED, transfers_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_hex, to_int
from masspayout.ledger.failures import PAYMENT_TOKEN_CHANGED, describe_failure

_PAYOUT_ROLE = keccak(text="lifecycle.cash.flow.role.payout")
_CASH_OUT_ROLE = keccak(text="lifecycle.cash.flow.role.cashout")
_REVERT_CODES = {
    "LifeCycleCashFlowIsPaused": "CONTRACT_PAUSED",
    LACKS_ROLE: "CONTRACT_ROLE_MISSING",
    "NotEnoughBalance": "INSUFFICIENT_TOKEN_BALANCE",
    "NotPaymentDate": "NOT_PAYMENT_DATE",
}


class ExistingContract:
    """An existing LifeCycleCashFlow contract, at an address."""

    def __init__(self, node: Node, address: str) -> None:
        self.address = address
        self._node = node
        self._history = History(node, address)

    async def payment_token(self) -> str:
        """See ``PayingContract``."""
        return str(await self._ask("getPaymentToken"))

    def encode_pause(self, *, paused: bool) -> bytes:
        """See ``PayingContract``."""
        return INTERFACE.call("pause" if paused else "unpause")

    def encode_withdrawal(self, token_id: str, recipient: str, amount_units: int) -> bytes:
        """See ``PayingContract``."""
        return INTERFACE.call("transferPaymentToken", recipient, amount_units)

    @property
    def report_topics(self) -> Sequence[str | Sequence[str] | None]:
        """See ``PayingContract``. Behind its proxy there may be any version: each of its events is a report."""
        return []

    def payment_key_of(self, log: Json) -> str | None:
        """See ``PayingContract``. These contracts know no keys of ours."""
        return None

    async def check(self, sender: str, token_id: str, terms: str | None = None) -> None:
        """See ``PayingContract``."""
        token = await self.payment_token()
        if token != token_id:
            raise Conflict(
                f"The contract {self.address} pays in {token}, not in {token_id}.",
                "Pay in its token, or have its token manager change it.",
            )
        known = None if terms is None else ContractTerms.read(terms)
        await self._require_role(sender, known)
        if await self._ask("isPaused"):
            raise ContractPaused(
                f"The contract {self.address} is paused, so no payment can be made.",
                "Unpause it with: ",
                Action.UNPAUSE_CONTRACT.on(self.address),
            )
        if known is not None and known.is_redemption:
            await self._require_redemption(sender, known)
        elif known is not None:
            await self._require_own_asset(sender, known)

    async def encode_payment(
        self, payment_key: str | None, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """See ``PayingContract``. The amounts follow from the terms, as they did when the payout was planned."""
        known = ContractTerms.read(terms)
        pays_in = await self.payment_token()
        if pays_in != token_id:
            raise LedgerRejected(
                PAYMENT_TOKEN_CHANGED,
                f"The contract {self.address} pays in {pays_in} by now, and {token_id} was planned.",
                describe_failure(PAYMENT_TOKEN_CHANGED).next_step,
            )
        if known.is_redemption:
            await self._require_as_planned(known.asset_id, payments)
        return _call(known, [payment.account_id for payment in payments])

    def owed_of(self, data: bytes) -> Mapping[str, int]:
        """See ``PayingContract``. The amounts are the contract's own."""
        return dict.fromkeys(_holders_of(data), 0)

    def transfer_gas_of(self, data: bytes) -> int | None:
        """See ``PayingContract``. These contracts set no limit."""
        return None

    async def results(self, data: bytes, receipt: Json, token_id: str) -> Results:
        """See ``PayingContract``. An account that is neither reported nor transferred to was not paid by this call.

        The evidence is the receipt of a final block, and for earlier payments all logs of the contract from nodes that
        have the blocks asked for: a node that is behind raises, and proves nothing about anybody.
        """
        got = self._got(receipt, token_id)
        missing = _empty_handed(data, got)
        purpose, block = purpose_of_call(data), to_int(receipt["blockNumber"])
        if purpose is None or not missing:
            return Results(dict.fromkeys(missing, TRANSFER_REVERTED), got)
        if purpose.occasion is Occasion.REDEMPTION:
            return Results(await self._not_redeemed(purpose, missing, got, token_id, block), _above_0(got))
        earlier = await self._history.payments(token_id, purpose, missing, block)
        failures = dict.fromkeys(missing - earlier.keys(), TRANSFER_REVERTED)
        return Results(failures, got | {account: payment.units for account, payment in earlier.items()})

    async def paid_before(self, data: bytes, receipt: Json, token_id: str) -> Mapping[str, str]:
        """See ``PayingContract``. An account that was redeemed before is neither redeemed nor paid again."""
        got, purpose = self._got(receipt, token_id), purpose_of_call(data)
        if purpose is None or purpose.occasion is Occasion.REDEMPTION:
            return {}
        missing, block = _empty_handed(data, got), to_int(receipt["blockNumber"])
        earlier = await self._history.payments(token_id, purpose, missing, block)
        return {account: payment.transaction_hash for account, payment in earlier.items()}

    def revert_code(self, data: bytes) -> str | None:
        """See ``PayingContract``. A bond reports errors about the contract and about a sender in the same words."""
        name = INTERFACE.error(data) or ""
        if name == LACKS_ROLE and INTERFACE.error_values(data)[0] == self.address:
            return REDEEMER_ROLE_MISSING
        return _REVERT_CODES.get(name)

    def event(self, log: Json) -> tuple[str, Mapping[str, str | int]] | None:
        """See ``PayingContract``."""
        reported = INTERFACE.event(log)
        if reported is None:
            return None
        match reported.name:
            case "LifeCycleCashFlowPaused":
                return "Paused", {"account_id": reported.fields["account"]}
            case "LifeCycleCashFlowUnpaused":
                return "Unpaused", {"account_id": reported.fields["account"]}
            case "PaymentTokenChanged":
                return "PaymentTokenChanged", {"token_id": reported.fields["new"]}
        paid = succeeded(reported).values()
        number = {"number": reported.fields["number"]} if "number" in reported.fields else {}
        return "DistributionExecuted", {**number, "paid": len(paid), "amount_units": sum(paid)}

    async def _require_role(self, sender: str, terms: ContractTerms | None) -> None:
        """Refuse a sender without the role for these terms; without terms, one without any role."""
        roles = [_PAYOUT_ROLE, _CASH_OUT_ROLE]
        if terms is not None:
            roles = [_CASH_OUT_ROLE if terms.is_redemption else _PAYOUT_ROLE]
        if not any([await self._ask("hasRole", role, sender) for role in roles]):
            raise Conflict(
                f"The contract {self.address} does not let {sender} "
                f"{'redeem bonds' if roles == [_CASH_OUT_ROLE] else 'pay'}.",
                f"Have its admin grant {sender} the role {to_hex(roles[0])}.",
            )

    async def _require_own_asset(self, sender: str, terms: ContractTerms) -> None:
        """Simulate a payment to nobody, which shows if the contract belongs to another asset."""
        refusal = await self._refusal(sender, terms)
        if refusal is not None and INTERFACE.error(refusal.data) == "InvalidAsset":
            raise self._of_another_asset(terms.asset_id)

    async def _require_redemption(self, sender: str, terms: ContractTerms) -> None:
        """Simulate a redemption for nobody, which shows any obstacle that concerns all holders."""
        bond = Bond(self._node, terms.asset_id)
        await bond.require_principal(self.address)
        refusal = await self._refusal(sender, terms)
        if refusal is not None:
            raise self._cannot_redeem(terms.asset_id, refusal)
        await bond.require_redeemer(self.address)

    async def _refusal(self, sender: str, terms: ContractTerms) -> NodeError | None:
        """Return the error of a simulated payment to nobody, if there is one."""
        try:
            await self._node.call(self.address, _call(terms, []), sender=sender)
        except NodeError as refusal:
            if not refusal.is_revert:
                raise
            return refusal
        return None

    def _cannot_redeem(self, bond_id: str, refusal: NodeError) -> Conflict:
        reason = refusal.message
        match INTERFACE.error(refusal.data):
            case "FunctionNotFound":
                reason = f"FunctionNotFound, {to_hex(INTERFACE.error_values(refusal.data)[0])}"
            case "NotPaymentDate":
                maturity_at = to_datetime(INTERFACE.error_values(refusal.data)[0] * NANOS_PER_SECOND)
                return Conflict(
                    f"The bond {bond_id} matures at {maturity_at:%Y-%m-%d %H:%M:%S} UTC.",
                    "Plan its redemption after that time.",
                )
            case "InvalidAsset":
                return self._of_another_asset(bond_id)
        return Conflict(
            f"The contract {self.address} cannot redeem {bond_id}: it asks of the bond what this version of bonds does "
            f"not answer ({reason}).",
            "Have the contract upgraded to one that fits the bond; or pay the principal as a list from a contract of "
            "your own, and have the issuer redeem the bonds.",
        )

    def _of_another_asset(self, asset_id: str) -> Conflict:
        return Conflict(
            f"The contract {self.address} belongs to another asset than {asset_id}.",
            "Name the asset's own with: ",
            Action.NAME_CONTRACT.on(asset_id),
        )

    async def _require_as_planned(self, bond_id: str, payments: Sequence[Payment]) -> None:
        """Refuse to sign for holders who would not get the planned amount, or whose bonds would not all be burnt.

        Raises:
            LedgerRejected: There are such holders. Alone, each is refused with a reason of their own.
        """
        bond, decimals = Bond(self._node, bond_id), await self._ask("getPaymentTokenDecimals")
        failures = await bond.failures(self.address, payments, decimals)
        if not failures:
            return
        account, code = next(iter(failures.items()))
        is_alone = len(payments) == 1
        if is_alone and code == HOLDING_CHANGED and await bond.principals_units([account], decimals) == [0]:
            latest, token_id = to_int(await self._node.request("eth_blockNumber")), await self.payment_token()
            if await self._history.payments(token_id, Purpose(Occasion.REDEMPTION, None), {account}, latest):
                code = ALREADY_REDEEMED
        failure = describe_failure(code)
        raise LedgerRejected(code, f"{account} is not redeemed now. {failure.sentence}", failure.next_step)

    async def _not_redeemed(
        self, purpose: Purpose, missing: AbstractSet[str], got: Mapping[str, int], token_id: str, block: int
    ) -> Mapping[str, str]:
        """Return the failures of accounts that got nothing: those reported paid were redeemed before, or had no bonds.

        An account that is reported failed was not redeemed before, for then it would have had no bonds to fail with.
        """
        failures = dict.fromkeys(missing - got.keys(), TRANSFER_REVERTED)
        empty_handed = missing & got.keys()
        redeemed = await self._history.payments(token_id, purpose, empty_handed, block)
        for account in empty_handed:
            failures[account] = ALREADY_REDEEMED if account in redeemed else HOLDING_CHANGED
        return failures

    def _got(self, receipt: Json, token_id: str) -> dict[str, int]:
        """Return the amounts by account that a call reported as paid or transferred."""
        reported: dict[str, int] = {}
        for executed in INTERFACE.events(receipt["logs"], self.address):
            if purpose_of_event(executed) is not None:
                reported |= succeeded(executed)
        return reported | transfers_of(receipt["logs"], token_id, self.address)

    async def _ask(self, name: str, *arguments: Any) -> Any:
        answer = await self._node.call(self.address, INTERFACE.call(name, *arguments))
        (value,) = INTERFACE.answer(name, answer)
        return value


async def is_existing(node: Node, address: str) -> bool:
    """Return True for a LifeCycleCashFlow contract: it answers questions that only such contracts know."""
    try:
        for name in ("getPaymentToken", "getPaymentTokenDecimals", "isPaused"):
            INTERFACE.answer(name, await node.call(address, INTERFACE.call(name)))
    except NodeError as error:
        if error.is_trouble:
            raise
        return False
    except DecodingError:
        return False
    return True


def _call(terms: ContractTerms, holders: Sequence[str]) -> bytes:
    """Return the call that pays some holders; pages are never used."""
    match terms.occasion:
        case Occasion.SNAPSHOT:
            arguments = (terms.asset_id, terms.number, holders, terms.amount_units)
            return INTERFACE.call("executeAmountSnapshotByAddresses", *arguments)
        case Occasion.DISTRIBUTION:
            return INTERFACE.call("executeDistributionByAddresses", terms.asset_id, terms.number, holders)
        case Occasion.REDEMPTION:
            return INTERFACE.call("executeBondCashOutByAddresses", terms.asset_id, holders)


def _holders_of(data: bytes) -> Sequence[str]:
    """Return the holders of a call of ours, which names them one by one."""
    called = INTERFACE.called(data)
    return [] if called is None else next((each for each in called.arguments if isinstance(each, tuple)), ())


def _empty_handed(data: bytes, got: Mapping[str, int]) -> set[str]:
    """Return the holders of a call of ours who got nothing by it."""
    return {account for account in _holders_of(data) if not got.get(account)}


def _above_0(got: Mapping[str, int]) -> Mapping[str, int]:
    return {account: units for account, units in got.items() if units}
