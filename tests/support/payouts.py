"""A small world to pay in: a sandbox asset with holders, a payment token, a funded payer, and what to check."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import URL

from databases import run_sql
from masspayout import distributions
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, DistributionStatus, DistributionType, PayoutType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.jobs import Jobs
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.payments import reconciliation
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from masspayout.runtime import share_clock
from masspayout.settings import Settings

ASSET_TOKEN = "0.0.5001"
PAYMENT_TOKEN = "0.0.7001"
TREASURY = "0.0.900"


def make_sandbox(url: URL, settings: Settings) -> SandboxLedger:
    return SandboxLedger(url, settings)


def make_runtime(database: Database, settings: Settings) -> Context:
    ledger = SandboxLedger(settings.sandbox_url or database.url, settings, clock=database.clock.now_nanos)
    share_clock(database, ledger)
    return Context(settings, database, ledger, Jobs(database.url))


def accounts(count: int) -> list[str]:
    return [f"0.0.{20_000 + number}" for number in range(count)]


@dataclass
class World:
    """An asset that is imported, and a payer with funds."""

    runtime: Context
    asset: Asset

    @property
    def sandbox(self) -> SandboxLedger:
        assert isinstance(self.runtime.ledger, SandboxLedger)
        return self.runtime.ledger

    @classmethod
    async def make(cls, runtime: Context, holders: Iterable[tuple[str, int]], *, funds_units: int = 10**12) -> "World":
        sandbox = runtime.ledger
        assert isinstance(sandbox, SandboxLedger)
        await cls.make_tokens(sandbox, holders, payer=runtime.settings.payer_account_id, funds_units=funds_units)
        asset = await assets.import_asset(runtime.database, sandbox, ASSET_TOKEN, payment_token_id=PAYMENT_TOKEN)
        return cls(runtime, asset)

    @staticmethod
    async def make_tokens(
        sandbox: SandboxLedger, holders: Iterable[tuple[str, int]], *, payer: str, funds_units: int
    ) -> None:
        """Make the two tokens, and fund the payer."""
        holders = list(holders)
        supply_units = sum(units for _, units in holders) + 1000
        await sandbox.admin.create_token(
            ASSET_TOKEN,
            name="Green Bond",
            symbol="GRB",
            decimals=2,
            supply_units=supply_units,
            treasury_account_id=TREASURY,
            holders=holders,
        )
        await sandbox.admin.create_token(
            PAYMENT_TOKEN, name="Test Dollar", symbol="TUSD", decimals=6, treasury_account_id=TREASURY
        )
        if funds_units:
            await sandbox.admin.deposit(PAYMENT_TOKEN, funds_units, payer)

    def using(self, **settings: object) -> "World":
        """The same asset, in a process with other settings."""
        runtime = self.runtime
        changed = runtime.settings.model_copy(update=settings)
        return World(Context(changed, runtime.database, runtime.ledger, runtime.jobs), self.asset)

    async def plan(
        self, amount: str = "1000", payout: PayoutType = PayoutType.PERCENTAGE, **terms: object
    ) -> Distribution:
        wanted = PayoutTerms(
            type=DistributionType.DIVIDEND,
            payout_type=payout,
            amount=Decimal(amount),
            **terms,  # type: ignore[arg-type]
        )
        runtime = self.runtime
        return await distributions.create(runtime, self.asset, wanted)

    async def execute(self, distribution_id: uuid.UUID) -> None:
        runtime = self.runtime
        await starts.execute(runtime, distribution_id)

    async def retry(self, distribution_id: uuid.UUID) -> None:
        runtime = self.runtime
        await starts.retry(runtime, distribution_id)

    async def pay(self, distribution_id: uuid.UUID) -> DistributionStatus:
        runtime = self.runtime
        return await DistributionPayer(runtime.database, runtime.ledger, runtime.settings).pay(distribution_id)

    async def reconcile(self, distribution_id: uuid.UUID) -> reconciliation.Reconciliation:
        return await reconciliation.reconcile(self.runtime.database, self.runtime.ledger, distribution_id)

    def hold_back(self, distribution_id: uuid.UUID, *, after: int) -> None:
        """Let the batches after a number wait, as if somebody else were paying them, and let go of those up to it."""
        run_sql(
            self.runtime.database.url,
            f"""
            UPDATE batch_payout SET claimed_until = CASE WHEN batch_number > {after} THEN now() + interval '1 day' END
             WHERE distribution_id = '{distribution_id}'
               AND (batch_number > {after} OR claimed_until > now() + interval '1 hour')
            """,
        )

    async def find_status(self, distribution_id: uuid.UUID) -> DistributionStatus:
        async with self.runtime.database.unit_of_work() as session:
            return (await Distributions(session).get(distribution_id)).status

    async def find(self, distribution_id: uuid.UUID) -> Distribution:
        async with self.runtime.database.unit_of_work() as session:
            found = await Distributions(session).find_by_id(
                distribution_id, with_asset=True, with_holders=True, with_batches=True
            )
        assert found is not None
        return found
