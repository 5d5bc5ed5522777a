"""Times of the network: as it writes them, ``seconds.nnnnnnnnn``, and as integers of nanoseconds."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_TIMESTAMP = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?", re.ASCII)


def parse_timestamp(text: object) -> object:
    """Return a mirror node's time in nanoseconds; ``"1.5"`` is a second and a half.

    Raises:
        ValueError: The text has another form.
    """
    if not isinstance(text, str):
        return text
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no timestamp")
    return int(match[1]) * NANOS_PER_SECOND + int((match[2] or "").ljust(9, "0"))


def format_timestamp(nanos: int) -> str:
    """Return nanoseconds in the form of mirror nodes, always with nine digits behind the point."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return f"{seconds}.{rest:09d}"


Nanos = Annotated[int, BeforeValidator(parse_timestamp)]
