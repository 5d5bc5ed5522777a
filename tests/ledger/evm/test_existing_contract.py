"""LifeCycleCashFlow contracts: what they cannot pay is refused before anybody reviews it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import URL

from anvil import Anvil
from chains import Contract, deploy
from evm_harness import EvmHarness, evm_harness
from masspayout import distributions
from masspayout.automation import scheduler, series
from masspayout.automation.triggers import parse_trigger
from masspayout.context import Context
from masspayout.db.entities import Asset, DistributionStatus, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.db.repositories import Distributions, SeriesRepository
from masspayout.db.session import Database
from masspayout.distributions import payout_lists, previews
from masspayout.jobs import Jobs
from masspayout.kernel.errors import Conflict, LedgerRejected
from masspayout.kernel.movements import Payment
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.evm.contracts import recognise
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.registers import assets
from masspayout.settings import Settings

HOLDER = f"0x{0xE000:040x}"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
TERMS = PayoutTerms(type=DistributionType.DIVIDEND, payout_type=PayoutType.FIXED, amount=Decimal(100))
REFUSED = "no FIXED amounts, no list"


@dataclass(frozen=True)
class Stage:
    """An asset on a chain, and a contract that could pay its holders by its own rule."""

    harness: EvmHarness
    settings: Settings
    database: Database
    asset_token: str
    payment_token: str
    contract: Contract

    @property
    def context(self) -> Context:
        return Context(self.settings, self.database, self.harness.ledger, Jobs(self.database.url))

    async def import_asset(self, contract_id: str | None) -> Asset:
        return await assets.import_asset(
            self.database,
            self.harness.ledger,
            self.asset_token,
            payment_token_id=self.payment_token,
            lifecycle_contract_id=contract_id,
        )


@pytest.fixture
async def stage(anvil: Anvil, database_url: URL, database: Database, settings: Settings) -> AsyncIterator[Stage]:
    async with evm_harness(anvil, database_url, settings) as harness:
        payment_token = await harness.make_token({})
        settings = harness.settings.model_copy(update={"payer_account_id": harness.payer_account_id})
        asset_token = await harness.make_token({HOLDER: 100})
        contract = deploy(anvil, "existing_cash_flow", asset_token, payment_token, harness.senders[0])
        yield Stage(harness, settings, database, asset_token, payment_token, contract)


async def test_what_is_not_its_rule_is_neither_previewed_nor_created(stage: Stage) -> None:
    asset = await stage.import_asset(stage.contract.address)
    context = stage.context
    with pytest.raises(Conflict, match=REFUSED):
        await previews.dry_run(context, asset, TERMS, now=NOW)
    with pytest.raises(Conflict, match=REFUSED):
        await distributions.create(context, asset, TERMS)
    for plan in (series.Calendar(Frequency.MONTHLY, NOW + timedelta(days=1)), parse_trigger("ON_DEPOSIT")):
        with pytest.raises(Conflict, match=REFUSED):
            await series.create(context, asset, TERMS, plan, now=NOW)
    settings = stage.settings.model_copy(update={"payer_account_id": stage.contract.address})
    with pytest.raises(Conflict, match=REFUSED):
        await payout_lists.payment_token(replace(context, settings=settings), stage.payment_token)
    async with stage.database.unit_of_work() as session:
        assert (await Distributions(session).find_of_asset(asset.id, None)).total == 0
        assert (await SeriesRepository(session).find_of_asset(asset.id, None)).total == 0


async def test_what_was_planned_before_the_asset_had_such_a_contract_is_not_frozen(stage: Stage) -> None:
    asset = await stage.import_asset(None)
    due_at = datetime.now(UTC) + timedelta(days=1)
    terms = PayoutTerms(
        type=TERMS.type,
        payout_type=TERMS.payout_type,
        amount=TERMS.amount,
        execution_type=ExecutionType.SCHEDULED,
        scheduled_time=due_at,
    )
    planned = await distributions.create(stage.context, asset, terms)
    await stage.import_asset(stage.contract.address)
    await scheduler.run_due(stage.context, due_at)
    async with stage.database.unit_of_work() as session:
        found = await Distributions(session).get(planned.id)
    assert (found.status, found.is_frozen) == (DistributionStatus.FAILED, False)
    assert REFUSED in str(found.failure_message)


async def test_what_was_frozen_before_that_is_not_signed(stage: Stage) -> None:
    existing = await recognise(stage.harness.ledger.node, stage.contract.address)
    with pytest.raises(LedgerRejected) as refused:
        await existing.encode_payment(None, stage.payment_token, [Payment(HOLDER, 100)], None)
    assert refused.value.code == "CONTRACT_PAYS_BY_ITS_RULE"


@pytest.mark.parametrize("occasion", [Occasion.SNAPSHOT, Occasion.DISTRIBUTION])
async def test_what_belongs_to_another_asset_is_not_begun(stage: Stage, occasion: Occasion) -> None:
    ledger, payer, token = stage.harness.ledger, stage.contract.address, stage.payment_token
    await ledger.check_payer(payer, token, str(ContractTerms(occasion, stage.asset_token, 1, 100)))
    with pytest.raises(Conflict, match=f"belongs to another asset than {token}"):
        await ledger.check_payer(payer, token, str(ContractTerms(occasion, token, 1, 100)))
    assert stage.harness.way.sent_count == 0


async def test_what_was_approved_in_one_token_is_not_signed_for_another(stage: Stage) -> None:
    harness = stage.harness
    existing = await recognise(harness.ledger.node, stage.contract.address)
    terms = str(ContractTerms(Occasion.SNAPSHOT, stage.asset_token, 1, 100))
    planned = (None, stage.payment_token, [Payment(HOLDER, 100)], terms)
    assert await existing.encode_payment(*planned)
    harness.anvil.call("anvil_impersonateAccount", harness.senders[0])
    stage.contract.send("updatePaymentToken", await harness.make_token({}), sender=harness.senders[0])
    with pytest.raises(LedgerRejected) as refused:
        await existing.encode_payment(*planned)
    assert refused.value.code == "PAYMENT_TOKEN_CHANGED"
