"""In a guarded installation nobody makes an identity alone: each is of use once another person approved it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from masspayout.app.control import Control
from masspayout.context import Context
from masspayout.db.entities import Policy, Proposal, ProposalState, User
from masspayout.db.session import Database
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, Forbidden, NotAuthenticated
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.service.access.oidc.people import Subject, follow_provider, require_enabled
from masspayout.settings import Settings
from payouts import make_runtime

PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "another long sentence of words"


@pytest.fixture
def runtime(database: Database, settings: Settings) -> Context:
    return make_runtime(database, settings)


@pytest.fixture
async def people(runtime: Context) -> tuple[Actor, Actor]:
    """Two administrators, and from then on a guarded policy."""
    made = []
    async with runtime.database.unit_of_work() as work:
        for name in ("ana", "ben"):
            user = await access.add_user(work, name, role=Role.ADMIN, password=PASSWORD)
            made.append(Actor(ActorKind.USER, str(user.id), name))
        content = {"mode": "guarded", "approvals": 1}
        await work.policies.lock()
        await work.policies.add(
            Policy(content=content, made_by="USER:0", made_by_name="dora", made_at=datetime.now(UTC))
        )
    return made[0], made[1]


async def open_proposal(runtime: Context) -> Proposal:
    (found,) = await Control(runtime).list_proposals(ProposalState.OPEN)
    return found


async def approve(runtime: Context, people: tuple[Actor, Actor]) -> None:
    """Have the one approve of what is open who did not make it; the other is refused."""
    control, proposal = Control(runtime), await open_proposal(runtime)
    with acting_as(people[0]), pytest.raises(Conflict, match="another person"):
        await control.approve_proposal(proposal.id)
    with acting_as(people[1]):
        await control.approve_proposal(proposal.id)


async def test_a_new_user_signs_in_once_another_person_approved(runtime: Context, people: tuple[Actor, Actor]) -> None:
    database, settings = runtime.database, runtime.settings
    with acting_as(people[0]):
        async with database.unit_of_work() as work:
            await access.add_user(work, "mallory", role=Role.APPROVER, password=PASSWORD)
    with pytest.raises(NotAuthenticated):
        await access.log_in(database, settings, "mallory", PASSWORD)
    await approve(runtime, people)
    identity, _ = await access.log_in(database, settings, "mallory", PASSWORD)
    assert identity.role is Role.APPROVER


async def test_the_first_user_of_all_needs_nobody(runtime: Context) -> None:
    async with runtime.database.unit_of_work() as work:
        await work.policies.lock()
        content: dict[str, Any] = {"mode": "guarded", "approvals": 1}
        await work.policies.add(Policy(content=content, made_by="a", made_by_name="a", made_at=datetime.now(UTC)))
        first = await access.add_user(work, "ana", role=Role.ADMIN, password=PASSWORD)
        second = await access.add_user(work, "ben", role=Role.ADMIN, password=PASSWORD)
    assert (first.disabled, second.disabled) == (False, True)


async def find(runtime: Context, name: str) -> User:
    async with runtime.database.unit_of_work() as work:
        return await access.find_user(work, name)


async def test_roles_and_passwords_change_once_another_person_approved(
    runtime: Context, people: tuple[Actor, Actor]
) -> None:
    database, settings = runtime.database, runtime.settings
    with acting_as(people[0]):
        async with database.unit_of_work() as work:
            assert await access.set_role(work, await access.find_user(work, "ben"), Role.VIEWER) is not None
    assert (await find(runtime, "ben")).role is Role.ADMIN
    await approve(runtime, people)
    assert (await find(runtime, "ben")).role is Role.VIEWER

    with acting_as(people[0]):
        async with database.unit_of_work() as work:
            await access.set_password(work, await access.find_user(work, "ben"), OTHER_PASSWORD)
    with pytest.raises(NotAuthenticated):
        await access.log_in(database, settings, "ben", OTHER_PASSWORD)
    async with database.unit_of_work() as work:
        (made,) = [
            entry
            for entry in (await work.audit_entries.find(action="proposal.made")).items
            if (entry.after or {})["kind"] == "password"
        ]
    assert "argon2" not in str(made.after)
    await approve(runtime, people)
    await access.log_in(database, settings, "ben", OTHER_PASSWORD)


async def test_a_token_works_once_another_person_approved(runtime: Context, people: tuple[Actor, Actor]) -> None:
    owner = await find(runtime, "ana")
    with acting_as(people[0]):
        async with runtime.database.unit_of_work() as work:
            _, text = await access.create_token(
                work, "nightly", role=Role.OPERATOR, owner_id=owner.id, expires_in=timedelta(days=2)
            )
    with pytest.raises(NotAuthenticated, match="once another person approves"):
        await access.authenticate_token(runtime.database, text)
    await approve(runtime, people)
    identity = await access.authenticate_token(runtime.database, text)
    assert identity.expires_at is not None
    assert timedelta(days=1) < identity.expires_at - datetime.now(UTC) <= timedelta(days=2)


async def test_a_link_works_once_another_person_approved(runtime: Context, people: tuple[Actor, Actor]) -> None:
    database, settings = runtime.database, runtime.settings
    with acting_as(people[0]):
        async with database.unit_of_work() as work:
            secret, proposal = await access.make_login_link(work, await access.find_user(work, "ben"))
    assert proposal is not None
    with pytest.raises(NotAuthenticated):
        await access.log_in_by_link(database, settings, secret)
    await approve(runtime, people)
    identity, _ = await access.log_in_by_link(database, settings, secret)
    assert (identity.name, identity.is_by_link) == ("ben", True)


async def test_who_is_disabled_is_so_at_once_and_enabled_by_two(runtime: Context, people: tuple[Actor, Actor]) -> None:
    with acting_as(people[0]):
        async with runtime.database.unit_of_work() as work:
            user = await access.find_user(work, "ben")
            assert await access.set_disabled(work, user, disabled=True) is None
        async with runtime.database.unit_of_work() as work:
            assert await access.set_disabled(work, await access.find_user(work, "ben"), disabled=False) is not None
    assert (await find(runtime, "ben")).disabled
    await approve(runtime, people)
    assert not (await find(runtime, "ben")).disabled


async def test_another_name_and_a_provider_take_another_person(runtime: Context, people: tuple[Actor, Actor]) -> None:
    with acting_as(people[0]):
        async with runtime.database.unit_of_work() as work:
            assert await access.rename(work, await access.find_user(work, "ben"), "treasurer") is not None
    assert (await find(runtime, "ben")).name == "ben"
    await approve(runtime, people)
    renamed = await find(runtime, "treasurer")

    with acting_as(people[0]):
        async with runtime.database.unit_of_work() as work:
            user = await access.find_user(work, "treasurer")
            former, proposal = await access.connect(work, user, "https://id.example.com", "42")
    assert (former, proposal is not None, (await find(runtime, "treasurer")).oidc_subject) == (None, True, None)
    await approve(runtime, people)
    found = await find(runtime, "treasurer")
    assert (found.id, found.oidc_subject) == (renamed.id, "42")


async def test_whom_a_provider_brings_waits_for_approval(runtime: Context, people: tuple[Actor, Actor]) -> None:
    person = Subject("https://id.example.com", "7", ("mallory",))

    async def sign_in(role: Role) -> User:
        async with runtime.database.unit_of_work() as work:
            user = await follow_provider(work, person, role, None)
        assert user is not None
        return user

    assert [(await sign_in(Role.OPERATOR)).disabled, (await sign_in(Role.OPERATOR)).disabled] == [True, True]
    async with runtime.database.unit_of_work() as work:
        with pytest.raises(Forbidden, match="waits for the approval of another person"):
            await require_enabled(work, await access.find_user(work, "mallory"))
    await approve_as(runtime, people[0])
    enabled = await sign_in(Role.OPERATOR)
    assert (enabled.disabled, enabled.role) == (False, Role.OPERATOR)

    # The provider may take away at once, and give nothing by itself.
    assert [(await sign_in(role)).role for role in (Role.ADMIN, Role.ADMIN, Role.VIEWER)] == [
        Role.OPERATOR,
        Role.OPERATOR,
        Role.VIEWER,
    ]
    proposal = await open_proposal(runtime)
    assert (proposal.kind, proposal.after) == ("role", {"role": "admin"})


async def approve_as(runtime: Context, person: Actor) -> None:
    with acting_as(person):
        await Control(runtime).approve_proposal((await open_proposal(runtime)).id)
