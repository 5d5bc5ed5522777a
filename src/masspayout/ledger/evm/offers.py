"""What LifeCycleCashFlow contracts would pay: worked out by their own rule before it is approved, and then by them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from masspayout.db.repositories import Share
from masspayout.errors import Conflict, Invalid
from masspayout.ledger.contract_offers import ContractOffer
from masspayout.ledger.evm.adapter import EvmLedger
from masspayout.ledger.evm.ats import Announcement, AtsToken
from masspayout.ledger.evm.contracts import ExistingContract, recognise
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.port import TokenInformation
from masspayout.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.money import to_units


class Offers:
    """The offers of one contract for one token that is paid on."""

    def __init__(self, ledger: EvmLedger, asset_id: str, contract_id: str) -> None:
        self._ledger = ledger
        self._asset_id = asset_id
        self._contract_id = contract_id

    async def for_snapshot(self, snapshot_id: int, amount: Decimal) -> ContractOffer:
        """Divide an amount of whole payment tokens by what everybody held at a snapshot.

        Raises:
            Invalid: The token takes no snapshots, or the contract does not work out amounts.
            LedgerRejected: There is no such snapshot.
        """
        asset, token = await self._asset(), await self._token()
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
        """Pay a dividend or coupon that the token has announced.

        Raises:
            Invalid: The token announces nothing, or the contract does not work out amounts.
            Conflict: Its record date has not come, or it was cancelled.
            LedgerRejected: There is none of this number.
        """
        asset, token = await self._asset(), await self._token()
        announced = await asset.announced(kind, number)
        now = (await self._ledger.chain.head()).timestamp
        record_at, execution_at = (
            to_datetime(seconds * NANOS_PER_SECOND) for seconds in (announced.record_at, announced.execution_at)
        )
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
        return self._offer(kind.upper(), token, terms, owed, total_units, record_at=record_at, due_at=due_at)

    async def _asset(self) -> AtsToken:
        asset = await AtsToken.recognise(self._ledger.node, self._asset_id)
        if asset is None:
            raise Invalid(
                f"{self._asset_id} is no token of the Asset Tokenization Studio.",
                "Plan its payouts with: masspayout distribution create",
            )
        return asset

    async def _token(self) -> TokenInformation:
        contract = await recognise(self._ledger.node, self._contract_id)
        if not isinstance(contract, ExistingContract):
            raise Invalid(
                f"The contract {self._contract_id} is told the amounts: it has no rule of its own.",
                "Plan the payout with: masspayout distribution create",
            )
        return await self._ledger.token(await contract.payment_token())

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
            key=f"{self._contract_id} {terms.occasion} {terms.number}",
            owed=owed,
            promised_units=promised_units,
            snapshot_at=record_at,
            due_at=due_at,
        )
