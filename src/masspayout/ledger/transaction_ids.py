"""Transaction ids in Hedera's form, ``payer@seconds.nnnnnnnnn``: the payer, and the start of validity."""

import re

from masspayout.kernel.errors import Invalid
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_TRANSACTION_ID = re.compile(r"(?P<payer>[0-9a-fx.]+)@(?P<seconds>[0-9]{1,12})\.(?P<nanos>[0-9]{9})", re.ASCII)


def make_transaction_id(payer_account_id: str, valid_start_nanos: int) -> str:
    """Return the id of a payer's transaction that is valid from a time on."""
    seconds, nanos = divmod(valid_start_nanos, NANOS_PER_SECOND)
    return f"{payer_account_id}@{seconds}.{nanos:09d}"


def split_transaction_id(transaction_id: str) -> tuple[str, int]:
    """Return the payer and the start of validity, in nanoseconds, of an id.

    Raises:
        Invalid: The text is not a transaction id.
    """
    match = _TRANSACTION_ID.fullmatch(transaction_id)
    if match is None:
        raise Invalid(f"{transaction_id!r} is not a transaction id.", "It has the form 0.0.1001@1700000000.000000000.")
    return match["payer"], int(match["seconds"]) * NANOS_PER_SECOND + int(match["nanos"])
