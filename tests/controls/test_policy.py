"""The policy in the database holds for every process, and its changes need another person where it is guarded."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from approving import ANA, BEN, CREATOR, approve, count_of, run_due, schedule
from databases import run_sql
from masspayout.app.control import Control
from masspayout.controls import policies, policy_changes, policy_findings
from masspayout.controls.policy_content import read_content
from masspayout.db.entities import Distribution, DistributionStatus, Policy, ProposalState
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import ApprovalsMissing, Conflict, Invalid, LimitExceeded
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, make_runtime

OPEN: dict[str, Any] = {"mode": "open"}
GUARDED: dict[str, Any] = {"mode": "guarded", "approvals": 1}


@pytest.fixture
def terms() -> dict[str, Any]:
    """The environment asks for nothing."""
    return {"approvals_required": 0}


async def put_in_force(world: World, content: dict[str, Any]) -> None:
    """Write a policy as it is, whether or not the people of this world can meet it."""
    async with world.runtime.database.unit_of_work() as work:
        await work.policies.lock()
        stored = read_content(content).stored()
        await work.policies.add(
            Policy(content=stored, made_by="USER:0", made_by_name="dora", made_at=datetime.now(UTC))
        )


async def people(world: World, roles: Sequence[Role]) -> list[Actor]:
    """Add users of these roles, named a, b, c …"""
    found = []
    for letter, role in zip("abcdefgh", roles, strict=False):
        async with world.runtime.database.unit_of_work() as work:
            user = await access.add_user(work, letter, role=role)
        found.append(Actor(ActorKind.USER, str(user.id), letter))
    return found


async def test_a_process_without_settings_pays_nothing_unapproved(world: World) -> None:
    await put_in_force(world, GUARDED)
    dividend = await world.plan("100")
    with pytest.raises(ApprovalsMissing, match="waits for 1 of 1 approval"):
        await world.execute(dividend.id)
    await approve(world, dividend, ANA)
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_what_is_scheduled_waits_for_approvals_of_the_policy(world: World) -> None:
    await put_in_force(world, GUARDED)
    due = await schedule(world)
    assert due.scheduled_time is not None
    assert await run_due(world, due.scheduled_time) == 0
    assert await world.find_status(due.id) is DistributionStatus.PENDING
    await approve(world, await world.find(due.id), ANA)
    assert await run_due(world, due.scheduled_time) == 1


async def test_the_stricter_of_freeze_and_start_holds(world: World) -> None:
    frozen_open = await world.plan("100")
    await put_in_force(world, GUARDED)
    with pytest.raises(ApprovalsMissing, match="1 of 1"):
        await world.execute(frozen_open.id)
    frozen_guarded = await world.plan("50")
    await put_in_force(world, OPEN)
    with pytest.raises(ApprovalsMissing, match="1 of 1"):
        await world.execute(frozen_guarded.id)
    frozen_open_again = await world.plan("20")
    await world.execute(frozen_open_again.id)


async def test_the_stricter_of_policy_and_environment_holds(world: World) -> None:
    await put_in_force(world, GUARDED | {"limits": {"per_distribution": 500}})
    strict = make_runtime(
        world.runtime.database,
        world.runtime.settings.model_copy(update={"approvals_required": 2, "limit_per_distribution_amount": "50"}),
    )
    async with strict.database.unit_of_work() as work:
        found = await policies.in_force(work, strict.settings)
        findings = await policy_findings.find(work, strict.settings)
        same = await policy_findings.find(work, world.runtime.settings)
    await strict.ledger.close()
    assert found.most_per_distribution(PAYMENT_TOKEN) == 50
    assert "differ from the policy (version 1)" in findings.difference
    assert (same.difference, "1 of 2 people have to approve" in same.missing) == ("", True)
    dividend = await world.plan("600")
    await approve(world, dividend, ANA)
    with pytest.raises(LimitExceeded, match="500 at most"):
        await world.execute(dividend.id)


STARTS = {
    "update": "UPDATE distribution SET status = 'PROCESSING' WHERE id = '{id}'",
    "retry": "UPDATE distribution SET status = 'FAILED' WHERE id = '{id}';"
    "UPDATE distribution SET status = 'PROCESSING' WHERE id = '{id}'",
    "with a number of its own": "UPDATE distribution SET approvals_required = 0, policy_number = NULL,"
    " status = 'PROCESSING' WHERE id = '{id}'",
    "with a number and a version": "UPDATE distribution SET approvals_required = 0, policy_number = 1,"
    " status = 'PROCESSING' WHERE id = '{id}'",
}


@pytest.mark.parametrize("start", STARTS)
async def test_a_shell_or_an_older_worker_cannot_pass(world: World, start: str) -> None:
    await put_in_force(world, GUARDED)
    dividend = await world.plan("100")
    statement = STARTS[start].format(id=dividend.id)
    with pytest.raises(Exception, match="has 0 of"):
        await asyncio.to_thread(run_sql, world.runtime.database.url, statement)
    assert await world.find_status(dividend.id) is DistributionStatus.PENDING


async def test_what_an_older_version_froze_begins_only_after_it_is_weighed(world: World) -> None:
    dividend = await world.plan("100")  # under no policy, as an older version freezes
    await put_in_force(world, GUARDED)
    start = STARTS["update"].format(id=dividend.id)
    with pytest.raises(Exception, match="version 0 of the policy"):
        await asyncio.to_thread(run_sql, world.runtime.database.url, start)
    await put_in_force(world, OPEN)
    await asyncio.to_thread(run_sql, world.runtime.database.url, start)


async def test_groups_fill_places_with_different_people(world: World) -> None:
    rule = {"when": {"amount": 100}, "need": [{"group": "treasury", "n": 1}, {"group": "board", "n": 1}]}
    a, b, c, _ = await people(world, [Role.APPROVER] * 4)
    groups = {"treasury": ["a", "b"], "board": ["a"]}
    await put_in_force(world, {"mode": "guarded", "rules": [rule], "groups": groups})
    small, large = await world.plan("99"), await world.plan("100")
    assert await count_of(world, small) == ApprovalCount(0, 0)
    assert await count_of(world, large) == ApprovalCount(0, 2)
    assert await approve(world, large, a) == ApprovalCount(1, 2)
    assert await approve(world, large, c) == ApprovalCount(1, 2)  # of no group
    with pytest.raises(ApprovalsMissing, match="needs 2 approvals, 1 of them by board, 1 of them by treasury"):
        await world.execute(large.id)
    assert await approve(world, large, b) == ApprovalCount(2, 2)
    await world.execute(large.id)


async def test_tokens_do_not_count(world: World) -> None:
    await put_in_force(world, GUARDED)
    dividend = await world.plan("100")
    with pytest.raises(Conflict, match="only people approve"):
        await approve(world, dividend, Actor(ActorKind.TOKEN, "9", "nightly"))
    forged = f"""
        INSERT INTO approval (id, distribution_id, person, actor_kind, actor_name, approved_at, register_hash,
                              payment_token_id, payer_account_id, total_amount)
        SELECT masspayout_uuid7(), id, 'TOKEN:9', 'TOKEN', 'nightly', now(), register_hash, payment_token_id,
               payer_account_id, total_amount FROM distribution WHERE id = '{dividend.id}'
    """
    await asyncio.to_thread(run_sql, world.runtime.database.url, forged)
    assert await count_of(world, dividend) == ApprovalCount(0, 1)


async def test_who_created_at_the_command_line_does_not_approve_as_the_user_of_that_name(world: World) -> None:
    await put_in_force(world, GUARDED)
    with acting_as(Actor(ActorKind.COMMAND_LINE, "ana", "ana")):
        dividend = await world.plan("100")
    with pytest.raises(Conflict, match="created by you"):
        await approve(world, dividend, ANA)
    with pytest.raises(Conflict, match="known to this machine alone"):
        await approve(world, dividend, Actor(ActorKind.COMMAND_LINE, "ben", "ben"))
    await approve(world, dividend, BEN)
    await world.execute(dividend.id)


RULES: dict[str, tuple[dict[str, Any], bool]] = {
    "asset": ({"assets": [ASSET_TOKEN]}, True),
    "another asset": ({"assets": ["0.0.1"]}, False),
    "type": ({"types": ["DIVIDEND"]}, True),
    "another type": ({"types": ["COUPON"]}, False),
    "amount": ({"amount": "100"}, True),
    "larger amount": ({"amount": "100.01"}, False),
    "amount of another token": ({"amount": {"0.0.1": 1}}, False),
    "day total": ({"day_total": 130}, True),
    "larger day total": ({"day_total": 131}, False),
    "to a new recipient": ({"new_recipient": True}, False),
    "to known recipients": ({"new_recipient": False}, True),
    "list": ({"list": True}, False),
    "no list": ({"list": False}, True),
    "as the last one": ({"changed_since_last": False}, False),
    "not as the last one": ({"changed_since_last": True}, True),
    "all together": ({"amount": 100, "types": ["COUPON"]}, False),
}


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_is_about_what_all_of_it_holds_for(world: World, rule: str) -> None:
    when, matches = RULES[rule]
    earlier = await world.plan("30")
    await world.execute(earlier.id)
    assert await world.pay(earlier.id) is DistributionStatus.COMPLETED
    await put_in_force(world, {"mode": "guarded", "rules": [{"when": when, "need": [{"n": 2}]}]})
    assert await count_of(world, await world.plan("100")) == ApprovalCount(0, 2 if matches else 0)


async def test_the_largest_number_of_each_group_counts(world: World) -> None:
    rules = [{"need": [{"n": 2}]}, {"when": {"amount": 1}, "need": [{"n": 3}]}, {"need": [{"group": "x", "n": 1}]}]
    await put_in_force(world, GUARDED | {"rules": rules, "groups": {"x": ["a"]}})
    assert await count_of(world, await world.plan("100")) == ApprovalCount(0, 4)


WRONG = {
    "guarded without approvals": ({"mode": "guarded"}, "needs approvals of 1 or more"),
    "open with approvals": ({"approvals": 1}, "approvals need the mode guarded"),
    "an unknown group": (GUARDED | {"rules": [{"need": [{"group": "x", "n": 1}]}]}, "groups does not name"),
    "an unknown part": ({"approvers": 2}, "there is no approvers"),
    "a wrong amount": ({"limits": {"per_day": "much"}}, "limits.per_day.*a number"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_policy_is_refused(wrong: str) -> None:
    content, message = WRONG[wrong]
    with pytest.raises(Invalid, match=message):
        read_content(content)


def test_a_policy_reads_as_sentences() -> None:
    content = read_content(
        {
            "mode": "guarded",
            "approvals": 1,
            "rules": [
                {"when": {"amount": {"USDC": 10000}}, "need": [{"n": 2}]},
                {"when": {"list": True, "new_recipient": True}, "need": [{"group": "treasury", "n": 1}]},
            ],
            "limits": {"per_day": 5000},
            "groups": {"treasury": ["ana", "ben"]},
        }
    )
    assert content.sentences == [
        "Every payout needs 1 approval.",
        "A payout of 10,000 of USDC or more needs 2 approvals.",
        "A payout list to an account that was never paid needs 1 approval by treasury.",
        "A change of the policy needs the approval of another person.",
        "Payouts of 24 hours may together be 5,000 at most.",
        "treasury: ana, ben.",
    ]
    assert read_content(content.stored()) == content


async def test_one_person_changes_an_open_policy_and_two_a_guarded_one(world: World) -> None:
    control = Control(world.runtime)
    with pytest.raises(Conflict, match="1 of 2 people have to approve"):
        await control.change_policy(GUARDED)
    a, b = await people(world, [Role.ADMIN, Role.APPROVER])
    with acting_as(a):
        assert (await control.change_policy(GUARDED)).version is not None
        proposal = (await control.change_policy(OPEN)).proposal
        assert proposal is not None
        with pytest.raises(Conflict, match="which is open"):
            await control.change_policy(GUARDED | {"limits": {"per_day": 1}})
        with pytest.raises(Conflict, match="another person"):
            await control.approve_proposal(proposal.id)
    with acting_as(Actor(ActorKind.TOKEN, "9", "nightly")), pytest.raises(Conflict, match="no person"):
        await control.approve_proposal(proposal.id)
    with acting_as(b):
        with pytest.raises(Conflict, match="alone can withdraw"):
            await control.withdraw_proposal(proposal.id)
        await control.approve_proposal(proposal.id)
        with pytest.raises(Conflict, match="is APPROVED"):
            await control.approve_proposal(proposal.id)
    newest = (await control.policy_history())[0]
    assert (newest.number, newest.content, newest.made_by_name, newest.approved_by_name) == (2, OPEN, "a", "b")


async def test_proposals_are_refused_and_withdrawn(world: World) -> None:
    control = Control(world.runtime)
    a, b = await people(world, [Role.ADMIN, Role.ADMIN])
    await put_in_force(world, GUARDED)
    for decider, decide, state in (
        (b, control.refuse_proposal, ProposalState.REFUSED),
        (a, control.withdraw_proposal, ProposalState.WITHDRAWN),
    ):
        with acting_as(a):
            proposal = (await control.change_policy(OPEN)).proposal
        assert proposal is not None
        with acting_as(decider):
            assert (await decide(proposal.id)).state is state
    assert [each.content for each in await control.policy_history()] == [GUARDED]


async def test_the_environment_becomes_the_first_version_once(world: World, settings: Settings) -> None:
    asked = settings.model_copy(
        update={
            "approvals_required": 2,
            "approval_threshold_amount": "10",
            "limit_per_day_amount": f"{PAYMENT_TOKEN}=5",
        }
    )
    database = world.runtime.database
    first = await policy_changes.adopt_environment(database, asked)
    assert first is not None
    assert read_content(first.content) == policies.of_settings(asked)
    assert await policy_changes.adopt_environment(database, settings) is None
    async with database.unit_of_work() as work:
        trail = (await work.audit_entries.find(action="policy.changed")).items
    assert [(entry.after or {})["number"] for entry in trail] == [1]
    assert trail[0].actor_name == CREATOR.name
    small, large = await world.plan("9"), await world.plan("10")
    assert [await count_of(world, each) for each in (small, large)] == [ApprovalCount(0, 0), ApprovalCount(0, 2)]


async def test_an_asset_has_a_policy_of_its_own_beside_the_installations(world: World) -> None:
    await people(world, [Role.ADMIN] * 3)
    asset = (await world.plan("1")).asset_id
    await Control(world.runtime).change_policy(GUARDED, str(asset))
    dividend: Distribution = await world.plan("100")
    assert await count_of(world, dividend) == ApprovalCount(0, 1)
    await approve(world, dividend, BEN)
    await world.execute(dividend.id)
