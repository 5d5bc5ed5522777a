"""A real equity token of the Asset Tokenization Studio on a node, deployed with its own scripts."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping

from anvil import TOOLS, Anvil, node_modules
from chains import Contract
from masspayout.ledger.evm.ats import INTERFACE
from masspayout.ledger.evm.contracts.interface import Interface, function

_MINTED_AT_ONCE = 50
_OPERATORS_INTERFACE = Interface(
    [
        *INTERFACE.abi,
        function("batchMint", ["address[]", "uint256[]"], []),
        function("setDividend", ["(uint256,uint256,uint256,uint8)"], ["uint256"]),
        function("cancelDividend", ["uint256"], ["bool"]),
        function("transfer", ["address", "uint256"], ["bool"]),
        function("balanceOf", ["address"], ["uint256"]),
    ]
)


def deploy_equity(anvil: Anvil, holders: Mapping[str, int]) -> Contract:
    """Deploy the whole system and a token of it, and mint to its holders. It takes half a minute."""
    node_modules()
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "deploy_equity.cjs", anvil.url, anvil.private_keys[0]],
        cwd=TOOLS,
        env={**os.environ, "NODE_PATH": str(TOOLS / "stubs")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    token = Contract(anvil, json.loads(done.stdout.splitlines()[-1])["token"], _OPERATORS_INTERFACE)
    accounts = list(holders)
    for start in range(0, len(accounts), _MINTED_AT_ONCE):
        page = accounts[start : start + _MINTED_AT_ONCE]
        token.send("batchMint", page, [holders[account] for account in page], sender=anvil.accounts[0], gas=29_000_000)
    return token
