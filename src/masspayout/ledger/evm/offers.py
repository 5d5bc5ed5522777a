"""Offers of LifeCycleCashFlow contracts: computed by the contract's rule for approval, and later by the contract."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from masspayout.kernel.errors import Conflict, Invalid, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.money import to_decimal, to_units
from masspayout.kernel.next_steps import Action
from masspayout.kernel.types import Share
from masspayout.ledger.contract_offers import AnnouncedPayout, ContractOffer
from masspayout.ledger.evm.ats import Announcement, AtsToken
from masspayout.ledger.evm.chain import Chain
from masspayout.ledger.evm.contracts import ExistingContract, recognise
from masspayout.ledger.evm.contracts.redemption import Bond
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.evm.erc20 import Erc20, is_address
from masspayout.ledger.evm.node import Node
from masspayout.ledger.port import TokenInformation


class Offers:
    """The offers of one contract for one asset."""

    def __init__(self, node: Node, chain: Chain, asset_id: str, contract_id: str) -> None:
        self._node = node
        self._chain = chain
        self._asset_id = asset_id
        self._contract_id = contract_id

    async def require_divisible(self, amount: Decimal) -> None:
        """Refuse an amount that no snapshot could divide, before one is taken.

        Raises:
            Invalid: The token takes no snapshots, the contract does not compute amounts, or it cannot pay the amount.
        """
        await self._asset()
        to_units(amount, (await self._token(is_computed=True)).decimals)

    async def for_snapshot(self, snapshot_id: int, amount: Decimal) -> ContractOffer:
        """Return the shares of an amount of whole payment tokens, divided by the balances at a snapshot.

        Raises:
            Invalid: The token takes no snapshots, or the contract does not compute amounts.
            LedgerRejected: There is no such snapshot.
        """
        asset, token = await self._asset(), await self._token(is_computed=True)
        promised_units = to_units(amount, token.decimals)
        supply_units = await asset.supply_at_snapshot(snapshot_id)
        owed = [
            Share(account, units, promised_units * units // supply_units)
            async for page in asset.holders_at_snapshot(snapshot_id)
            for account, units in page
        ]
        terms = ContractTerms(Occasion.SNAPSHOT, self._asset_id, snapshot_id, promised_units)
        return self._offer("SNAPSHOT", token, terms, owed, promised_units)

    async def for_announcement(self, kind: Announcement, number: int) -> ContractOffer:
        """Return the shares of a dividend or coupon that the token has announced.

        Raises:
            Invalid: The token announces nothing, or there is no contract that pays.
            Conflict: The record date has not come, or the payout was cancelled.
            LedgerRejected: There is no payout of this number.
        """
        asset, token = await self._asset(), await self._token()
        announced = await asset.announced(kind, number)
        now = (await self._chain.head()).timestamp
        record_at, execution_at = _time(announced.record_at), _time(announced.execution_at)
        if announced.cancelled:
            raise Conflict(f"{kind} {number} of {self._asset_id} was cancelled.", "There is nothing to pay.")
        if announced.record_at > now:
            raise Conflict(
                f"{kind} {number} of {self._asset_id} goes to who holds it at {record_at:%Y-%m-%d %H:%M:%S} UTC.",
                "Plan it after that time.",
            )
        owed = [
            Share(account, units, amount_units)
            for account, (units, amount_units) in (await asset.owed(kind, number, token.decimals)).items()
        ]
        terms = ContractTerms(Occasion.DISTRIBUTION, self._asset_id, number)
        total_units = sum(share.amount_units for share in owed)
        due_at = execution_at if announced.execution_at > now else None
        offer = self._offer(kind.upper(), token, terms, owed, total_units, record_at=record_at, due_at=due_at)
        return replace(offer, concept=f"{kind} {number}")

    async def for_redemption(self) -> ContractOffer:
        """Return the principal of all bonds that are held now, as the contract would pay it.

        Raises:
            Invalid: The contract does not redeem bonds.
            LedgerRejected: The balances do not add up to the supply: some bonds are locked, for example.
        """
        asset, token = await self._asset(), await self._token(is_computed=True)
        bond, head = Bond(self._node, self._asset_id), await self._chain.head()
        owed: list[Share] = []
        async for page in asset.holders(head.number):
            accounts = [holder.account_id for holder in page]
            principals = await bond.principals_units(accounts, token.decimals, head.number)
            owed += [Share(*holder, units) for holder, units in zip(page, principals, strict=True)]
        total_units = sum(share.amount_units for share in owed)
        terms = ContractTerms(Occasion.REDEMPTION, self._asset_id)
        offer = self._offer("SNAPSHOT", token, terms, owed, total_units, record_at=_time(head.timestamp))
        return replace(offer, key=None, concept="Redemption")

    async def again(self, kind: str, terms: ContractTerms) -> ContractOffer:
        """Return the shares of these terms once more: unchanged for a snapshot, a dividend or a coupon.

        A redemption is computed from the present holdings, so after its start it differs from the plan.

        Raises:
            Conflict: The dividend or coupon was cancelled.
            LedgerUnavailable: The payout is not due yet, by the chain's newest block.
        """
        if terms.occasion is Occasion.DISTRIBUTION:
            return await self.due(Announcement(kind.capitalize()), terms.number)
        if terms.is_redemption:
            return await self.for_redemption()
        decimals = (await self._token(is_computed=True)).decimals
        return await self.for_snapshot(terms.number, to_decimal(terms.amount_units, decimals))

    async def due(self, kind: Announcement, number: int) -> ContractOffer:
        """Return the shares of a due dividend or coupon, as in ``for_announcement``.

        Raises:
            LedgerUnavailable: The payout is not due yet, by the chain's newest block.
        """
        announced = await (await self._asset()).announced(kind, number)
        latest = max(announced.record_at, announced.execution_at)
        if not announced.cancelled and (await self._chain.head()).timestamp < latest:
            raise LedgerUnavailable(
                f"By the chain's newest block it is not yet {_time(latest):%Y-%m-%d %H:%M:%S} UTC, from when "
                f"{kind} {number} of {self._asset_id} is paid.",
                "It is tried again.",
            )
        return await self.for_announcement(kind, number)

    async def announced(self) -> list[AnnouncedPayout]:
        """Return all payouts that the token announced; none if it is not of that kind, or the contract cannot pay."""
        asset = await AtsToken.recognise(self._node, self._asset_id)
        if asset is None or not await self._can_pay():
            return []
        found = []
        for kind in Announcement:
            for number in range(1, await asset.count(kind) + 1):
                announced = await asset.announced(kind, number)
                terms = ContractTerms(Occasion.DISTRIBUTION, self._asset_id, number)
                times = _time(announced.record_at), _time(announced.execution_at)
                found.append(
                    AnnouncedPayout(kind.upper(), number, str(terms), self._key(terms), *times, announced.cancelled)
                )
        return found

    async def _can_pay(self) -> bool:
        if not is_address(self._contract_id):
            return False
        try:
            await recognise(self._node, self._contract_id)
        except Invalid:
            return False
        return True

    async def _asset(self) -> AtsToken:
        asset = await AtsToken.recognise(self._node, self._asset_id)
        if asset is None:
            raise Invalid(
                f"{self._asset_id} is no token of the Asset Tokenization Studio.",
                "Plan its payouts with: ",
                Action.CREATE_DISTRIBUTION,
            )
        return asset

    async def _token(self, *, is_computed: bool = False) -> TokenInformation:
        contract = await recognise(self._node, self._contract_id)
        if is_computed and not isinstance(contract, ExistingContract):
            raise Invalid(
                f"The contract {self._contract_id} is told the amounts: it has no rule of its own.",
                "Plan the payout with: ",
                Action.CREATE_DISTRIBUTION,
            )
        return await Erc20(self._node).describe(await contract.payment_token())

    def _key(self, terms: ContractTerms) -> str:
        return f"{self._contract_id} {terms.occasion} {terms.number}"

    def _offer(
        self,
        kind: str,
        token: TokenInformation,
        terms: ContractTerms,
        owed: Sequence[Share],
        promised_units: int,
        *,
        record_at: datetime | None = None,
        due_at: datetime | None = None,
    ) -> ContractOffer:
        return ContractOffer(
            contract_id=self._contract_id,
            token_id=token.token_id,
            decimals=token.decimals,
            kind=kind,
            terms=str(terms),
            key=self._key(terms),
            owed=owed,
            promised_units=promised_units,
            snapshot_at=record_at,
            due_at=due_at,
        )


def _time(seconds: int) -> datetime:
    return to_datetime(seconds * NANOS_PER_SECOND)
