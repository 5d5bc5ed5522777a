"""The command: ``python -m storm --minutes 15``; ``make storm`` runs it."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from masspayout.db import embedded
from storm.faults import FAULTS, available
from storm.rounds import Round, play


def main() -> int:
    """Play rounds until the time is up and every fault has struck; return 1 when something did not hold."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="storm-logs-"))
    directory.chmod(0o755)
    books_server = embedded.start(directory / "books")
    struck: Counter[str] = Counter()
    bad: list[Round] = []
    ends_at, seed = time.monotonic() + options.minutes * 60, options.seed
    try:
        while seed == options.seed or (options.minutes and time.monotonic() < ends_at):
            logs = directory / f"seed-{seed}"
            logs.mkdir(mode=0o755)
            print(f"seed {seed}: ", end="", flush=True)
            played = asyncio.run(play(seed, books_server, logs, options.faults and options.faults.split(",")))
            _tell(played)
            struck.update(name for name in played.faults if not any(idle.startswith(name) for idle in played.idle))
            bad += [played] if played.violations else []
            seed += 1
    finally:
        embedded.leave(directory / "books")
    return _report(struck, bad, directory, is_whole=bool(options.minutes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="storm", description="Real faults on a real deployment, by seed.")
    parser.add_argument("--minutes", type=float, default=15, help="how long; 0 for one round")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="the seed of the first round")
    parser.add_argument("--faults", help=f"these faults in each round, separated by commas: {', '.join(FAULTS)}")
    return parser.parse_args()


def _tell(played: Round) -> None:
    print(
        f"{', '.join(played.faults)}; {played.batches} batches paid, longest pause "
        f"{played.longest_pause_seconds:.1f} s, {played.seconds:.0f} s in all"
    )
    for idle in played.idle:
        print(f"  struck nothing: {idle}")
    for violation in played.violations:
        print(f"  DOES NOT HOLD: {violation}")


def _report(struck: Counter[str], bad: list[Round], directory: Path, *, is_whole: bool) -> int:
    print("faults that struck: " + ", ".join(f"{name} {struck[name]}" for name in sorted(FAULTS)))
    if left_out := set(FAULTS) - set(available()):
        print(f"left out, for no file system can be made here: {', '.join(left_out)}")
    never = sorted(set(available()) - set(struck)) if is_whole else []
    if never:
        print(f"never struck: {', '.join(never)}")
    if bad:
        print(f"seeds that do not hold: {', '.join(str(played.seed) for played in bad)}; logs are in {directory}")
    return int(bool(bad or never))


if __name__ == "__main__":
    sys.exit(main())
