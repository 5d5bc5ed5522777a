"""Attempts are reserved, signed, sent and settled: a crash between any two steps pays nobody twice and forgets nobody.

    reserve  a batch is claimed, its holders are attached to a new attempt, which is given its number; commit
    sign     outside of any transaction
    send     the signed bytes are stored, and the attempt is marked as submitted; commit; then they go out
    settle   the ledger is asked what became of it; each holder's result is written; commit

Recovery is the same procedure from whatever the database says. The same bytes may be sent any number of times, because
the ledger executes a transaction id at most once. A new transaction is signed only when the old one is settled or
proven dead. Each signature under a number is for the same holders and amounts, so the ledger executes one of them.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping

from masspayout.db.entities import Attempt, AttemptStatus, BatchPayout, Distribution
from masspayout.db.repositories import Withheld
from masspayout.db.store import Store, Work
from masspayout.db.types import uuid7
from masspayout.kernel.errors import DatabaseForgot, LedgerError, LedgerRejected, LedgerUnavailable, LedgerUncertain
from masspayout.kernel.money import to_units, total
from masspayout.kernel.types import Sender
from masspayout.ledger.failures import OTHER_AMOUNT_PAID, TRANSACTION_EXPIRED, FailureClass, describe_failure
from masspayout.ledger.port import Dead, Ledger, Outcome, Refused, Settled, Undecided
from masspayout.payments import stops
from masspayout.payments.claimed_batch import ClaimedBatch
from masspayout.payments.payer_gate import PayerGate
from masspayout.payments.tallies import write_tally
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

_SUCCESS = "SUCCESS"


class BatchAttempts:
    """Brings one batch to its end, attempt by attempt."""

    def __init__(self, store: Store, ledger: Ledger, settings: Settings) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self.gate = PayerGate(store, ledger, settings)

    async def claim(self, distribution: Distribution, *, after: int, begun_only: bool = False) -> ClaimedBatch | None:
        """Claim the next open batch after a number, and reserve an attempt for it; None if there is none.

        While the gate of the payer is closed, what was signed before is claimed, and nothing is reserved. While a pause
        lasts nothing is reserved either, whatever the caller knew of it.

        Args:
            distribution: A frozen one.
            after: Batches up to this number are passed over.
            begun_only: Batches of which nothing was ever signed are passed over as well.

        Raises:
            LedgerUnavailable: The next sender cannot be found out now.
        """
        account = str(distribution.payer_account_id)
        gate = self.gate.state(account) or await self.gate.sync(account)
        sender = await self._ledger.sender(account)
        seconds = self._settings.claim_seconds
        # Numbers that are times are never returned.
        if gate.is_open and not begun_only and self._ledger.traits.signs_times:
            async with self._store.single_statement() as work:
                begun = await work.first_claims.begin(
                    distribution.id, uuid7(), gate.payer_id, sender, after=after, claim_seconds=seconds
                )
            if begun is not None:
                return ClaimedBatch(
                    distribution, begun.batch_id, begun.batch_number, gate, begun.attempt, begun.holders
                )
        async with self._store.unit_of_work() as work:
            batch = await work.claims.claim(
                distribution.id, after=after, claim_seconds=seconds, begun_only=begun_only or not gate.is_open
            )
            if batch is None:
                return None
            claimed = ClaimedBatch(distribution, batch.id, batch.batch_number, gate)
            await self._open_or_reserve(work, claimed, batch, sender)
        return claimed

    async def claim_under_way(self, distribution: Distribution) -> ClaimedBatch | None:
        """Claim a batch of any payout of a distribution's payer whose transaction may still pay; None if there is none.

        While the gate of a payer is closed, that is what it waits for, and whoever could pay that payout may be waiting
        for the gate.
        """
        account = str(distribution.payer_account_id)
        gate = self.gate.state(account)
        if gate is None or distribution.ledger_identity is None:
            return None
        async with self._store.unit_of_work() as work:
            batch = await work.claims.claim_under_way(
                account, distribution.ledger_identity, claim_seconds=self._settings.claim_seconds
            )
            if batch is None:
                return None
            its_own = await work.distributions.get(batch.distribution_id)
            under_way = await work.attempts.find_open(batch.id)
        return ClaimedBatch(its_own, batch.id, batch.batch_number, gate, under_way)

    async def pay(self, claimed: ClaimedBatch) -> None:
        """Pay what is unpaid of a batch. Returns when it is closed, or when it must be looked at again later."""
        try:
            await self._pay(claimed)
        except DatabaseForgot as error:
            self.gate.close(str(claimed.distribution.payer_account_id), error.message)

    async def _pay(self, claimed: ClaimedBatch) -> None:
        while (attempt := claimed.attempt) is not None:
            if attempt.status is AttemptStatus.RESERVED:
                goes_on = await self._sign(claimed, attempt)
            else:
                goes_on = await self._bring_to_an_end(claimed, attempt)
            if not goes_on:
                return
            if not attempt.status.is_open:
                await self._next(claimed)

    async def _bring_to_an_end(self, claimed: ClaimedBatch, attempt: Attempt) -> bool:
        """Send an attempt, find out what became of it, and write it down. Returns whether its batch goes on at once."""
        outcome = await self._find_out(claimed, attempt)
        if isinstance(outcome, Undecided):
            await self._poll_later(attempt, outcome)
            return False
        if await self._complete(attempt, outcome) or not await self._settle(attempt, outcome):
            return False
        attempt.status = AttemptStatus.SETTLED
        return True

    async def _next(self, claimed: ClaimedBatch) -> None:
        """Go on with the attempt that comes next after one that left somebody unpaid."""
        claimed.attempt = None
        try:
            sender = await self._ledger.sender(str(claimed.distribution.payer_account_id))
        except (LedgerUnavailable, LedgerUncertain) as error:
            await self._sign_later(claimed.batch_id, error)
            return
        async with self._store.unit_of_work() as work:
            batch = await work.batch_payouts.lock(claimed.batch_id)
            if batch.status.is_open:
                await self._open_or_reserve(work, claimed, batch, sender)

    async def _sign_later(self, batch_id: uuid.UUID, error: LedgerError, attempt_id: uuid.UUID | None = None) -> None:
        """Leave a batch alone whose next transaction cannot be made now, with the reason on the reserved attempt."""
        _log.warning("batch %s is signed later: %s", batch_id, error)
        async with self._store.unit_of_work() as work:
            await work.claims.hold(batch_id, self._settings.look_again_max_seconds)
            if attempt_id is not None:
                await work.attempts.note_wait(attempt_id, error.message)

    async def _open_or_reserve(self, work: Work, claimed: ClaimedBatch, batch: BatchPayout, sender: Sender) -> None:
        """Find the attempt of a batch that could still pay, or reserve the next one; close it when nobody waits.

        When something would have to be signed, and the gate is closed or a pause lasts, the batch is let go again.
        """
        attempts, payer_id = work.attempts, claimed.gate.payer_id if claimed.gate.is_open else None
        claimed.attempt, claimed.holders, claimed.is_unsent = None, None, False
        if not batch.is_first_claim and (found := await attempts.find_open(batch.id)) is not None:
            if found.status is not AttemptStatus.RESERVED or await work.payers.is_cleared(payer_id):
                claimed.attempt = found
            else:
                await self._release_claim(work, claimed)
            return
        attempt_id = uuid7()
        holders = await work.claims.attach(batch, attempt_id, payer_id)
        if holders is Withheld.BY_PAUSE:
            claimed.is_paused = True
            await self._let_pause(work, batch)
            return
        if isinstance(holders, Withheld):
            await self._release_claim(work, claimed)
            return
        if not holders:
            await write_tally(work, batch, slices=batch.slices, may_close=True)
            return
        attempt = Attempt(
            id=attempt_id,
            status=AttemptStatus.RESERVED,
            polls=0,
            batch_payout_id=batch.id,
            recipient_count=len(holders),
            total_amount=total(holders.values()),
        )
        claimed.attempt, claimed.holders = await attempts.reserve(attempt, sender), holders

    async def _release_claim(self, work: Work, claimed: ClaimedBatch) -> None:
        """Undo a claim, because the gate of the payer is closed, and have the payer attended to."""
        await work.rollback()
        self.gate.close(str(claimed.distribution.payer_account_id))

    @staticmethod
    async def _let_pause(work: Work, batch: BatchPayout) -> None:
        """Release the claim of a batch at once, for whoever comes after the pause; undo it if it was the first one."""
        if batch.is_first_claim:
            await work.rollback()
        else:
            await work.claims.hold(batch.id, 0.0)

    async def _sign(self, claimed: ClaimedBatch, attempt: Attempt) -> bool:
        """Have a reserved attempt signed, outside of any transaction, and store the bytes.

        Returns whether its batch goes on at once: with the attempt if it is to be sent now, else with the next one.
        """
        holders = claimed.holders
        if holders is None:
            found = (claimed.distribution.id, claimed.batch_number, attempt.id)
            async with self._store.single_statement() as work:
                holders = await work.claims.attached(*found)
        try:
            signed = await self._ledger.prepare(claimed.transfer(attempt, holders))
        except LedgerRejected as error:
            _log.warning("batch %s cannot be signed: %s", claimed.batch_id, error)
            return await self._settle_unsigned(claimed, attempt, error.code)
        except (LedgerUnavailable, LedgerUncertain) as error:
            await self._sign_later(claimed.batch_id, error, attempt.id)
            return False
        async with self._store.single_statement() as work:
            stored = await work.attempts.store_signed(attempt, signed, claim_seconds=self._settings.claim_seconds)
        if not stored:
            return await self._read_again(claimed, attempt)
        attempt.transaction_id, attempt.signed_bytes = signed.transaction_id, signed.signed_bytes
        attempt.expires_at, attempt.status = signed.expires_at, AttemptStatus.SUBMITTED
        claimed.is_unsent = True
        return True

    async def _read_again(self, claimed: ClaimedBatch, attempt: Attempt) -> bool:
        """Read an attempt that did not change as it should have: somebody else was first.

        Returns False when the database does not know it any more; then nothing of it is sent.
        """
        async with self._store.unit_of_work() as work:
            found = await work.attempts.find_by_id(attempt.id)
        if found is None:
            doubt = f"The database does not know attempt {attempt.id} any more, which was committed."
            self.gate.close(str(claimed.distribution.payer_account_id), doubt)
            return False
        for name in ("status", "transaction_id", "signed_bytes", "expires_at", "polls", "outcome_code"):
            setattr(attempt, name, getattr(found, name))
        return True

    async def _settle_unsigned(self, claimed: ClaimedBatch, attempt: Attempt, code: str) -> bool:
        """Close a reserved attempt of which the ledger said that it would fail. Returns whether its batch goes on."""
        async with self._store.unit_of_work() as work:
            batch = await work.batch_payouts.lock(attempt.batch_payout_id)
            if not await work.attempts.close_unsigned(attempt, code):
                await work.rollback()
                return await self._read_again(claimed, attempt)
            goes_on = await self._settle_refused(work, batch, attempt.id, attempt.recipient_count, code)
        attempt.status = AttemptStatus.DEAD
        return goes_on

    async def _find_out(self, claimed: ClaimedBatch, attempt: Attempt) -> Outcome:
        """Send what may not have been sent yet, and ask the ledger what became of it."""
        if attempt.status is AttemptStatus.SIGNED:
            async with self._store.single_statement() as work:
                is_ours_to_send = await work.attempts.mark_submitted(attempt.id)
            if not is_ours_to_send and not await self._read_again(claimed, attempt):
                return Undecided("The database has lost it; it was not sent.")
        elif not claimed.is_unsent:
            outcome = await self._poll(attempt)
            if not isinstance(outcome, Undecided):
                return outcome
        claimed.is_unsent = False
        await self._send(attempt)
        return await self._poll(attempt)

    async def _send(self, attempt: Attempt) -> None:
        """Send the stored bytes. The answer is ignored: only the outcome is believed."""
        try:
            await self._ledger.submit(attempt.signed_bytes or b"")
        except LedgerRejected as error:
            # It may still succeed if the same bytes got in before; if it proves dead, this is the reason.
            attempt.outcome_code = attempt.outcome_code or error.code
            async with self._store.unit_of_work() as work:
                await work.attempts.note_rejection(attempt.id, error.code)
        except LedgerError as error:
            _log.info("transaction %s: %s", attempt.transaction_id, error.message)

    async def _poll(self, attempt: Attempt) -> Outcome:
        try:
            return await self._ledger.outcome(str(attempt.transaction_id), attempt.signed_bytes)
        except LedgerError as error:
            return Undecided(error.message)

    async def _poll_later(self, attempt: Attempt, outcome: Undecided) -> None:
        """Leave an undecided attempt alone for a while that doubles each time."""
        settings = self._settings
        pause_seconds = min(
            settings.look_again_seconds * 2.0 ** min(attempt.polls, 30), settings.look_again_max_seconds
        )
        async with self._store.unit_of_work() as work:
            await work.claims.hold(attempt.batch_payout_id, pause_seconds)
            await work.attempts.record_poll(attempt.id, outcome.reason)

    async def _complete(self, attempt: Attempt, outcome: Settled | Refused | Dead) -> bool:
        """Write down the usual outcome: one attempt paid everybody of its batch."""
        if not isinstance(outcome, Settled) or outcome.failures or outcome.paid_units:
            return False
        async with self._store.single_statement() as work:
            return await work.batch_payouts.complete(attempt.batch_payout_id, attempt.id, _SUCCESS)

    async def _settle(self, attempt: Attempt, outcome: Settled | Refused | Dead) -> bool:
        """Write an outcome down, all of it or nothing. Returns whether the batch goes on at once."""
        async with self._store.unit_of_work() as work:
            batch = await work.batch_payouts.lock(attempt.batch_payout_id)
            attempts = work.attempts
            if isinstance(outcome, Dead):
                first = await attempts.mark_dead(attempt.id, outcome.proof)
                refusal = attempt.outcome_code
            else:
                refusal = outcome.code if isinstance(outcome, Refused) else None
                first = await attempts.mark_settled(attempt.id, refusal or _SUCCESS)
            if not first:
                return True
            if isinstance(outcome, Settled):
                return await self._settle_paid(work, batch, attempt, outcome)
            code = refusal or TRANSACTION_EXPIRED
            return await self._settle_refused(work, batch, attempt.id, attempt.recipient_count, code)

    async def _settle_paid(self, work: Work, batch: BatchPayout, attempt: Attempt, outcome: Settled) -> bool:
        batches = work.batch_payouts
        unpaid = {**outcome.failures, **await self._paid_otherwise(work, batch, attempt.id, outcome)}
        transient = {
            account_id
            for account_id, code in unpaid.items()
            if describe_failure(code).failure_class is FailureClass.TRANSIENT and not self._is_patience_over(batch)
        }
        failures = {account: code for account, code in unpaid.items() if account not in transient}
        await batches.mark_paid(batch, attempt.id, list(unpaid))
        if failures:
            await batches.mark_failed(batch, attempt.id, failures)
        await self._stop_if_everybody(work, batch, failures.values())
        await write_tally(work, batch, slices=(batch.slices or [])[1:])
        if transient:
            await self._pause(work, batch, attempt.id)
        return not transient

    @staticmethod
    async def _paid_otherwise(
        work: Work, batch: BatchPayout, attempt_id: uuid.UUID, outcome: Settled
    ) -> Mapping[str, str]:
        """Return who got another amount than they are owed, of a payer that works it out itself: they are not paid."""
        if not outcome.paid_units:
            return {}
        distribution = await work.distributions.get(batch.distribution_id)
        decimals = int(distribution.payment_token_decimals or 0)
        owed = await work.claims.attached(batch.distribution_id, batch.batch_number, attempt_id)
        return {
            account_id: OTHER_AMOUNT_PAID
            for account_id, amount in owed.items()
            if account_id not in outcome.failures
            and outcome.paid_units.get(account_id, 0) != to_units(amount, decimals)
        }

    async def _settle_refused(
        self, work: Work, batch: BatchPayout, attempt_id: uuid.UUID, recipient_count: int, code: str
    ) -> bool:
        """Nobody was paid. Split until the bad one stands alone, stop everything, or try again: as the code says."""
        batches = work.batch_payouts
        failure_class = describe_failure(code).failure_class
        slices = list(batch.slices or [recipient_count])
        if failure_class is FailureClass.TRANSIENT and not self._is_patience_over(batch):
            await self._pause(work, batch, attempt_id)
            return False
        if failure_class is FailureClass.RECIPIENT and recipient_count > 1:
            await batches.release(batch, attempt_id)
            half = recipient_count // 2
            slices[:1] = [recipient_count - half, half]
        else:
            holders = await work.claims.attached(batch.distribution_id, batch.batch_number, attempt_id)
            await batches.mark_failed(batch, attempt_id, dict.fromkeys(holders, code))
            await self._stop_if_everybody(work, batch, [code])
            slices[:1] = []
        await write_tally(work, batch, slices=slices)
        return True

    def _is_patience_over(self, batch: BatchPayout) -> bool:
        """Return whether failures that are nobody's fault are now written on the holders, to be retried by hand."""
        return batch.transient_failures >= self._settings.transient_retries

    async def _pause(self, work: Work, batch: BatchPayout, attempt_id: uuid.UUID) -> None:
        """Let the unpaid holders go, free for a new transaction after a pause that grows from failure to failure."""
        batches = work.batch_payouts
        await batches.release(batch, attempt_id)
        await batches.hold_after_failure(
            batch.id,
            failures=batch.transient_failures + 1,
            shortest_seconds=self._settings.look_again_seconds,
            longest_seconds=self._settings.look_again_max_seconds,
        )

    @staticmethod
    async def _stop_if_everybody(work: Work, batch: BatchPayout, codes: Iterable[str]) -> None:
        for code in codes:
            if describe_failure(code).failure_class is FailureClass.EVERYBODY:
                await stops.stop(work, batch.distribution_id, code)
