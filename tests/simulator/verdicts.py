"""Verdicts: what must hold after every step, and at the end. Judged by the ledger's books and by what was planned."""

from collections import Counter
from dataclasses import dataclass, field

from masspayout.db.entities import AttemptStatus, BatchStatus, DistributionStatus
from masspayout.kernel.obligations import Mark
from simulator.plans import PayoutPlan
from simulator.store.payouts import given_approvals
from simulator.store.rows import Row, Server, Transaction

_D, _A, _B = DistributionStatus, AttemptStatus, BatchStatus

# The moves that a row may make; what is not named here stays what it is.
MOVES: dict[str, dict[str, set[str]]] = {
    "distribution": {
        _D.PENDING: {_D.PROCESSING, _D.CANCELLED, _D.FAILED},
        _D.PROCESSING: {_D.COMPLETED, _D.FAILED},
        _D.FAILED: {_D.PROCESSING, _D.COMPLETED},
    },
    "batch_payout": {
        _B.PENDING: {_B.PROCESSING, _B.FAILED, _B.COMPLETED},
        _B.PROCESSING: {_B.COMPLETED, _B.FAILED},
        _B.FAILED: {_B.PENDING, _B.COMPLETED},
    },
    "attempt": {_A.RESERVED: {_A.SUBMITTED, _A.DEAD}, _A.SUBMITTED: {_A.SETTLED, _A.DEAD}},
}


class Violated(Exception):  # noqa: N818 - it is what happened
    """Something that must hold did not."""


