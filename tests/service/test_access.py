"""Who comes in, as whom, and who does not."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from databases import run_sql
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import User
from masspayout.db.session import Database
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, Forbidden, Invalid, NotAuthenticated, NotFound, TooManyRequests
from masspayout.kernel.roles import Permission, Role
from masspayout.service import access
from masspayout.service.access.secrets import SecretKind, matches, new_secret, prefix_of
from masspayout.settings import Settings

PASSWORD = "correct horse battery staple"


async def add(
    database: Database, name: str = "ana", role: Role = Role.OPERATOR, password: str | None = PASSWORD
) -> User:
    async with database.unit_of_work() as session:
        return await access.add_user(session, name, role=role, password=password)


async def make_token(
    database: Database, role: Role = Role.OPERATOR, expires_in: timedelta | None = None, owner: User | None = None
) -> str:
    owner = owner or await add(database, "the-owner", role=role, password=None)
    async with database.unit_of_work() as session:
        _, text = await access.create_token(session, "treasury", role=role, expires_in=expires_in, owner_id=owner.id)
        return text


def everything_stored(url: URL) -> str:
    """Every value of every table, as text."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(
            str(row) for (table,) in tables for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()
        )


@pytest.fixture
def long_pauses(database_url: URL) -> None:
    """Let whoever failed too often wait for an hour more: the first pause is a second, which is over in no time."""
    run_sql(
        database_url,
        """CREATE FUNCTION wait_longer() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN NEW.blocked_until := NEW.blocked_until + interval '1 hour'; RETURN NEW; END $$""",
        """CREATE TRIGGER wait_longer BEFORE UPDATE ON login_throttle FOR EACH ROW
           WHEN (NEW.blocked_until > now()) EXECUTE FUNCTION wait_longer()""",
    )


def test_each_role_may_do_all_that_the_one_before_it_may() -> None:
    roles = list(Role)
    for lesser, greater in pairwise(roles):
        assert greater.covers(lesser)
        assert not lesser.covers(greater)
    assert Role.ADMIN.permissions == set(Permission)


def test_a_viewer_changes_nothing_and_an_operator_neither_approves_nor_lets_others_in() -> None:
    assert Role.VIEWER.permissions == {Permission.VIEW}
    assert not Role.OPERATOR.permissions & {Permission.APPROVE, Permission.MANAGE_ACCESS, Permission.VIEW_AUDIT}


@given(st.text(max_size=100), st.sampled_from(SecretKind))
def test_no_other_text_is_taken_for_a_secret(text: str, kind: SecretKind) -> None:
    assert prefix_of(text, kind) is None


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_is_found_by_its_prefix_and_told_by_its_digest(kind: SecretKind) -> None:
    secret = new_secret(kind)
    assert prefix_of(secret.text, kind) == secret.prefix
    assert matches(secret.text, secret.digest)


async def test_a_token_lets_in_until_it_is_revoked(database: Database, database_url: URL) -> None:
    text = await make_token(database, Role.APPROVER)
    identity = await access.authenticate_token(database, text)
    assert (identity.kind, identity.name, identity.role) == (ActorKind.TOKEN, "treasury", Role.APPROVER)
    assert text not in everything_stored(database_url)
    async with database.unit_of_work() as session:
        token = await access.find_token(session, str(identity.id))
        assert token.last_used_at is not None
        await access.revoke_token(session, token)
    with pytest.raises(NotAuthenticated, match="revoked"):
        await access.authenticate_token(database, text)
    async with database.unit_of_work() as session:
        with pytest.raises(Conflict, match="revoked already"):
            await access.revoke_token(session, await access.find_token(session, token.prefix))


async def test_a_token_expires(database: Database, database_url: URL) -> None:
    text = await make_token(database, expires_in=timedelta(days=1))
    await access.authenticate_token(database, text)
    run_sql(database_url, "UPDATE api_token SET expires_at = now() - interval '1 second'")
    with pytest.raises(NotAuthenticated, match="expired"):
        await access.authenticate_token(database, text)


async def test_a_token_with_the_right_prefix_and_another_secret_is_none(database: Database) -> None:
    text = await make_token(database)
    other = text[:-3] + ("abc" if not text.endswith("abc") else "xyz")
    for wrong in (other, text[:-1], text.upper(), "", "Bearer", text.replace("mpt_", "mps_")):
        with pytest.raises(NotAuthenticated):
            await access.authenticate_token(database, wrong)


