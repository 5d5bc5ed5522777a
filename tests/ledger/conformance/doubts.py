"""Lost answers, lost requests, lagging mirrors: what is not known stays undecided until it is."""

import pytest

from ledger.conformance.harness import Scene
from masspayout.kernel.errors import LedgerRejected
from masspayout.ledger.port import Dead, Settled, Undecided


class Doubts:
    """What becomes of a transaction when the answer is missing."""

    async def test_a_lost_answer_is_found_by_looking(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.lose_answers()

        await scene.submit_without_answer(signed)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10

    async def test_a_lost_request_is_undecided_until_it_is_dead(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.lose_requests()
        await scene.submit_without_answer(signed)
        await scene.harness.behave()
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)

        await scene.harness.outlive(signed)

        outcome = await scene.ledger.outcome(signed.transaction_id)
        assert isinstance(outcome, Dead), outcome
        assert outcome.proof
        # What was called dead stays so, whoever sends it now.
        with pytest.raises(LedgerRejected):
            await scene.ledger.submit(signed.signed_bytes)
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Dead)
        assert await scene.balance(account) == 0

    async def test_a_lost_request_can_be_sent_again(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.lose_requests()
        await scene.submit_without_answer(signed)
        await scene.harness.behave()

        await scene.ledger.submit(signed.signed_bytes)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10

    async def test_behind_a_lagging_mirror_nothing_is_decided(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        paid, lost = await scene.sign({account: 10}), await scene.sign({account: 99})
        await scene.harness.lag(3600)
        await scene.ledger.submit(paid.signed_bytes)
        assert isinstance(await scene.ledger.outcome(paid.transaction_id), Undecided)

        await scene.harness.outlive(lost)

        # Time has run out for both, and the mirror has not seen it yet.
        assert isinstance(await scene.ledger.outcome(paid.transaction_id), Undecided)
        assert isinstance(await scene.ledger.outcome(lost.transaction_id), Undecided)
        await scene.harness.behave()
        assert isinstance(await scene.ledger.outcome(paid.transaction_id), Settled)
        assert isinstance(await scene.ledger.outcome(lost.transaction_id), Dead)

    async def test_a_delayed_transaction_may_still_arrive_after_somebody_looked(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.delay(60)
        await scene.submit_without_answer(signed)
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)
        assert await scene.balance(account) == 0

        await scene.harness.let_pass(61)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10

    async def test_a_delayed_transaction_that_was_sent_again_pays_once(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.delay(60)
        await scene.submit_without_answer(signed)
        await scene.harness.behave()
        await scene.ledger.submit(signed.signed_bytes)

        await scene.harness.let_pass(61)

        assert await scene.balance(account) == 10

    async def test_a_transaction_that_arrives_too_late_has_no_effect(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.harness.delay(7200)
        await scene.submit_without_answer(signed)
        await scene.harness.outlive(signed)
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Dead)

        await scene.harness.let_pass(7200)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Dead)
        assert await scene.balance(account) == 0