@dataclass
class Verdicts:
    """The judge of one simulation.

    Attributes:
        never_expires: What was signed can be executed for ever.
        marks: What the payments of each payout carry.
        owed: The units that each account is owed, by mark and account.
        paid: The units that the ledger shows as paid, by mark and account.
        approvals: How many people have to approve of a payout.
        overlaps: What was paid twice while two hands paid at once on a ledger that cannot prevent it.
        has_two_hands: Whether that has been so.
        reached: How often rows made which moves, and what was audited.
    """

    approvals: int
    never_expires: bool
    marks: dict[str, str] = field(default_factory=dict)
    owed: dict[tuple[str, str], int] = field(default_factory=dict)
    paid: Counter[tuple[str, str]] = field(default_factory=Counter)
    overlaps: list[tuple[str, str]] = field(default_factory=list)
    has_two_hands: bool = False
    reached: Counter[str] = field(default_factory=Counter)

    def at_payment(self, mark: str | None, account: str, units: int) -> None:
        """Judge one payment that the ledger has executed.

        Raises:
            Violated: It is one too many.
        """
        obligation = obligation_of_mark(mark)
        if obligation is None:
            return
        place = (obligation, account)
        self.paid[place] += units
        if self.paid[place] > self.owed.get(place, 0):
            if not self.has_two_hands:
                raise Violated(f"{account} has {self.paid[place]} of the {self.owed.get(place, 0)} that it is owed")
            self.overlaps.append(place)

    def at_commit(self, transaction: Transaction) -> None:
        """Judge what a transaction is about to make everybody's.

        Raises:
            Violated: A state moves back, a payment is taken back, something starts without its approvals, or an attempt
                begins while its payout is paused.
        """
        for (table, key), row in transaction.written.items():
            assert row is not None
            before = transaction.server.tables[table].get(key)
            if table in MOVES and before is not None and before.status != row.status:
                if row.status not in MOVES[table].get(before.status, set()):
                    raise Violated(f"{table} moves from {before.status} to {row.status}")
                self.reached[f"{table}: {before.status} → {row.status}"] += 1
                if table == "distribution" and row.status is _D.PROCESSING:
                    self._require_approvals(transaction, row)
            elif table == "attempt" and before is None and row.status is _A.RESERVED:
                self._require_no_pause(transaction, row)
            elif table == "holder" and before is not None and before.paid and not row.paid:
                raise Violated(f"{row.account_id} was paid, and is unpaid again")

    def _require_no_pause(self, transaction: Transaction, attempt: Row) -> None:
        server = transaction.server
        batch = server.tables["batch_payout"][attempt.batch_payout_id]
        pause = server.tables["pause"].get(batch.distribution_id)
        if pause is not None:
            self.reached["an attempt after a pause"] += pause.ended_at is not None
            if pause.ended_at is None:
                raise Violated(f"an attempt begins while its payout is paused: batch {batch.batch_number}")

    def expect(self, mark: str, payout: PayoutPlan) -> None:
        """Note what a planned payout owes, under the mark that its payments carry."""
        self.marks[payout.name] = mark
        for batch in payout.batches:
            for account, units in batch:
                self.owed[mark, account] = units

    @staticmethod
    def is_over(server: Server) -> bool:
        """Whether every payout has ended, and every debit is explained."""
        return all(row.status.is_final for row in server.rows("distribution")) and not has_unexplained(server)

    def at_end(self, server: Server) -> None:
        """Compare what was owed, what the books show, and what the database says.

        Raises:
            Violated: They differ.
        """
        for row in server.rows("holder"):
            distribution = server.find("distribution", row.distribution_id)
            place = (self.marks[distribution.name], row.account_id)
            if distribution.status is _D.CANCELLED and self._may_be_late and self._is_named(server, *place):
                continue
            owed = 0 if distribution.status is _D.CANCELLED else self.owed[place]
            paid = self.paid[place]
            if place not in self.overlaps and (paid != owed or row.paid != (paid > 0)):
                said = "paid" if row.paid else "unpaid"
                raise Violated(
                    f"{row.account_id} of {distribution.name} is owed {owed}, has {paid}, and counts as {said}"
                )
        for place in set(self.overlaps):
            self._require_named(server, *place)
        if any(row.status.is_open for row in server.rows("attempt")):
            raise Violated("an attempt is open, though everything has ended")

    @property
    def _may_be_late(self) -> bool:
        """Whether what was called off can be paid all the same: later, or by another hand."""
        return self.never_expires or self.has_two_hands

    def is_of_cancelled(self, server: Server, mark: str | None) -> bool:
        """Whether a payment says that it pays what was called off, where that cannot be ruled out."""
        if not self._may_be_late:
            return False
        obligation = obligation_of_mark(mark)
        cancelled = (row for row in server.rows("distribution") if row.status is _D.CANCELLED)
        return any(self.marks[row.name] == obligation for row in cancelled)

    @staticmethod
    def _is_named(server: Server, mark: str, account: str) -> bool:
        """Whether a payment of what was called off stops the payer, until a person says what it was.

        What was under way when a database was lost may be called off in the one that took its place: where signed bytes
        never expire, nobody can tell that it will not happen yet.
        """
        return any(
            row.attempt_id is None and obligation_of_mark(row.mark) == mark and account in row.accounts
            for row in server.rows("payer_entry")
        )

    @staticmethod
    def _require_named(server: Server, mark: str, account: str) -> None:
        """Require that of what was paid twice at most one payment counts as a transaction of ours."""
        entries = (row for row in server.rows("payer_entry") if obligation_of_mark(row.mark) == mark)
        if sum(row.attempt_id is not None and account in row.accounts for row in entries) > 1:
            raise Violated(f"{account} was paid twice, and nobody was told")

    @staticmethod
    def describe(server: Server) -> str:
        """Say how everything stands."""
        parts = [f"{row.name} is {row.status}: {row.failure_message}" for row in server.rows("distribution")]
        parts += [f"the payer is in doubt: {row.doubt_reason}" for row in server.rows("payer") if row.doubt_reason]
        parts += [f"{row.transaction_id} is unexplained" for row in server.rows("payer_entry") if _is_unexplained(row)]
        return "; ".join(parts)

    def _require_approvals(self, transaction: Transaction, row: Row) -> None:
        given = given_approvals(transaction, row)
        if given < self.approvals:
            raise Violated(f"{row.name} starts with {given} of {self.approvals} approvals")


def obligation_of_mark(mark: str | None) -> str | None:
    """Return what a payment says that it pays."""
    if mark is None:
        return None
    if mark.startswith("0x"):
        return mark
    read = Mark.read(mark)
    return None if read is None else read.obligation


def has_unexplained(server: Server) -> bool:
    """Whether a debit is neither matched nor answered."""
    return any(_is_unexplained(row) for row in server.rows("payer_entry"))


def _is_unexplained(row: Row) -> bool:
    return row.attempt_id is None and row.answer is None
