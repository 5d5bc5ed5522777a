"""The ground that the tests of EVM chains stand on."""

import json
from pathlib import Path

from anvil import TOOLS, Anvil, running_anvil

RICH_WEI = 10_000 * 10**18


def test_a_node_runs_with_rich_accounts(anvil: Anvil) -> None:
    assert [int(anvil.call("eth_getBalance", account, "latest"), 16) for account in anvil.accounts] == [RICH_WEI] * 10


def test_a_chain_can_be_kept_and_taken_up_again(anvil: Anvil, tmp_path: Path) -> None:
    anvil.call("evm_mine")
    kept = tmp_path / "state"
    with running_anvil(tmp_path / "first", "--dump-state", str(kept)) as first:
        first.call("anvil_setBalance", first.accounts[0], "0x7")
    with running_anvil(tmp_path / "second", "--load-state", str(kept)) as second:
        assert second.call("eth_getBalance", second.accounts[0], "latest") == "0x7"


def test_packages_are_pinned_by_what_they_hold_and_not_by_where_they_lie() -> None:
    packages = json.loads((TOOLS / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert all(package.get("integrity") and "resolved" not in package for package in packages.values())
