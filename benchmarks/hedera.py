"""``make bench``: how fast all holders of a token are read from a mirror node, against what its rate limit allows.

The mirror node is the tests' emulation, in a process of its own, and refuses what is faster than its limit. One page
has 100 holders, so at 50 requests a second 100,000 holders take 20 seconds at best.
"""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from hedera_network import EmulatedNetwork, Faults
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.settings import Settings
from measurements import Measured, peak_bytes_of

_PAGE = 100
_LIMIT = 1.2
_MEMORY_LIMIT_BYTES = 50_000_000
_MEGABYTE = 1_000_000


def main() -> None:
    arguments = _arguments()
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    network = spawn.Process(target=_run_network, args=(arguments.holders, arguments.rate, theirs), daemon=True)
    network.start()
    settings, token_id = ours.recv()
    with ProcessPoolExecutor(1, mp_context=spawn) as executor:
        measured, grown_bytes = executor.submit(_read, settings, token_id, arguments.holders, arguments.rate).result()
    ours.send(None)
    network.join()
    bound_seconds = arguments.holders / _PAGE / arguments.rate
    holds = measured.seconds <= _LIMIT * bound_seconds and grown_bytes <= _MEMORY_LIMIT_BYTES
    print(f"\n{arguments.holders:,} holders from a mirror node that answers {arguments.rate} requests a second\n")
    print("| | seconds | holders/s | of the bound | limit | our process | of which holders |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    print(
        f"| {'read all holders' if holds else 'read all holders !'} | {measured.seconds:.2f} "
        f"| {arguments.holders / measured.seconds:,.0f} | {measured.seconds / bound_seconds:.2f} | {_LIMIT:.2f} "
        f"| {measured.peak_bytes / _MEGABYTE:.0f} MB | {grown_bytes / _MEGABYTE:.0f} MB |"
    )
    if not holds:
        sys.exit("The limit does not hold.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast holders are read from a mirror node.")
    parser.add_argument("--holders", type=int, default=100_000, help="how many holders (default: 100000)")
    parser.add_argument("--rate", type=int, default=50, help="requests a second (default: 50, the public limit)")
    return parser.parse_args()


def _run_network(holder_count: int, rate: int, pipe: Connection) -> None:
    """Run a network with one token until the other side has had enough."""
    with tempfile.TemporaryDirectory() as directory, EmulatedNetwork.start(Path(directory)) as network:
        token_id = network.operator.create_token({f"0.0.{20_000 + 3 * n}": n + 1 for n in range(holder_count)})
        network.set_faults(Faults(mirror_requests_per_second=rate))
        pipe.send((network.settings(), token_id))
        with suppress(EOFError):
            pipe.recv()


def _read(network: dict[str, str], token_id: str, holder_count: int, rate: int) -> tuple[Measured, int]:
    """Read all holders once, and return what it took, and by how much the process grew."""
    return asyncio.run(_read_all(network, token_id, holder_count, rate))


async def _read_all(network: dict[str, str], token_id: str, holder_count: int, rate: int) -> tuple[Measured, int]:
    terms = {**network, "hedera_mirror_requests_per_second": str(rate)}
    ledger = HederaLedger(Settings(_env_file=None, **terms))  # type: ignore[call-arg,arg-type]
    await ledger.token(token_id)
    before_bytes = peak_bytes_of(multiprocessing.current_process().pid or 0)
    began = time.perf_counter()
    snapshot = await ledger.holders(token_id)
    count, units = 0, 0
    async for page in snapshot.pages:
        count += len(page)
        units += sum(balance for _, balance in page)
    seconds = time.perf_counter() - began
    await ledger.close()
    if (count, units) != (holder_count, holder_count * (holder_count + 1) // 2):
        sys.exit(f"{count:,} holders were read, with {units:,} units: not all, or some twice.")
    peak_bytes = peak_bytes_of(multiprocessing.current_process().pid or 0)
    return Measured(seconds, peak_bytes), peak_bytes - before_bytes


if __name__ == "__main__":
    main()
