"""What every ledger adapter must do. An adapter's own tests subclass ``LedgerConformance`` and give it a harness.

The tests speak to the ledger through its port only; the harness does what an operator, or bad luck, does to it.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from masspayout.kernel.errors import Invalid, LedgerRejected, LedgerUncertain, NotFound
from masspayout.kernel.ledger_time import to_nanos
from masspayout.kernel.movements import Payment, StatementEntry
from masspayout.kernel.types import LedgerEvent, SignedTransaction
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.identity import contradict
from masspayout.ledger.port import Dead, HolderBalance, Ledger, Refused, Settled, Transfer, Undecided

FUNDS = 1_000_000


class LedgerHarness(Protocol):
    """One ledger that a test may do anything to."""

    payer_account_id: str

    @property
    def ledger(self) -> Ledger:
        """The ledger, through its port."""

    def opened_again(self) -> AbstractAsyncContextManager[Ledger]:
        """Open the ledger as another process does."""

    def opened_on_another_ledger(self) -> AbstractAsyncContextManager[Ledger]:
        """Open another ledger of the same kind, with settings that call it the same."""

    async def make_token(self, holders: Mapping[str, int]) -> str:
        """Make a token with two decimals that these accounts hold."""

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        """Deposit into an account."""

    async def make_account(self) -> str:
        """Return an account that can receive any token."""

    async def freeze(self, account_id: str, token_id: str) -> None:
        """Make an account refuse a token, with a code of one recipient."""

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        """Undo ``freeze``."""

    async def keep_balances(self) -> None:
        """Let a ledger that keeps only the balances of some times keep those of now."""

    async def now(self) -> datetime:
        """Return the ledger's time."""

    async def let_pass(self, seconds: float) -> None:
        """Let the ledger's time pass."""

    async def outlive(self, signed: SignedTransaction) -> None:
        """Let time pass until the ledger cannot take a transaction any more, whatever its settings."""

    async def lose_answers(self) -> None:
        """From now on transactions are executed, but no answer comes."""

    async def lose_requests(self) -> None:
        """From now on transactions do not reach the ledger."""

    async def delay(self, seconds: float) -> None:
        """From now on transactions reach the ledger that much later."""

    async def lag(self, seconds: float) -> None:
        """From now on what can be looked up is that much behind."""

    async def behave(self) -> None:
        """From now on nothing goes wrong."""


class Scene:
    """A funded payer and the steps that most tests begin with."""

    def __init__(self, harness: LedgerHarness, token_id: str) -> None:
        self.harness, self.ledger, self.token_id = harness, harness.ledger, token_id
        self._last_numbers: dict[str, int] = {}

    async def sign(self, payments: Mapping[str, int]) -> SignedTransaction:
        transfer = await self.transfer([Payment(account, units) for account, units in payments.items()])
        signed = await self.ledger.prepare(transfer)
        self._last_numbers[transfer.sender_account_id] = transfer.number
        return signed

    async def transfer(self, payments: Sequence[Payment]) -> Transfer:
        """Return a transfer of a distribution of its own, with the number that comes next."""
        sender = await self.ledger.sender(self.harness.payer_account_id)
        return Transfer(
            number=max(self._last_numbers.get(sender.account_id, -1) + 1, sender.number_floor),
            payer_account_id=self.harness.payer_account_id,
            token_id=self.token_id,
            payments=payments,
            memo="conformance",
            payment_key=f"0x{uuid.uuid4().int:064x}",
            sender_account_id=sender.account_id,
        )

    async def send(self, payments: Mapping[str, int]) -> SignedTransaction:
        """Have a payment made, whether or not its outcome is shown by now."""
        signed = await self.sign(payments)
        await self.ledger.submit(signed.signed_bytes)
        return signed

    async def pay(self, payments: Mapping[str, int]) -> SignedTransaction:
        """Have a payment made, and wait for its outcome."""
        signed = await self.send(payments)
        async with asyncio.timeout(60):
            while not isinstance(await self.ledger.outcome(signed.transaction_id), Settled):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return signed

    async def settle(self) -> None:
        """Let the ledger's books show everything that has happened, unless they are told to lag behind."""
        await self.harness.let_pass(5)

    async def submit_without_answer(self, signed: SignedTransaction) -> None:
        with pytest.raises(LedgerUncertain):
            await self.ledger.submit(signed.signed_bytes)

    async def preflight(self, account_ids: Sequence[str]) -> Mapping[str, str]:
        return (await self.ledger.preflight(self.harness.payer_account_id, self.token_id, account_ids)).failures

    async def balance(self, account_id: str) -> int:
        return await self.ledger.balance_units(account_id, self.token_id)

    async def payer_balance(self) -> int:
        return await self.balance(self.harness.payer_account_id)


@pytest.fixture
async def scene(harness: LedgerHarness) -> Scene:
    token_id = await harness.make_token({})
    await harness.fund(token_id, harness.payer_account_id, FUNDS)
    return Scene(harness, token_id)


async def read(ledger: Ledger, token_id: str, at: datetime | None = None) -> list[HolderBalance]:
    snapshot = await ledger.holders(token_id, at=at)
    return [holder async for page in snapshot.pages for holder in page]


@dataclass
class Statement:
    """The pages of a statement, put together."""

    entries: list[StatementEntry]
    cursor: int
    received_units: Counter[str]


