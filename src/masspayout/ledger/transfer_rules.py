"""Rules that a transfer must meet on every ledger, before it is worth signing."""

from masspayout.kernel.errors import LedgerRejected
from masspayout.ledger.failures import TRANSFER_LIST_TOO_LONG
from masspayout.ledger.port import Transfer


def check_transfer(transfer: Transfer, *, at_most: int, setting: str) -> None:
    """Refuse a transfer that no state of any ledger could make valid.

    Args:
        transfer: The transfer to be signed.
        at_most: The ledger's recipients per transaction.
        setting: The setting of that number, for the next step.

    Raises:
        LedgerRejected: There are no or too many recipients, one occurs twice, or an amount is not positive.
    """
    recipients = [payment.account_id for payment in transfer.payments]
    if not 1 <= len(recipients) <= at_most:
        raise LedgerRejected(
            TRANSFER_LIST_TOO_LONG,
            f"A transaction of {len(recipients)} recipients cannot be signed: it takes 1 to {at_most}.",
            f"It is split; raise {setting} to spare that.",
        )
    for account_id, amount_units in transfer.payments:
        if amount_units <= 0:
            raise LedgerRejected(
                "INVALID_ACCOUNT_AMOUNTS",
                f"{account_id} cannot be paid {amount_units} units.",
                "Every amount must be above 0.",
            )
    if len(set(recipients)) < len(recipients):
        raise LedgerRejected(
            "ACCOUNT_REPEATED_IN_ACCOUNT_AMOUNTS",
            f"Transfer {transfer.number} of {transfer.payer_account_id} names a recipient twice.",
            "Every recipient must occur once.",
        )
