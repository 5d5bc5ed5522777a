"""Sentences of the trail: each entry tells who did what to which payout, and how much it is."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import masspayout
from masspayout import audit
from masspayout.audit.sentences import SENTENCES, describe, sentence
from masspayout.context import Context
from masspayout.db.entities import AuditEntry, DistributionType, PayoutType
from masspayout.db.session import Database
from masspayout.distributions import previews
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.registers import assets
from payouts import ASSET_TOKEN, World, accounts
from places import DOCS

PETRA = Actor(ActorKind.USER, "0190", "Petra", "192.0.2.7")


async def sentences_of(database: Database) -> list[str]:
    async with database.unit_of_work() as work:
        found = await work.audit_entries.find(limit=1000)
        return list(reversed(await describe(work, found.items)))


async def test_what_is_done_to_a_payout_is_told_in_sentences(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    with acting_as(PETRA):
        dividend = await world.plan("250000", concept="Q3 dividend")
        async with runtime.database.unit_of_work() as work:
            other = await work.distributions.get(dividend.id)
            audit.record(work, "distribution.approved", dividend.id, after={"total_amount": other.total_amount})
        await world.execute(dividend.id)
    await world.pay(dividend.id)
    assert [line for line in await sentences_of(runtime.database) if "Q3 dividend" in line] == [
        "Petra planned Q3 dividend, 250,000.00 TUSD.",
        "Petra locked the amounts of Q3 dividend for 3 holders, 250,000.00 TUSD.",
        "Petra approved Q3 dividend, 250,000.00 TUSD.",
        "Petra started Q3 dividend, 250,000.00 TUSD.",
        "All holders of Q3 dividend were paid, 250,000.00 TUSD.",
    ]


async def test_a_register_that_is_read_without_a_change_leaves_no_entry(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    with acting_as(PETRA):
        await assets.sync(runtime.database, runtime.ledger, world.asset.id)
        before = await sentences_of(runtime.database)
        assert before[-1] == "Petra had the register of Green Bond read: 4 holders added, 0 changed, 0 removed."
        await assets.sync(runtime.database, runtime.ledger, world.asset.id)
        await world.sandbox.admin.deposit(ASSET_TOKEN, 5, "0.0.77")
        terms = PayoutTerms(type=DistributionType.DIVIDEND, payout_type=PayoutType.FIXED, amount=Decimal(1))
        await previews.dry_run(runtime, world.asset, terms)
    assert await sentences_of(runtime.database) == before


def entry(action: str, subject_id: str = "0.0.1001", **columns: Any) -> AuditEntry:
    values = {"before": None, "after": None, "actor_kind": "USER", "actor_name": "Petra", **columns}
    return AuditEntry(action=action, subject_id=subject_id, subject_type=action.split(".", maxsplit=1)[0], **values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (entry("user.changed", after={"role": "viewer"}, before={"role": "admin"}), "viewer instead of admin"),
        (entry("user.changed", after={"disabled": True}), "Petra deactivated the user"),
        (entry("webhook.changed", after={"enabled": False}), "Petra switched the webhook to webhook 0.0.1001 off."),
        (entry("listener.removed", before={"contract_id": "0.0.8"}), "Petra had the events of 0.0.8 read no more."),
        (entry("asset.changed", after={"payment_token_id": "1", "name": "2"}), "the payment token and the name of"),
        (entry("distribution.finished", after={"status": "FAILED"}), "ended with unpaid holders"),
        (entry("payer.doubted", actor_kind="SYSTEM", after={"reason": "Restored."}), "payments from payer 0.0.1001: R"),
        (entry("thing.invented", actor_kind="SYSTEM"), "A worker: thing.invented of thing 0.0.1001."),
    ],
)
def test_a_sentence_tells_what_changed(given: AuditEntry, said: str) -> None:
    assert said in sentence(given)


@pytest.mark.parametrize("action", SENTENCES)
def test_an_entry_without_any_value_is_told_as_well(action: str) -> None:
    words = sentence(entry(action))
    assert words.endswith(".")
    assert ".." not in words


def test_every_action_has_a_sentence_and_is_in_the_document() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(masspayout.__file__).parent.rglob("*.py")]
    calls = [call for source in sources for call in re.findall(r"_?record[a-z_]*\(([^)]*)", source)]
    recorded = {action for call in calls for action in re.findall(r'"([a-z]+\.[a-z_]+)"', call)}
    recorded |= {f"series.{verb}" for source in sources for verb in re.findall(r'SeriesStatus\.\w+, "(\w+)"\)', source)}
    assert {"distribution.executed", "series.paused", "payer.answered"} <= recorded
    assert recorded - SENTENCES.keys() == set()
    text = (DOCS / "audit.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    documented = {action for row in rows for action in re.findall(r"`([a-z]+\.[a-z_]+)`", row.split(" | ")[0])}
    assert documented == set(SENTENCES)
