"""How a Hedera network writes its ids and times. Inside the emulator entities are numbers, and times nanoseconds."""

import re
from typing import NamedTuple

from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_PATH_ID = re.compile(r"0\.0\.([0-9]{1,10})-([0-9]{1,19})-([0-9]{1,9})", re.ASCII)


class TransactionKey(NamedTuple):
    """Who pays for a transaction, and from when on it is valid: what makes it unique."""

    payer: int
    valid_start_nanos: int

    @property
    def path(self) -> str:
        """As the mirror node writes it: ``0.0.2-1700000000-000000000``."""
        seconds, nanos = divmod(self.valid_start_nanos, NANOS_PER_SECOND)
        return f"{entity_id(self.payer)}-{seconds}-{nanos:09d}"

    @classmethod
    def parse(cls, text: str) -> "TransactionKey | None":
        """Read what ``path`` wrote; None if it is something else."""
        match = _PATH_ID.fullmatch(text)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2]) * NANOS_PER_SECOND + int(match[3]))


def entity_id(number: int) -> str:
    """Return ``0.0.n``."""
    return f"0.0.{number}"


def entity_number(text: str) -> int:
    """Return n of ``0.0.n``."""
    shard, realm, number = text.split(".")
    if (shard, realm) != ("0", "0"):
        raise ValueError(text)
    return int(number)


def timestamp(nanos: int) -> str:
    """Return a time as the mirror node writes it: seconds, a point, and nine digits."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return f"{seconds}.{rest:09d}"


def parse_timestamp(text: str) -> int:
    """Read a time: seconds with up to nine decimals."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * NANOS_PER_SECOND + int(fraction.ljust(9, "0") or 0)


def evm_address(number: int) -> str:
    """Return the address that an entity has in the EVM when it has none of its own."""
    return f"0x{number:040x}"