async def read_statement(scene: Scene, *, after: int | None = None) -> Statement:
    """Read a payer's statement, once everything that happened is shown."""
    await scene.settle()
    pages = [page async for page in scene.ledger.statement(scene.harness.payer_account_id, after=after)]
    entries = [entry for page in pages for entry in page.entries]
    received: Counter[str] = Counter()
    for page in pages:
        received.update(page.received_units)
    return Statement(entries, pages[-1].cursor, received)


class LedgerConformance:
    """Inherit, and provide a fixture ``harness``."""

    # Which it is

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

    # Reading

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

    # Signing

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

    # Paying

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

    # Not knowing

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

    # Events

    async def test_deposits_are_events_in_order_after_a_cursor(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        for units in (5, 6):
            await scene.harness.fund(scene.token_id, account, units)
        await scene.ledger.submit((await scene.sign({account: 7})).signed_bytes)

        events = await collect(scene.ledger, account, (0, 0))

        assert [event.payload["amount_units"] for event in events] == [5, 6, 7]
        assert {event.payload["token_id"] for event in events} == {scene.token_id}
        assert {(event.name, event.contract_id) for event in events} == {("Deposit", account)}
        assert events[-1].payload["from"] == scene.harness.payer_account_id
        positions = [(event.timestamp_nanos, event.index) for event in events]
        assert positions == sorted(set(positions))
        assert await collect(scene.ledger, account, positions[0]) == events[1:]
        assert await collect(scene.ledger, account, positions[-1]) == []

    async def test_events_wait_for_a_lagging_mirror(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        await scene.harness.lag(3600)
        await scene.harness.fund(scene.token_id, account, 5)
        assert await collect(scene.ledger, account, (0, 0)) == []
        await scene.harness.behave()
        assert len(await collect(scene.ledger, account, (0, 0))) == 1

    # The payer's statement

    async def test_a_statement_has_every_debit_once_and_in_order(self, scene: Scene) -> None:
        first, second = await scene.harness.make_account(), await scene.harness.make_account()
        before = await read_statement(scene)
        one = await scene.pay({first: 5, second: 7})
        two = await scene.pay({second: 11})

        entries = await read_statement(scene, after=before.cursor)

        paid = [(entry.transaction_id, entry.token_id, dict(entry.payments)) for entry in entries.entries]
        assert paid == [
            (one.transaction_id, scene.token_id, {first: 5, second: 7}),
            (two.transaction_id, scene.token_id, {second: 11}),
        ]
        positions = [entry.position for entry in entries.entries]
        assert before.cursor < positions[0] <= positions[1] <= entries.cursor

    async def test_a_statement_goes_on_at_any_of_its_cursors(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        for units in (1, 2, 3):
            await scene.pay({account: units})
        whole = await read_statement(scene)
        assert [entry.total_units for entry in whole.entries][-3:] == [1, 2, 3]
        assert (await read_statement(scene, after=whole.cursor)).entries == []
        await scene.pay({account: 4})
        assert [entry.total_units for entry in (await read_statement(scene, after=whole.cursor)).entries] == [4]

    async def test_a_statement_adds_up_to_what_the_payer_holds(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        await scene.pay({account: 30})
        statement = await read_statement(scene)
        await scene.pay({account: 12})

        held = await scene.ledger.held_units_at(scene.harness.payer_account_id, scene.token_id, statement.cursor)

        sent = sum(entry.total_units for entry in statement.entries if entry.token_id == scene.token_id)
        assert held in (None, statement.received_units[scene.token_id] - sent)

    async def test_a_statement_that_begins_at_a_time_leaves_out_what_was_before(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        await scene.pay({account: 30})
        before = await read_statement(scene)
        await scene.harness.let_pass(60)
        at = await scene.harness.now()
        await scene.harness.let_pass(60)
        await scene.pay({account: 12})

        begins_after = await scene.ledger.statement_position(at)
        later = await read_statement(scene, after=begins_after)

        assert [entry.total_units for entry in later.entries] == [12]
        assert begins_after >= before.entries[-1].position
        payer = scene.harness.payer_account_id
        opening, held = [
            await scene.ledger.held_units_at(payer, scene.token_id, cursor) for cursor in (begins_after, later.cursor)
        ]
        assert opening is None or held is None or opening - held == 12

    async def test_a_statement_is_no_further_than_what_the_ledger_shows(self, scene: Scene) -> None:
        account = await scene.harness.make_account()
        before = await read_statement(scene)
        await scene.harness.lag(3600)
        await scene.send({account: 9})
        behind = await read_statement(scene, after=before.cursor)
        assert behind.entries == []
        await scene.harness.behave()
        shown = await read_statement(scene, after=behind.cursor)
        assert [entry.total_units for entry in shown.entries] == [9]

    async def test_numbers_are_around_the_ledgers_time_where_they_are_times(self, scene: Scene) -> None:
        sender = await scene.ledger.sender(scene.harness.payer_account_id)
        if not scene.ledger.traits.signs_times:
            assert sender.number_ceiling is None
            return
        lead_seconds = await scene.ledger.clock_lead_seconds()
        assert lead_seconds is not None
        assert lead_seconds < 60
        assert sender.number_ceiling is not None
        assert sender.number_floor < to_nanos(await scene.harness.now()) < sender.number_ceiling


async def collect(ledger: Ledger, account_id: str, after: tuple[int, int]) -> Sequence[LedgerEvent]:
    return [event async for event in ledger.events(account_id, after=after)]
