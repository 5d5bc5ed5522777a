"""A real EVM node to test on: anvil, installed from npm when a test first asks for it."""

import gzip
import json
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

import npm

TOOLS = Path(__file__).resolve().parent
_START_SECONDS = 120

# Whatever waits fits into the next block: what fits into none is left until something else is sent, or for ever.
_BLOCK_GAS = 10**9


@dataclass(frozen=True)
class Anvil:
    """A node that runs, with a chain of its own and rich accounts, whose ``private_keys`` come in the same order."""

    url: str
    port: int
    accounts: tuple[str, ...]
    private_keys: tuple[str, ...]
    process: subprocess.Popen[bytes]

    @cached_property
    def chain_id(self) -> int:
        """The number that a transaction must carry to be valid on this chain."""
        return int(self.call("eth_chainId"), 16)

    @cached_property
    def gas_price(self) -> str | None:
        """The price to offer on a chain without a fee market; None where the node finds a price itself."""
        base_fee = self.call("eth_getBlockByNumber", "latest", False).get("baseFeePerGas", "0x0")
        return None if int(base_fee, 16) else str(self.call("eth_gasPrice"))

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)

    def call(self, method: str, *parameters: Any) -> Any:
        """Return the result of a JSON-RPC method, such as ``evm_mine`` or ``anvil_reorg``."""
        answer = self.request({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def batch(self, method: str, parameters: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the results of a method for many sets of parameters, in their order, from one exchange."""
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": each} for number, each in enumerate(parameters)
        ]
        answers = self._client.post("/", json=requests).json()
        return [answer["result"] for answer in sorted(answers, key=lambda answer: int(answer["id"]))]

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole answer to a request, an error too."""
        answer: dict[str, Any] = self._client.post("/", json=request).json()
        return answer

    def keep_state(self, path: Path) -> None:
        """Write the chain down as it is now, for another node to begin with: ``--load-state PATH``."""
        state = json.loads(gzip.decompress(bytes.fromhex(self.call("anvil_dumpState")[2:])))
        # A node that began with such a file has two first blocks: that of the file, which counts, and its own.
        first = self.call("eth_getBlockByNumber", "0x0", False)["timestamp"]
        state["blocks"] = [
            block
            for block in state["blocks"]
            if int(block["header"]["number"], 16) or block["header"]["timestamp"] == first
        ]
        path.write_text(json.dumps(state))

    def stop(self) -> None:
        """End the process, and the connection to it."""
        self.process.terminate()
        self.process.wait()
        self._client.close()


@contextmanager
def running_anvil(directory: Path, *options: str, port: int = 0) -> Iterator[Anvil]:
    """Run a node with a chain of its own on a free port, or on the given one.

    Args:
        directory: Where it may write.
        options: More of anvil's command line, such as ``--no-mining`` or ``--load-state FILE``.
        port: The port; any free one unless given.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config, log = directory / "config.json", directory / "log"
    command = [
        str(_program()),
        "--port",
        str(port),
        "--gas-limit",
        str(_BLOCK_GAS),
        "--config-out",
        str(config),
        *options,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        bound = _port_of(process, log)
        made = json.loads(config.read_text())
        anvil = Anvil(
            url=f"http://127.0.0.1:{bound}",
            port=bound,
            accounts=tuple(made["available_accounts"]),
            private_keys=tuple(made["private_keys"]),
            process=process,
        )
        yield anvil
        anvil.stop()
    finally:
        process.kill()
        process.wait()


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until the node listens, and return where."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("Listening on "):
                return int(line.rpartition(":")[2])
        time.sleep(0.01)
    raise AssertionError(f"anvil did not start:\n{log.read_text(errors='replace')}")


def _program() -> Path:
    """Return the program for this machine, out of the packages for all kinds of machine."""
    system = {"Darwin": "darwin", "Linux": "linux"}[platform.system()]
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "amd64"
    return npm.node_modules(TOOLS) / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil"
