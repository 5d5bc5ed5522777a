"""What a ledger tells of itself, of tokens and of their holders."""

from datetime import timedelta

import pytest

from ledger.conformance.harness import FUNDS, LedgerHarness, Scene, read
from masspayout.kernel.errors import Invalid, NotFound
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.identity import contradict


class Reading:
    """Which ledger it is, and what it shows."""

    async def test_it_is_the_same_after_every_start(self, harness: LedgerHarness) -> None:
        identity = await harness.ledger.identity()
        await harness.make_token({})
        await harness.let_pass(60)
        async with harness.opened_again() as again:
            assert await again.identity() == identity
        assert await harness.ledger.identity() == identity

    async def test_it_is_not_taken_for_another_one(self, harness: LedgerHarness) -> None:
        async with harness.opened_on_another_ledger() as another:
            assert contradict(await another.identity(), await harness.ledger.identity())

    async def test_a_token_is_described(self, harness: LedgerHarness) -> None:
        account = await harness.make_account()
        token_id = await harness.make_token({account: 250})

        token = await harness.ledger.token(token_id)

        assert (token.token_id, token.decimals, token.total_supply_units, token.paused) == (token_id, 2, 250, False)
        assert token.name
        assert token.symbol

    async def test_an_unknown_token_is_not_found(self, harness: LedgerHarness) -> None:
        with pytest.raises(NotFound):
            await harness.ledger.token("0.0.404404")
        with pytest.raises(NotFound):
            await harness.ledger.holders("0.0.404404")

    async def test_holders_are_streamed_once_each_and_only_with_a_balance(self, harness: LedgerHarness) -> None:
        accounts = [await harness.make_account() for _ in range(7)]
        wanted = {account: index for index, account in enumerate(accounts)}
        token_id = await harness.make_token(wanted)

        holders = await read(harness.ledger, token_id)

        assert len(holders) == 6
        assert dict(holders) == {account: units for account, units in wanted.items() if units}

    async def test_holders_at_an_earlier_time(self, scene: Scene) -> None:
        if not scene.ledger.traits.keeps_history:
            with pytest.raises(Invalid):
                await scene.ledger.holders(scene.token_id, at=await scene.harness.now())
            return
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        await scene.harness.keep_balances()
        before = (await scene.ledger.holders(scene.token_id)).taken_at
        await scene.ledger.submit((await scene.sign({first: 100})).signed_bytes)
        await scene.harness.keep_balances()
        between = (await scene.ledger.holders(scene.token_id)).taken_at
        await scene.ledger.submit((await scene.sign({first: 10, second: 5})).signed_bytes)
        await scene.harness.fund(scene.token_id, second, 7)

        payer = scene.harness.payer_account_id
        assert dict(await read(scene.ledger, scene.token_id, before)) == {payer: FUNDS}
        assert dict(await read(scene.ledger, scene.token_id, between)) == {payer: FUNDS - 100, first: 100}
        assert dict(await read(scene.ledger, scene.token_id)) == {payer: FUNDS - 115, first: 110, second: 12}

    async def test_holders_of_a_time_to_come_are_refused(self, scene: Scene) -> None:
        with pytest.raises(Invalid):
            await scene.ledger.holders(scene.token_id, at=await scene.harness.now() + timedelta(hours=1))

    async def test_a_stranger_holds_nothing(self, scene: Scene) -> None:
        assert await scene.balance(await scene.harness.make_account()) == 0
        assert await scene.payer_balance() == FUNDS

    async def test_preflight_names_those_who_cannot_receive(self, scene: Scene) -> None:
        good, bad = await scene.harness.make_account(), await scene.harness.make_account()
        await scene.harness.freeze(bad, scene.token_id)

        failures = await scene.preflight([good, bad])

        assert set(failures) == {bad}
        assert describe_failure(failures[bad]).failure_class is FailureClass.RECIPIENT
        await scene.harness.unfreeze(bad, scene.token_id)
        assert await scene.preflight([good, bad]) == {}
