"""LifeCycleCashFlow contracts: what they cannot pay is refused before anybody reviews it."""

import uuid
from decimal import Decimal

import pytest
from sqlalchemy import URL

from anvil import Anvil
from chains import deploy
from evm_harness import evm_harness
from masspayout import assets, distributions, list_payouts
from masspayout.db.entities import DistributionType, PayoutType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.errors import Conflict, LedgerRejected
from masspayout.freezing import PaymentToken
from masspayout.ledger.evm.contracts import recognise
from masspayout.ledger.port import Payment
from masspayout.payout_lists import PayoutList
from masspayout.settings import Settings

HOLDER = f"0x{0xE000:040x}"


async def test_what_is_not_its_rule_is_refused(
    anvil: Anvil, database_url: URL, database: Database, settings: Settings
) -> None:
    async with evm_harness(anvil, database_url, settings) as harness:
        payment_token = await harness.make_token({})
        asset_token = await harness.make_token({HOLDER: 100})
        contract = deploy(anvil, "existing_cash_flow", asset_token, payment_token, harness.senders[0])
        asset = await assets.import_asset(
            database,
            harness.ledger,
            asset_token,
            payment_token_id=payment_token,
            lifecycle_contract_id=contract.address,
        )
        settings = settings.model_copy(update={"payer_account_id": contract.address})
        terms = distributions.Terms(type=DistributionType.DIVIDEND, payout_type=PayoutType.FIXED, amount=Decimal(100))
        with pytest.raises(Conflict, match="no FIXED amounts"):
            await distributions.create(database, harness.ledger, settings, asset, terms)
        token = PaymentToken(payment_token, 2, contract.address)
        entries = PayoutList((HOLDER,), (100,), 100)
        with pytest.raises(Conflict, match="no list"):
            await list_payouts.create(database, harness.ledger, settings, asset, token, entries)
        async with database.unit_of_work() as session:
            assert (await Distributions(session).find_of_asset(asset.id, None)).total == 0
        # One that was planned before this was known is refused when it is to be signed.
        existing = await recognise(harness.ledger.node, contract.address)
        with pytest.raises(LedgerRejected) as refused:
            await existing.encode_payment(uuid.uuid4(), token.token_id, [Payment(entries.account_ids[0], 100)], None)
        assert refused.value.code == "CONTRACT_PAYS_BY_ITS_RULE"