async def test_a_token_goes_with_its_user(database: Database) -> None:
    user = await add(database)
    text = await make_token(database, owner=user)
    actor = (await access.authenticate_token(database, text)).actor("192.0.2.7")
    assert actor.person == f"USER:{user.id}"
    async with database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, "ana"), disabled=True)
    with pytest.raises(NotAuthenticated, match="disabled"):
        await access.authenticate_token(database, text)


async def test_a_token_never_may_more_than_its_owner_may_now(database: Database, database_url: URL) -> None:
    owner = await add(database, role=Role.ADMIN)
    text = await make_token(database, Role.ADMIN, owner=owner)
    assert (await access.authenticate_token(database, text)).role is Role.ADMIN
    async with database.unit_of_work() as session:
        await access.set_role(session, await access.find_user(session, "ana"), Role.OPERATOR)
    identity = await access.authenticate_token(database, text)
    assert identity.role is Role.OPERATOR
    with pytest.raises(Forbidden, match="managing users and tokens needs the role admin"):
        identity.require(Permission.MANAGE_ACCESS)
    async with database.unit_of_work() as session:
        with pytest.raises(Invalid, match="ana has the role operator"):
            await access.create_token(session, "more", role=Role.APPROVER, owner_id=owner.id)
        with pytest.raises(Invalid, match="without an owner only reads"):
            await access.create_token(session, "more", role=Role.OPERATOR)
        await access.create_token(session, "reads", role=Role.VIEWER)
    run_sql(database_url, "UPDATE api_token SET owner_id = NULL")  # as earlier versions made them
    assert (await access.authenticate_token(database, text)).role is Role.VIEWER


async def test_whoever_came_by_a_link_is_on_record_and_approves_nothing(database: Database, settings: Settings) -> None:
    user = await add(database, role=Role.APPROVER)
    admin = Actor(ActorKind.USER, "1", "ada")
    with acting_as(admin):
        async with database.unit_of_work() as session:
            link, _ = await access.make_login_link(session, user)
    by_link, cookie = await access.log_in_by_link(database, settings, link)
    assert (await access.find_session(database, cookie)) == by_link
    assert "signed in with a link" in str(by_link.actor(None).approval_refusal)
    by_password, _ = await access.log_in(database, settings, "ana", PASSWORD)
    assert by_password.actor(None).approval_refusal is None
    async with database.unit_of_work() as session:
        made = (await session.audit_entries.find(action="user.link_made")).items
    assert [(entry.actor_name, entry.subject_id, (entry.after or {})["name"]) for entry in made] == [
        ("ada", str(user.id), "ana")
    ]


@pytest.mark.parametrize(("name", "life"), [("", 1), ("x" * 101, 1), ("a\nb", 1), ("fine", 0), ("fine", 4000)])
async def test_a_token_needs_a_name_and_a_sensible_life(database: Database, name: str, life: int) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(Invalid):
            await access.create_token(session, name, role=Role.VIEWER, expires_in=timedelta(days=life))


async def test_a_user_logs_in_and_out(database: Database, database_url: URL, settings: Settings) -> None:
    await add(database, "Ana ")
    identity, cookie = await access.log_in(database, settings, " ANA", PASSWORD, source_address="192.0.2.7")
    found = await access.find_session(database, cookie)
    assert found == identity
    assert (found.name, found.role, found.kind) == ("ana", Role.OPERATOR, ActorKind.USER)
    stored = everything_stored(database_url)
    assert cookie not in stored
    assert PASSWORD not in stored
    await access.log_out(database, identity)
    with pytest.raises(NotAuthenticated, match="expired"):
        await access.find_session(database, cookie)


