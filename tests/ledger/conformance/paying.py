"""Transactions that are signed, sent and settled, or refused."""

import asyncio

import pytest

from ledger.conformance.harness import FUNDS, Scene
from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.movements import Payment
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.port import Refused, Settled, Undecided


class Paying:
    """What becomes of a transaction that the ledger answers."""

    async def test_preparing_sends_nothing_and_gives_the_same_bytes(self, scene: Scene) -> None:
        transfer = await scene.transfer([Payment(await scene.harness.make_account(), 10)])

        first, second = await scene.ledger.prepare(transfer), await scene.ledger.prepare(transfer)

        assert first == second
        assert await scene.payer_balance() == FUNDS
        assert isinstance(await scene.ledger.outcome(first.transaction_id), Undecided)

    async def test_larger_numbers_give_other_ids(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = [await scene.sign({account: 1}) for _ in range(20)]
        assert len({one.transaction_id for one in signed}) == 20
        now = await scene.harness.now()
        assert all(one.expires_at > now for one in signed)

    @pytest.mark.parametrize("units", [0, -1])
    async def test_an_amount_that_is_not_positive_cannot_be_signed(self, scene: Scene, units: int) -> None:
        with pytest.raises(LedgerRejected):
            await scene.sign({await scene.harness.make_account(): units})

    async def test_too_many_recipients_cannot_be_signed(self, scene: Scene) -> None:
        limit = scene.ledger.traits.recipients_per_transaction
        accounts = [await scene.harness.make_account() for _ in range(limit + 1)]
        assert await scene.sign(dict.fromkeys(accounts[:limit], 1))
        with pytest.raises(LedgerRejected):
            await scene.sign(dict.fromkeys(accounts, 1))

    async def test_a_recipient_cannot_occur_twice(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        with pytest.raises(LedgerRejected):
            await scene.ledger.prepare(await scene.transfer([Payment(account, 1), Payment(account, 2)]))

    async def test_a_transfer_pays_and_settles(self, scene: Scene) -> None:
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        before = await scene.harness.now()
        signed = await scene.sign({first: 70, second: 30})

        await scene.ledger.submit(signed.signed_bytes)

        outcome = await scene.ledger.outcome(signed.transaction_id)
        assert isinstance(outcome, Settled)
        assert outcome.failures == {}
        assert outcome.consensus_at is None or before <= outcome.consensus_at <= await scene.harness.now()
        assert [await scene.balance(first), await scene.balance(second)] == [70, 30]
        assert await scene.payer_balance() == FUNDS - 100

    async def test_what_was_moved_can_be_read_from_the_books(self, scene: Scene) -> None:
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        paid = [await scene.sign({first: 70, second: 30}), await scene.sign({second: 5})]
        for signed in paid:
            await scene.ledger.submit(signed.signed_bytes)
        never_sent = await scene.sign({first: 1})
        one, two = (signed.transaction_id for signed in paid)

        moved = await scene.ledger.transferred_units([one, two, never_sent.transaction_id])

        assert moved == {(one, first): 70, (one, second): 30, (two, second): 5}

    async def test_books_show_what_is_longer_ago_than_their_delay(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        await scene.harness.let_pass(60)
        await scene.harness.lag(50)
        signed = await scene.sign({account: 5})
        await scene.ledger.submit(signed.signed_bytes)
        assert await scene.ledger.transferred_units([signed.transaction_id]) == {}
        assert await scene.ledger.delay_seconds() >= 0
        await scene.harness.behave()
        moved = await scene.ledger.transferred_units([signed.transaction_id])
        assert moved == {(signed.transaction_id, account): 5}

    async def test_the_same_bytes_pay_once(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await scene.ledger.submit(signed.signed_bytes)
        await scene.ledger.submit(signed.signed_bytes)
        assert await scene.balance(account) == 10

    async def test_the_same_bytes_sent_ten_times_at_once_pay_once(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        await asyncio.gather(*(scene.ledger.submit(signed.signed_bytes) for _ in range(10)))
        assert await scene.balance(account) == 10
        assert await scene.payer_balance() == FUNDS - 10

    async def test_altered_bytes_are_refused(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        signed = await scene.sign({account: 10})
        altered = bytearray(signed.signed_bytes)
        altered[-10] ^= 1
        with pytest.raises(LedgerRejected):
            await scene.ledger.submit(bytes(altered))
        assert await scene.balance(account) == 0

    async def test_a_bad_recipient(self, scene: Scene) -> None:
        good, bad = await scene.harness.make_account(), await scene.harness.make_account()
        await scene.harness.freeze(bad, scene.token_id)
        signed = await scene.sign({good: 10, bad: 20})

        await scene.ledger.submit(signed.signed_bytes)

        outcome = await scene.ledger.outcome(signed.transaction_id)
        if scene.ledger.traits.atomic:
            assert isinstance(outcome, Refused)
            code = outcome.code
            assert [await scene.balance(good), await scene.balance(bad)] == [0, 0]
            assert await scene.ledger.transferred_units([signed.transaction_id]) == {}
        else:
            assert isinstance(outcome, Settled)
            assert set(outcome.failures) == {bad}
            code = outcome.failures[bad]
            assert [await scene.balance(good), await scene.balance(bad)] == [10, 0]
            moved = await scene.ledger.transferred_units([signed.transaction_id])
            assert moved == {(signed.transaction_id, good): 10}
        assert describe_failure(code).failure_class is FailureClass.RECIPIENT

    async def test_a_failed_transaction_stays_failed_when_it_is_sent_again(self, scene: Scene) -> None:
        bad = await scene.harness.make_account()
        await scene.harness.freeze(bad, scene.token_id)
        signed = await scene.sign({bad: 20})
        await scene.ledger.submit(signed.signed_bytes)
        await scene.harness.unfreeze(bad, scene.token_id)

        await scene.ledger.submit(signed.signed_bytes)

        assert await scene.balance(bad) == 0
        await scene.ledger.submit((await scene.sign({bad: 20})).signed_bytes)
        assert await scene.balance(bad) == 20

    async def test_a_payer_who_is_short_pays_nobody(self, scene: Scene) -> None:
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        try:
            signed = await scene.sign({first: 1, second: FUNDS})
        except LedgerRejected as refusal:  # by a ledger that tries before it signs
            code = refusal.code
        else:
            await scene.ledger.submit(signed.signed_bytes)
            outcome = await scene.ledger.outcome(signed.transaction_id)
            assert isinstance(outcome, Refused)
            code = outcome.code

        assert describe_failure(code).failure_class is FailureClass.EVERYBODY
        assert [await scene.balance(first), await scene.balance(second)] == [0, 0]
        assert await scene.payer_balance() == FUNDS

    async def test_a_payer_who_is_short_after_signing_pays_nobody(self, scene: Scene) -> None:
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        paid, short = await scene.sign({first: FUNDS - 1}), await scene.sign({second: 2})
        await scene.ledger.submit(paid.signed_bytes)

        await scene.ledger.submit(short.signed_bytes)

        outcome = await scene.ledger.outcome(short.transaction_id)
        if isinstance(outcome, Settled):  # by a ledger that has a result for each recipient
            code = outcome.failures[second]
        else:
            assert isinstance(outcome, Refused)
            code = outcome.code
        assert describe_failure(code).failure_class is FailureClass.EVERYBODY
        assert await scene.balance(second) == 0
        assert await scene.payer_balance() == 1

    async def test_a_payer_who_is_able_is_not_stopped(self, scene: Scene) -> None:
        await scene.ledger.check_payer(scene.harness.payer_account_id, scene.token_id)
