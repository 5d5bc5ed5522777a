"""A small world to pay in on the emulated Hedera network: an asset with holders, a payment token, a funded payer."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from hiero_sdk_python.crypto.private_key import PrivateKey
from pydantic import SecretStr
from sqlalchemy import URL

from hedera_network import EmulatedNetwork, NetworkClock
from hedera_network.wallet import public_key_of
from lost_commits import is_in_doubt
from masspayout.kernel.movements import StatementPage
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.port import Outcome, Undecided
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN

PAYER = "0.0.1001"
PAYER_KEY = "302e020100300506032b657004220420" + "11" * 32
FUNDS_UNITS = 10**12

# Real clocks differ by some seconds from the network's, in either direction.
_SKEW_SECONDS = 5

# How much of the network's time passes whenever somebody has looked in vain, instead of a pause.
_PASSING_SECONDS = 20

# How much passes whenever the statement of a payer in doubt is read.
_DOUBTFUL_SECONDS = 3_600


def build_world(network: EmulatedNetwork, holders: Sequence[tuple[str, int]]) -> None:
    """Make the same world on a fresh network every time."""
    operator = network.operator
    operator.create_account(public_key_of(PrivateKey.from_string_der(PAYER_KEY)), account_id=PAYER)
    for account, _ in holders:
        operator.create_account(account_id=account)
    operator.create_token(dict(holders), token_id=ASSET_TOKEN, name="Green Bond", symbol="GRB")
    operator.create_token(
        dict.fromkeys((PAYER, *(account for account, _ in holders)), 0),
        token_id=PAYMENT_TOKEN,
        name="Test Dollar",
        symbol="TUSD",
        decimals=6,
    )
    operator.fund(PAYMENT_TOKEN, PAYER, FUNDS_UNITS)


def world_settings(network: EmulatedNetwork, directory: Path, **more: Any) -> Settings:
    """Return the settings that lead to a network; its clock is found in the directory."""
    terms: dict[str, Any] = {
        **network.settings(),
        "payer_account_id": PAYER,
        "payer_key": SecretStr(PAYER_KEY),
        "data_dir": directory,
    }
    return Settings(_env_file=None, **terms, **more)  # type: ignore[call-arg]


class ImpatientLedger(HederaLedger):
    """Lets the network's time pass instead of waiting: minutes of doubt are over in a moment."""

    def __init__(self, settings: Settings, clock: NetworkClock, url: URL) -> None:
        super().__init__(settings, clock=clock.now_nanos)
        self._network_clock = clock
        self._our_url = url
        # A mirror node that could not answer is asked again at once, instead of after seconds.
        self._transport._sleep = _no_pause

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        if is_in_doubt(self._our_url):
            self._network_clock.advance(_DOUBTFUL_SECONDS)
        async for page in super().statement(payer_account_id, after=after):
            yield page

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        outcome = await super().outcome(transaction_id, signed_bytes)
        if isinstance(outcome, Undecided):
            self._network_clock.advance(_PASSING_SECONDS)
        return outcome


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)


def open_ledger(url: URL, settings: Settings) -> ImpatientLedger:
    """Open the ledger in any process, with a clock that is some seconds off."""
    skew_seconds = _SKEW_SECONDS if os.getpid() % 2 else -_SKEW_SECONDS
    return ImpatientLedger(settings, NetworkClock(settings.data_dir / "network-clock", skew_seconds=skew_seconds), url)
