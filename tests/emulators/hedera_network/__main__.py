"""Runs a network until it is interrupted, and prints the settings that lead to it."""

import signal
import sys
import tempfile
from pathlib import Path

from hedera_network.network import EmulatedNetwork


def main() -> None:
    """Run a network."""
    with tempfile.TemporaryDirectory() as directory, EmulatedNetwork.start(Path(directory)) as network:
        for name, value in network.settings().items():
            sys.stdout.write(f"{name.upper()}={value}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # Whoever started it may end it: the threads that it starts inherit that the main one waits for the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
