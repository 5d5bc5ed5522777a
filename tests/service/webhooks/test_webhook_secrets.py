"""Webhooks' secrets are kept sealed, and every delivery is signed with its own."""

import json
import logging
import stat
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import URL

from masspayout.db.repositories import Webhooks
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.service import sealing
from masspayout.service.webhooks.deliveries import signature
from masspayout.settings import Settings
from payouts import World
from web_targets import answer
from webhook_deliveries import add, deliver


async def test_secrets_are_nowhere_in_clear(
    world: World, servers: AsyncExitStack, database_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, _, secret = await add(world, servers, answer(500))
    await world.plan("100")
    await deliver(world)
    async with world.runtime.database.unit_of_work() as session:
        (webhook,) = (await Webhooks(session).find_all()).items
    stored = json.dumps([webhook.sealed_secret, webhook.url, webhook.events])
    assert secret not in stored
    assert secret.removeprefix("whsec_") not in stored + caplog.text
    assert sealing.unseal(world.runtime.settings, webhook.sealed_secret) == secret


def test_the_key_is_made_once_and_only_its_owner_reads_it(settings: Settings) -> None:
    sealed = sealing.seal(settings, "secret")
    key_file = settings.data_dir / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret.key"]
    assert sealing.unseal(settings, sealed) == "secret"


def test_another_key_opens_nothing_and_says_so(settings: Settings) -> None:
    ours = settings.model_copy(update={"secret_key": SecretStr("a key of sixteen characters")})
    theirs = settings.model_copy(update={"secret_key": SecretStr("another key of sixteen chars")})
    sealed = sealing.seal(ours, "secret")
    assert sealing.unseal(ours, sealed) == "secret"
    with pytest.raises(Conflict, match="encrypted with another key"):
        sealing.unseal(theirs, sealed)
    with pytest.raises(Invalid, match="5 characters"):
        sealing.seal(settings.model_copy(update={"secret_key": SecretStr("short")}), "secret")


@given(body=st.binary(max_size=200), timestamp=st.integers(0, 2**33))
def test_every_change_of_a_signed_delivery_changes_its_signature(body: bytes, timestamp: int) -> None:
    secret = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE="
    signed = signature(secret, "id", timestamp, body)
    assert signed != signature(secret, "id", timestamp, body + b" ")
    assert signed != signature(secret, "id", timestamp + 1, body)
    assert signed != signature(secret, "other", timestamp, body)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's reference libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected
