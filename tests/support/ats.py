"""Real tokens of the Asset Tokenization Studio on a node, deployed with its own scripts."""

import fcntl
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anvil import TOOLS, Anvil, running_anvil
from chains import Contract
from masspayout.ledger.evm.ats import INTERFACE
from masspayout.ledger.evm.contracts.interface import Interface, function

# When the bond matures, in seconds since 1970: at the beginning of 2040.
MATURITY = 2_208_988_800

REDEEMER_ROLE, LOCKER_ROLE, CONTROL_LIST_ROLE = (
    bytes.fromhex(role)
    for role in (
        "433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523",
        "d327cd9a2be405896f3d4584b3b437d798833cc4aa0aafb34c870659c0d47184",
        "6ed9a91e996c6475ecdc28ecbdbe9bd1122fc62b30cdbe6da8271884b51ec74d",
    )
)

_MINTED_AT_ONCE = 50
_COUPON = "(uint256,uint256,uint256,uint256,uint256,uint256,uint8,uint8)"
_OPERATORS_INTERFACE = Interface(
    [
        *INTERFACE.abi,
        function("batchMint", ["address[]", "uint256[]"], []),
        function("setDividend", ["(uint256,uint256,uint256,uint8)"], ["uint256"]),
        function("cancelDividend", ["uint256"], ["bool"]),
        function("setCoupon", [_COUPON], ["uint256"]),
        function("cancelCoupon", ["uint256"], ["bool"]),
        function("grantRole", ["bytes32", "address"], ["bool"]),
        function("revokeRole", ["bytes32", "address"], ["bool"]),
        function("addToControlList", ["address"], ["bool"]),
        function("removeFromControlList", ["address"], ["bool"]),
        function("lock", ["uint256", "address", "uint256"], ["uint256"]),
        function("release", ["uint256", "address"], ["bool"]),
        function("totalSupply", [], ["uint256"]),
        function("transfer", ["address", "uint256"], ["bool"]),
        function("balanceOf", ["address"], ["uint256"]),
    ]
)


@dataclass(frozen=True)
class AtsTokens:
    """An equity token and a bond, both without holders. The node's first account may do anything to them."""

    equity: Contract
    bond: Contract

    @property
    def anvil(self) -> Anvil:
        """The node that they are on."""
        return self.bond.anvil


@contextmanager
def running_ats(directory: Path) -> Iterator[AtsTokens]:
    """Run a node with the tokens on it. They are deployed once in a test run, which takes half a minute.

    Args:
        directory: Of the node, made by pytest.
    """
    # Processes that run tests side by side have a directory each, in that of the run.
    of_run = directory.parents[1] if "PYTEST_XDIST_WORKER" in os.environ else directory.parent
    state, addresses = _deployed(of_run / "ats")
    with running_anvil(directory, "--load-state", str(state)) as anvil:
        yield AtsTokens(*(Contract(anvil, addresses[name], _OPERATORS_INTERFACE) for name in ("equity", "bond")))


def _deployed(directory: Path) -> tuple[Path, Mapping[str, str]]:
    """Return the state of a chain that has the tokens, and where on it they are; whoever asks first makes it."""
    directory.mkdir(exist_ok=True)
    state, addresses = directory / "state.json", directory / "addresses.json"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not addresses.exists():
            with running_anvil(directory / "anvil") as anvil:
                found = _deploy(anvil)
                state.write_bytes(gzip.decompress(bytes.fromhex(anvil.call("anvil_dumpState")[2:])))
            addresses.write_text(json.dumps(found))
    return state, json.loads(addresses.read_text())


def _deploy(anvil: Anvil) -> dict[str, str]:
    """Deploy the whole system and the tokens, and return their addresses."""
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "deploy_ats.cjs", anvil.url, anvil.private_keys[0], str(MATURITY)],
        cwd=TOOLS,
        env={**os.environ, "NODE_PATH": str(TOOLS / "stubs")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    addresses: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return addresses


def mint(token: Contract, holders: Mapping[str, int]) -> None:
    """Give a token its holders."""
    accounts = list(holders)
    for start in range(0, len(accounts), _MINTED_AT_ONCE):
        page = accounts[start : start + _MINTED_AT_ONCE]
        units = [holders[account] for account in page]
        token.send("batchMint", page, units, sender=token.anvil.accounts[0], gas=29_000_000)
