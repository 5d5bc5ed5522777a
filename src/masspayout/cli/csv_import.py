"""CSV import of payout lists that were named on the command line."""

import signal
from pathlib import Path

from masspayout.distributions import PayoutList, read_payout_list


def read_payout_list_file(path: Path, decimals: int) -> PayoutList:
    """Read a payout list as ``read_payout_list`` does, and let Ctrl-C end it.

    A pipe may not give anything for long. Meanwhile the event loop, which answers Ctrl-C otherwise, stands still.
    """
    answering = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return read_payout_list(path, decimals)
    finally:
        signal.signal(signal.SIGINT, answering)
