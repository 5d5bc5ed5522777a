"""One person, one user: names that people share, accounts that are one person's, and tokens that are their user's."""

from datetime import UTC, datetime

import pytest

from approving import approve, count_of
from masspayout.db.entities import User
from masspayout.db.session import Database
from masspayout.kernel.actors import Actor, ActorKind
from masspayout.kernel.errors import Conflict, Invalid, NotAuthenticated
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.service.access.sessions import WayIn, begin_session
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

PASSWORD = "correct horse battery staple"
ISSUER = "https://login.example.com"


async def add(database: Database, name: str, role: Role = Role.APPROVER, subject: str | None = None) -> User:
    async with database.unit_of_work() as work:
        if subject is None:
            return await access.add_user(work, name, role=role, password=PASSWORD)
        user = await work.users.add(User(name=name, role=role, oidc_issuer=ISSUER, oidc_subject=subject))
        assert user is not None
        return user


async def find(database: Database, name: str) -> User:
    async with database.unit_of_work() as work:
        return await access.find_user(work, name)


async def connect(database: Database, name: str, subject: str, issuer: str = ISSUER) -> User | None:
    async with database.unit_of_work() as work:
        former, _ = await access.connect(work, await access.find_user(work, name), issuer, subject)
        return former


async def test_a_user_has_another_name_and_stays_the_same(database: Database, settings: Settings) -> None:
    user = await add(database, "ana")
    await add(database, "ben")
    async with database.unit_of_work() as work:
        found = await access.find_user(work, "ana")
        await access.rename(work, found, "  María   O'NEIL ")
        with pytest.raises(Conflict, match="There is a user 'ben' already"):
            await access.rename(work, found, "Ben")
        for wrong in ("", "x" * 101, "a\u202eb", "a\x00b", "--"):
            with pytest.raises(Invalid):
                await access.rename(work, found, wrong)
    identity, _ = await access.log_in(database, settings, "maría o'neil", PASSWORD)
    assert (identity.id, identity.name) == (user.id, "maría o'neil")
    async with database.unit_of_work() as work:
        (entry,) = (await work.audit_entries.find(action="user.changed")).items
    assert (entry.before, entry.after) == ({"name": "ana"}, {"name": "maría o'neil"})


async def test_a_user_is_connected_with_a_subject_and_with_another_one(database: Database) -> None:
    await add(database, "ana")
    assert await connect(database, "ana", "1") is None
    with pytest.raises(Conflict, match="already"):
        await connect(database, "ana", "1")
    with pytest.raises(Invalid):
        await connect(database, "ana", "")
    assert await connect(database, "ana", "2", "https://new.example.com") is None
    ana = await find(database, "ana")
    assert (ana.oidc_issuer, ana.oidc_subject) == ("https://new.example.com", "2")
    async with database.unit_of_work() as work:
        entry = (await work.audit_entries.find(action="user.connected")).items[0]
    assert entry.before == {"oidc_issuer": ISSUER, "oidc_subject": "1"}


async def test_two_accounts_of_a_person_count_once(database: Database, settings: Settings) -> None:
    runtime = make_runtime(database, settings.model_copy(update={"approvals_required": 2}))
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    local, provided = await add(database, "ana"), await add(database, "ana@example.com", subject="1")
    dividend, other, own = [await world.plan("100") for _ in range(3)]
    for user in (local, provided):
        await approve(world, dividend, _actor(user))
    await approve(world, other, _actor(provided))
    assert (await count_of(world, dividend)) == ApprovalCount(given=2, required=2)
    former = await connect(database, "ana", "1")
    assert former is not None
    assert (former.name, former.disabled, former.oidc_subject) == ("ana@example.com", True, None)
    assert (await count_of(world, dividend)) == ApprovalCount(given=1, required=2)
    with pytest.raises(Conflict, match="You approved payout"):
        await approve(world, other, _actor(local))
    # Were the second account activated again, it would still be the same person.
    async with database.unit_of_work() as work:
        await access.set_disabled(work, await access.find_user(work, "ana@example.com"), disabled=False)
        user = await access.find_user(work, "ana@example.com")
        identity, _ = await begin_session(work, settings, user, None, WayIn.PROVIDER)
    assert identity.actor(None).person == _actor(local).person
    with pytest.raises(Conflict, match="You approved payout"):
        await approve(world, other, identity.actor(None))
    await approve(world, own, identity.actor(None))
    with pytest.raises(Conflict, match="You approved payout"):
        await approve(world, own, _actor(local))
    await runtime.ledger.close()


async def test_who_created_a_payout_by_one_account_approves_it_by_none(database: Database, settings: Settings) -> None:
    runtime = make_runtime(database, settings.model_copy(update={"approvals_required": 1}))
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    local, provided = await add(database, "ana"), await add(database, "ana@example.com", subject="1")
    dividend = await world.plan("100")
    async with database.unit_of_work() as work:
        found = await work.distributions.get(dividend.id)
        found.created_by = _actor(provided).person
        await work.distributions.save(found)
    await approve(world, dividend, _actor(local))
    assert (await count_of(world, dividend)) == ApprovalCount(given=1, required=1)
    await connect(database, "ana", "1")
    assert (await count_of(world, dividend)) == ApprovalCount(given=0, required=1)
    await runtime.ledger.close()


def _actor(user: User) -> Actor:
    return Actor(ActorKind.USER, str(user.id), user.name)


@pytest.mark.parametrize("role", list(Role))
async def test_a_token_may_no_more_than_its_user(database: Database, role: Role) -> None:
    user = await add(database, "ana", Role.ADMIN)
    async with database.unit_of_work() as work:
        _, text = await access.create_token(work, "program", role=Role.APPROVER, owner_id=user.id)
        await access.set_role(work, await access.find_user(work, "ana"), role)
    identity = await access.authenticate_token(database, text)
    assert identity.role is min(role, Role.APPROVER, key=list(Role).index)


async def test_a_user_whose_role_was_withdrawn_comes_in_in_no_way_until_somebody_gives_one(
    database: Database, settings: Settings
) -> None:
    user = await add(database, "ana")
    _, cookie = await access.log_in(database, settings, "ana", PASSWORD)
    async with database.unit_of_work() as work:
        link, _ = await access.make_login_link(work, user)
        found = await access.find_user(work, "ana")
        found.role_withdrawn_at = datetime.now(UTC)
        await work.users.save(found)
    with pytest.raises(NotAuthenticated):
        await access.find_session(database, cookie)
    with pytest.raises(NotAuthenticated):
        await access.log_in(database, settings, "ana", PASSWORD)
    with pytest.raises(NotAuthenticated):
        await access.log_in_by_link(database, settings, link)
    async with database.unit_of_work() as work:
        await access.set_role(work, await access.find_user(work, "ana"), Role.APPROVER)
    await access.log_in(database, settings, "ana", PASSWORD)


async def test_the_local_admin_is_nobody_of_the_provider(database: Database) -> None:
    person = await add(database, "root", Role.VIEWER, subject="1")
    async with database.unit_of_work() as work:
        admin = await access.local_admin(work, "root")
        assert (admin.name, admin.role, admin.id == person.id) == ("root-local", Role.ADMIN, False)
        assert (await access.local_admin(work, "root")).id == admin.id
    await connect(database, "root-local", "2")
    async with database.unit_of_work() as work:
        with pytest.raises(Conflict, match="signs in through a provider"):
            await access.local_admin(work, "root")