async def test_a_changed_password_ends_sessions_and_a_changed_role_counts_at_once(
    database: Database, settings: Settings
) -> None:
    await add(database)
    _, cookie = await access.log_in(database, settings, "ana", PASSWORD)
    async with database.unit_of_work() as session:
        await access.set_role(session, await access.find_user(session, "ana"), Role.VIEWER)
    with pytest.raises(Forbidden, match=r"has the role viewer; executing payouts needs the role operator"):
        (await access.find_session(database, cookie)).require(Permission.PAY)
    async with database.unit_of_work() as session:
        await access.set_password(session, await access.find_user(session, "ana"), "another long sentence")
    with pytest.raises(NotAuthenticated):
        await access.find_session(database, cookie)
    with pytest.raises(NotAuthenticated):
        await access.log_in(database, settings, "ana", PASSWORD)
    await access.log_in(database, settings, "ana", "another long sentence")


async def test_who_fails_too_often_waits_and_nobody_learns_which_names_there_are(
    database: Database, database_url: URL, settings: Settings, long_pauses: None
) -> None:
    await add(database)
    for name in ("ana", "nobody"):
        sentences = set()
        for _ in range(5):
            with pytest.raises(NotAuthenticated) as refusal:
                await access.log_in(database, settings, name, "wrong")
            sentences.add(str(refusal.value))
        assert len(sentences) == 1
        with pytest.raises(TooManyRequests) as throttled:
            await access.log_in(database, settings, name, PASSWORD)
        assert throttled.value.retry_after_seconds >= 1
    assert "nobody" not in everything_stored(database_url)
    run_sql(database_url, "UPDATE login_throttle SET blocked_until = now() - interval '1 second'")
    await access.log_in(database, settings, "ana", PASSWORD)
    with pytest.raises(NotAuthenticated):
        await access.log_in(database, settings, "ana", "wrong")


async def test_guesses_side_by_side_are_counted_too(database: Database, settings: Settings, long_pauses: None) -> None:
    await add(database)
    guesses = [access.log_in(database, settings, "ana", f"guess number {number}") for number in range(12)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(outcome, NotAuthenticated) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) == 7


async def test_a_login_link_works_once(database: Database, database_url: URL, settings: Settings) -> None:
    user = await add(database, password=None)
    async with database.unit_of_work() as session:
        link, _ = await access.make_login_link(session, user)
        late, _ = await access.make_login_link(session, user)
    assert link not in everything_stored(database_url)
    outcomes = await asyncio.gather(
        *(access.log_in_by_link(database, settings, link) for _ in range(3)), return_exceptions=True
    )
    authenticated = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert [identity.name for identity, _ in authenticated] == ["ana"]
    run_sql(database_url, "UPDATE login_link SET expires_at = now() - interval '1 second' WHERE used_at IS NULL")
    for stale in (link, late, "", "mpl_0_0", authenticated[0][1]):
        with pytest.raises(NotAuthenticated, match="used already"):
            await access.log_in_by_link(database, settings, stale)


async def test_a_session_ends_by_itself(database: Database, database_url: URL, settings: Settings) -> None:
    await add(database)
    _, cookie = await access.log_in(database, settings, "ana", PASSWORD)
    run_sql(database_url, "UPDATE login_session SET expires_at = now() - interval '1 second'")
    with pytest.raises(NotAuthenticated, match="expired"):
        await access.find_session(database, cookie)


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "ü", "a" * 101, "a\nb", "a\0b"])
async def test_some_names_are_none(database: Database, name: str) -> None:
    with pytest.raises(Invalid, match="no name"):
        await add(database, name)


@pytest.mark.parametrize("password", ["", "short", "a" * 12, "abababababab", "anaanaanaana", "x" * 1001])
async def test_some_passwords_are_too_easy(database: Database, password: str) -> None:
    with pytest.raises(Invalid):
        await add(database, "anaanaanaana", password=password)
    async with database.unit_of_work() as session:
        with pytest.raises(NotFound):
            await access.find_user(session, "anaanaanaana")


async def test_a_name_is_taken_once(database: Database) -> None:
    await add(database)
    with pytest.raises(Conflict, match="already"):
        await add(database, "ANA")


async def test_it_is_known_whether_anybody_can_come_in(database: Database) -> None:
    async def can() -> bool:
        async with database.unit_of_work() as session:
            return await access.can_anybody_come_in(session)

    assert not await can()
    await add(database, "by-link", password=None)
    assert not await can()
    user = await add(database)
    assert await can()
    async with database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, user.name), disabled=True)
    assert not await can()
    await make_token(database)
    assert await can()
