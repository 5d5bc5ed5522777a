"""Payouts that a contract works out, over holders in any order: the register hash fits, or is fixed on evidence."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from databases import run_sql
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import Distribution, DistributionStatus, DistributionType, ExecutionType
from masspayout.db.repositories import Approvals, AuditEntries, Distributions
from masspayout.db.session import Database
from masspayout.distributions import contract_payouts
from masspayout.entitlements import register_hashes
from masspayout.entitlements.register_hashes import HashCheck, HashState
from masspayout.jobs import Jobs
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.types import Share
from masspayout.ledger.contract_offers import AnnouncedPayout, ContractOffer
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts

CREATOR, ANA = (Actor(ActorKind.USER, str(number), name) for number, name in enumerate(["dora", "ana"]))
HOLDERS = random.Random(14).sample(accounts(1_203), 1_203)


class ContractSandbox(SandboxLedger):
    """A sandbox on which the payer is a contract that works out what it pays."""

    offer: ContractOffer
    asked = 0

    async def announced_payouts(self, asset_id: str, contract_id: str) -> Sequence[AnnouncedPayout]:
        return []

    async def announced_offer(self, contract_id: str, kind: str, terms: str) -> ContractOffer:
        self.asked += 1
        assert (contract_id, kind, terms) == (self.offer.contract_id, self.offer.kind, self.offer.terms)
        return self.offer


class ContractWorld(World):
    """An asset whose contract offers a dividend, its holders in the order of the token's pages."""

    @property
    def ledger(self) -> ContractSandbox:
        assert isinstance(self.runtime.ledger, ContractSandbox)
        return self.runtime.ledger

    async def plan_offer(self) -> Distribution:
        runtime = self.runtime
        with acting_as(CREATOR):
            return await contract_payouts.create(runtime, self.asset, self.ledger.offer)

    async def plan_as_before(self) -> Distribution:
        """Plan what is offered as earlier versions did: the hash is that of the order of the token's pages."""
        made = await self.plan_offer()
        listed = hash_of(
            [(share.account_id, share.balance_units, share.amount_units) for share in self.ledger.offer.owed]
        )
        assert listed != made.register_hash
        await self.write(f"UPDATE distribution SET register_hash = '{listed}' WHERE id = '{made.id}'")
        return await self.find(made.id)

    async def write(self, *statements: str) -> None:
        await asyncio.to_thread(run_sql, self.runtime.database.url, *statements)

    async def approve(self, distribution: Distribution) -> None:
        with acting_as(ANA):
            await approvals.approve(self.runtime.database, distribution.id, str(distribution.register_hash))

    async def approvals_of(self, distribution_id: uuid.UUID) -> ApprovalCount:
        async with self.runtime.database.unit_of_work() as session:
            return (await Approvals(session).counts([distribution_id]))[distribution_id]

    async def fix(self, distribution_id: uuid.UUID | None = None) -> Sequence[HashCheck]:
        return await register_hashes.fix(self.runtime.database, self.runtime.ledger, distribution_id)


def hash_of(lines: Sequence[tuple[str, int, int]]) -> str:
    written = [f"{account},{balance},{units // 10**6}.{units % 10**6:06d}" for account, balance, units in lines]
    slices = ["\n".join(written[first : first + 1000]) for first in range(0, len(written), 1000)]
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in slices]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@pytest.fixture
def approvals_required() -> int:
    """How many approvals a payout needs; a test's own parametrisation may set another number."""
    return 0


@pytest.fixture
async def world(database: Database, settings: Settings, approvals_required: int) -> AsyncIterator[ContractWorld]:
    settings = settings.model_copy(update={"approvals_required": approvals_required})
    ledger = ContractSandbox(database.url, settings)
    runtime = Context(settings, database, ledger, Jobs(database.url))
    made = await ContractWorld.make(runtime, [(account, 100) for account in HOLDERS])
    world = ContractWorld(runtime, made.asset)
    owed = [Share(account, 100, 1_000_000 + number) for number, account in enumerate(HOLDERS)]
    ledger.offer = ContractOffer(
        contract_id=settings.payer_account_id,
        token_id=PAYMENT_TOKEN,
        decimals=6,
        kind="DIVIDEND",
        terms="distribution:1",
        key="contract distribution 1",
        owed=owed,
        promised_units=sum(share.amount_units for share in owed),
    )
    yield world
    await ledger.close()


@pytest.mark.parametrize("approvals_required", [0, 1])
async def test_holders_that_come_in_any_order_are_approved_paid_and_reconciled(
    world: ContractWorld, approvals_required: int
) -> None:
    made = await world.plan_offer()
    lines = sorted(world.ledger.offer.owed)
    assert made.register_hash == hash_of(lines)
    if approvals_required:
        await world.approve(made)
    await world.execute(made.id)
    assert await world.pay(made.id) is DistributionStatus.COMPLETED
    verdict = await world.reconcile(made.id)
    assert verdict.agrees
    assert verdict.paid_count == len(HOLDERS)


async def test_an_account_that_is_offered_twice_is_refused(world: ContractWorld) -> None:
    offer = world.ledger.offer
    world.ledger.offer = replace(offer, owed=[*offer.owed, Share(HOLDERS[7], 1, 1)])
    with pytest.raises(Conflict, match=f"names {HOLDERS[7]} twice"):
        await world.plan_offer()
    async with world.runtime.database.unit_of_work() as session:
        assert (await Distributions(session).find_all()).total == 0


