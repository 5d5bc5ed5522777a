"""What the ledger reports afterwards: events, and the payer's statement."""

from collections.abc import Sequence

from ledger.conformance.harness import Scene, read_statement
from masspayout.kernel.ledger_time import to_nanos
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.port import Ledger


class Reporting:
    """Events in their order, and every debit of a payer once."""

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
