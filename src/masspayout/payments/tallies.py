"""Tallies: how the holders of a batch stand, counted after each settlement."""

from collections.abc import Sequence

from masspayout.db.entities import BatchPayout, BatchStatus
from masspayout.db.store import Work
from masspayout.ledger.failures import describe_failure


async def write_tally(work: Work, batch: BatchPayout, *, slices: Sequence[int] | None, may_close: bool = False) -> None:
    """Count how the holders of a batch stand, write it on the batch, and close the batch if nobody waits any more."""
    batches = work.batch_payouts
    tally = await batches.tally(batch)
    status = BatchStatus.PROCESSING
    if may_close or not tally.waiting:
        status = BatchStatus.FAILED if tally.failed or tally.waiting else BatchStatus.COMPLETED
    message = None
    if tally.codes:
        message = " ".join(describe_failure(code).sentence for code in tally.codes)
    await batches.write_tally(batch, tally, status=status, slices=list(slices or []) or None, error_message=message)
