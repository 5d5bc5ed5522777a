"""A whole dividend on Hedera from the command line: imported, planned, paid, proven; and a list in HBAR."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine
from hedera_network import EmulatedNetwork, Faults
from hedera_worlds import PAYER, PAYER_KEY, build_world
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, accounts

HOLDERS = [(account, 100) for account in accounts(30)]


def test_a_dividend_is_paid_on_a_bad_day(
    tmp_path: Path, database_url: URL, command_line_on: Callable[[URL], CommandLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmulatedNetwork.start(tmp_path) as network:
        build_world(network, HOLDERS)
        network.set_faults(Faults(lose_answer_percent=30, duplicate_percent=50, busy_percent=20, lying_nodes=(4,)))
        for name, value in {**network.settings(), "payer_account_id": PAYER, "payer_key": PAYER_KEY}.items():
            monkeypatch.setenv(name.upper(), value)
        monkeypatch.setenv("HEDERA_DEATH_MARGIN_SECONDS", "2")
        masspayout = command_line_on(database_url)

        imported = masspayout("asset", "import", ASSET_TOKEN, "--payment-token", PAYMENT_TOKEN, "--json")
        assert imported.status == 0, imported.err
        dividend = masspayout(
            "distribution", "create", ASSET_TOKEN, "--payout", "PERCENTAGE", "--amount", "300", "--json"
        )
        monkeypatch.setenv("PREFLIGHT_CLOSE_LOOKS", "10")
        seen = masspayout("distribution", "preview", dividend.id)
        assert "10 of 30 accounts were checked for whether they can receive it" in seen.out, seen
        paid = masspayout("distribution", "execute", dividend.id, "--wait")
        assert paid.status == 0, paid
        assert "COMPLETED: 30 of 30 holders paid" in paid.out
        network.clock.advance(5)  # mirror nodes are trusted up to a margin before their newest block
        assert masspayout("reconcile", dividend.id).status == 0
        assert network.operator.balances(PAYMENT_TOKEN) == {
            PAYER: 10**12 - 300 * 10**6,
            **{account: 10 * 10**6 for account, _ in HOLDERS},
        }

        network.operator.take_snapshot()  # the HBAR of the payer is compared with its statement
        Path("list.csv").write_text("account_id,amount\n0.0.20000,1.5\n0.0.20001,0.00000001\n")
        assert masspayout("pay", "list.csv", "--payment-token", "0.0.0").status == 0
        assert network.operator.account("0.0.20000").tinybars - network.operator.account("0.0.20002").tinybars == (
            150_000_000
        )