@pytest.mark.parametrize("order", [["0.0.9", "0.0.8"], ["0.0.8", "0.0.8"], ["0.0.100", "0.0.9", "0.0.10"]])
async def test_shares_in_another_order_are_refused_and_nothing_is_written(
    world: ContractWorld, order: Sequence[str]
) -> None:
    distribution = Distribution(
        asset_id=world.asset.id, type=DistributionType.DIVIDEND, execution_type=ExecutionType.MANUAL
    )
    with pytest.raises(ValueError, match="not in strict order of account ids"):
        async with world.runtime.database.unit_of_work() as session:
            await Distributions(session).create_distribution_with_holders(
                distribution, [Share(account, 1, 1) for account in order], decimals=6, batch_size=100
            )
    async with world.runtime.database.unit_of_work() as session:
        assert (await Distributions(session).find_all()).total == 0


@pytest.mark.parametrize("approvals_required", [1])
async def test_a_hash_of_the_listed_order_is_fixed_and_its_approvals_go_on_counting(world: ContractWorld) -> None:
    before = await world.plan_as_before()
    await world.approve(before)
    with pytest.raises(Conflict, match=f"masspayout recover --hashes {before.id}") as refused:
        await world.execute(before.id)
    assert "not those that were approved" in str(refused.value)

    (check,) = await world.fix(before.id)

    assert (check.state, check.approvals_kept, check.differences) == (HashState.FIXED, 1, ())
    assert await world.approvals_of(before.id) == ApprovalCount(given=1, required=1)
    await world.execute(before.id)
    assert await world.pay(before.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(before.id)).agrees
    async with world.runtime.database.unit_of_work() as session:
        (entry,) = (await AuditEntries(session).find(action="distribution.hash_fixed")).items
    fixed = await world.find(before.id)
    assert entry.before == {"register_hash": before.register_hash}
    assert entry.after is not None
    assert (entry.after["register_hash"], entry.after["approvals_kept"]) == (fixed.register_hash, 1)
    assert "order in which the token lists its holders" in entry.after["reason"]
    (again,) = await world.fix(before.id)
    assert again.state is HashState.FITS


async def test_a_hash_of_what_is_paid_already_is_fixed(world: ContractWorld) -> None:
    before = await world.plan_as_before()
    await world.execute(before.id)
    assert await world.pay(before.id) is DistributionStatus.COMPLETED
    assert not (await world.reconcile(before.id)).agrees
    (check,) = await world.fix()
    assert check.state is HashState.FIXED
    assert (await world.reconcile(before.id)).agrees


@pytest.mark.parametrize("approvals_required", [1])
async def test_approvals_of_a_hash_that_nothing_explains_are_given_anew(world: ContractWorld) -> None:
    made = await world.plan_offer()
    await world.write(f"UPDATE distribution SET register_hash = repeat('a', 64) WHERE id = '{made.id}'")
    await world.approve(await world.find(made.id))
    (check,) = await world.fix(made.id)
    assert (check.state, check.approvals_kept) == (HashState.FIXED, 0)
    assert await world.approvals_of(made.id) == ApprovalCount(given=0, required=1)
    fixed = await world.find(made.id)
    assert fixed.register_hash == made.register_hash
    await world.approve(fixed)
    await world.execute(made.id)


CHANGES = {
    "an amount": (
        "UPDATE holder SET payment_amount = 2 WHERE account_id = '{account}' AND {of}",
        "{account}: database 2",
    ),
    "a balance": (
        "UPDATE holder SET balance = 7 WHERE account_id = '{account}' AND {of}",
        "for a balance of 7, contract",
    ),
    "an account": (
        "UPDATE holder SET account_id = '0.0.666' WHERE account_id = '{account}' AND {of}",
        "0.0.666: database 1.000000 for a balance of 100, contract nothing",
    ),
    "a missing row": ("DELETE FROM holder WHERE account_id = '{account}' AND {of}", "{account}: database nothing"),
}


@pytest.mark.parametrize("approvals_required", [1])
@pytest.mark.parametrize("change", CHANGES)
async def test_entitlements_that_are_not_what_the_contract_says_are_named_and_left(
    world: ContractWorld, change: str
) -> None:
    before = await world.plan_as_before()
    await world.approve(before)
    statement, sentence = (
        each.format(account=HOLDERS[0], of=f"distribution_id = '{before.id}'") for each in CHANGES[change]
    )
    await world.write(statement)
    (check,) = await world.fix(before.id)
    assert check.state is HashState.DIFFERS
    assert any(sentence in difference for difference in check.differences)
    assert (await world.find(before.id)).register_hash == before.register_hash
    with pytest.raises(Conflict, match="not those that were approved"):
        await world.execute(before.id)


async def test_without_a_contract_nothing_is_fixed(world: ContractWorld) -> None:
    dividend = await world.plan("100")
    await world.write(f"UPDATE distribution SET register_hash = repeat('a', 64) WHERE id = '{dividend.id}'")
    (check,) = await world.fix()
    assert check.state is HashState.DIFFERS
    assert "no contract worked them out" in check.message
    assert world.ledger.asked == 0
