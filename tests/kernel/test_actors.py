"""Who acts goes with the task, and is the system where nobody was named."""

import asyncio
import os
import pwd
import uuid

import pytest

from masspayout.kernel.actors import SYSTEM, Actor, ActorKind, acting_as, current_actor, operating_system_user, system

ANA = Actor(ActorKind.USER, "1", "ana", "192.0.2.7")
BEN = Actor(ActorKind.USER, "2", "ben")


def test_the_system_acts_where_nobody_is_named() -> None:
    assert current_actor() is SYSTEM
    assert system().person == SYSTEM.person
    assert SYSTEM.approval_refusal is not None


def test_somebody_acts_until_the_block_ends_however_it_ends() -> None:
    def fail() -> None:
        assert current_actor() is BEN
        raise KeyError

    with acting_as(ANA):
        with pytest.raises(KeyError), acting_as(BEN):
            fail()
        assert current_actor() is ANA
    assert current_actor() is SYSTEM


async def test_tasks_side_by_side_act_for_their_own() -> None:
    async def ask_after_a_pause() -> Actor:
        await asyncio.sleep(0)
        return current_actor()

    async def act(actor: Actor) -> tuple[Actor, Actor]:
        with acting_as(actor):
            return await ask_after_a_pause(), await asyncio.create_task(ask_after_a_pause())

    assert tuple(await asyncio.gather(act(ANA), act(BEN))) == ((ANA, ANA), (BEN, BEN))


def test_the_operating_system_says_who_types_and_the_environment_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    actor = operating_system_user()
    assert (actor.kind, actor.id) == (ActorKind.COMMAND_LINE, pwd.getpwuid(os.geteuid()).pw_name)
    assert str(actor) == f"{actor.name} (command line)"


def test_a_user_and_the_tokens_of_that_user_are_one_person() -> None:
    token = Actor(ActorKind.TOKEN, str(uuid.uuid4()), "nightly export", owner_id=ANA.id)
    nobodys = Actor(ActorKind.TOKEN, str(uuid.uuid4()), "treasury system")
    assert token.person == ANA.person
    assert len({ANA.person, BEN.person, nobodys.person, SYSTEM.person}) == 4
