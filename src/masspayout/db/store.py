"""The store port: the questions that the payment protocol asks of the store of its rows.

``Database`` is the store in production; its repositories define each question. Another store must guarantee this:

- A unit of work is atomic. Others see its writes when it has ended, and never when it raised.
- Each question sees what was committed by then, and what its own unit of work wrote before.
- Every change of state is compare-and-set: it names the states that it starts from, waits for the row's writer, looks
  again, and returns whether it changed anything.
- A row that was locked, claimed, attached or changed belongs to its unit of work until that ends.
- Entities that were locked are written back when the unit of work ends.

That is READ COMMITTED. The protocol needs nothing more.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from masspayout.db.entities import (
    Attempt,
    BatchPayout,
    BatchStatus,
    Distribution,
    DistributionStatus,
    Installation,
    Payer,
    PayerEntry,
)
from masspayout.db.repositories import AttachedRow, BegunBatch, DatabaseFacts, Withheld
from masspayout.db.repositories.batch_payouts import Tally
from masspayout.kernel.clock import Clock
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.next_steps import NextStep
from masspayout.kernel.pauses import PauseInForce
from masspayout.kernel.types import Sender, SignedTransaction


class ClaimsPort(Protocol):
    """Batches while a worker holds them, and the holders in an attempt."""

    async def claim(
        self, distribution_id: uuid.UUID, *, after: int, claim_seconds: float, begun_only: bool = False
    ) -> BatchPayout | None: ...

    async def claim_under_way(
        self, payer_account_id: str, ledger_identity: str, *, claim_seconds: float
    ) -> BatchPayout | None: ...

    async def hold(self, batch_id: uuid.UUID, seconds: float) -> None: ...

    async def attach(
        self, batch: BatchPayout, attempt_id: uuid.UUID, payer_id: uuid.UUID | None
    ) -> Mapping[str, Decimal] | Withheld: ...

    async def attached(
        self, distribution_id: uuid.UUID, batch_number: int, attempt_id: uuid.UUID
    ) -> Mapping[str, Decimal]: ...


class FirstClaimsPort(Protocol):
    """Batches that nobody has begun, and which begin."""

    async def begin(
        self,
        distribution_id: uuid.UUID,
        attempt_id: uuid.UUID,
        payer_id: uuid.UUID,
        sender: Sender,
        *,
        after: int,
        claim_seconds: float,
    ) -> BegunBatch | None: ...


class AttemptsPort(Protocol):
    """Attempts, and the numbers that make them unique."""

    async def get(self, entity_id: uuid.UUID) -> Attempt: ...

    async def find_by_id(self, entity_id: uuid.UUID) -> Attempt | None: ...

    async def find_open(self, batch_id: uuid.UUID) -> Attempt | None: ...

    async def has_sent(self, distribution_id: uuid.UUID) -> bool: ...

    async def has_open(self, distribution_id: uuid.UUID) -> bool: ...

    async def reserve(self, attempt: Attempt, sender: Sender) -> Attempt: ...

    async def store_signed(self, attempt: Attempt, signed: SignedTransaction, *, claim_seconds: float) -> bool: ...

    async def close_unsigned(self, attempt: Attempt, code: str) -> bool: ...

    async def mark_submitted(self, attempt_id: uuid.UUID) -> bool: ...

    async def mark_settled(self, attempt_id: uuid.UUID, code: str) -> bool: ...

    async def mark_dead(self, attempt_id: uuid.UUID, proof: str) -> bool: ...

    async def record_poll(self, attempt_id: uuid.UUID, detail: str) -> None: ...

    async def note_wait(self, attempt_id: uuid.UUID, reason: str) -> None: ...

    async def note_rejection(self, attempt_id: uuid.UUID, code: str) -> None: ...


class BatchPayoutsPort(Protocol):
    """Batches, and the holders of one batch."""

    async def lock(self, batch_id: uuid.UUID) -> BatchPayout: ...

    async def seconds_until_claimable(self, distribution_id: uuid.UUID) -> float | None: ...

    async def complete(self, batch_id: uuid.UUID, attempt_id: uuid.UUID, code: str) -> bool: ...

    async def mark_paid(self, batch: BatchPayout, attempt_id: uuid.UUID, failed: Sequence[str]) -> int: ...

    async def mark_failed(self, batch: BatchPayout, attempt_id: uuid.UUID, failures: dict[str, str]) -> int: ...

    async def release(self, batch: BatchPayout, attempt_id: uuid.UUID) -> int: ...

    async def tally(self, batch: BatchPayout) -> Tally: ...

    async def write_tally(
        self,
        batch: BatchPayout,
        tally: Tally,
        *,
        status: BatchStatus,
        slices: list[int] | None,
        error_message: str | None,
    ) -> None: ...

    async def hold_after_failure(
        self, batch_id: uuid.UUID, *, failures: int, shortest_seconds: float, longest_seconds: float
    ) -> None: ...


class DistributionsPort(Protocol):
    """Distributions that are being paid."""

    async def get(self, entity_id: uuid.UUID) -> Distribution: ...

    async def stop(self, distribution_id: uuid.UUID, code: str, message: str, next_step: NextStep) -> bool: ...

    async def finish(self, distribution_id: uuid.UUID) -> DistributionStatus | None: ...


class DueStartsPort(Protocol):
    """The reasons why distributions do not start or go on."""

    async def note_wait(self, distribution_id: uuid.UUID, reason: MassPayoutError | None) -> None: ...


class PausesPort(Protocol):
    """The pauses that last."""

    async def find(self, distribution_id: uuid.UUID) -> PauseInForce | None: ...


class PayersPort(Protocol):
    """Payers and their statements, and the server's facts about the database."""

    async def facts(self) -> DatabaseFacts: ...

    async def installation(self) -> Installation: ...

    async def find_of_account(self, account: str) -> Sequence[Payer]: ...

    async def register(self, ledger: str, account: str, installation: Installation) -> None: ...

    async def lock(self, payer_id: uuid.UUID) -> Payer: ...

    async def is_cleared(self, payer_id: uuid.UUID | None) -> bool: ...

    async def add_page(self, payer: Payer, page: StatementPage) -> bool: ...

    async def replace_entries(self, payer: Payer, page: StatementPage, after: int) -> None: ...

    async def match(self, payer_id: uuid.UUID) -> int: ...

    async def find_unmatched(
        self, payer_id: uuid.UUID, *, after: PayerEntry | None = None, limit: int = 100
    ) -> Sequence[PayerEntry]: ...

    async def find_vanished(self, payer: Payer, since: datetime, until: datetime) -> str | None: ...

    async def answer_unmarked(self, payer_id: uuid.UUID, before: datetime, reason: str) -> int: ...

    async def computes_amounts(self, account: str) -> bool: ...


class PayerBalancesPort(Protocol):
    """The balances of payers' statements."""

    async def has_unknown_opening(self, payer_id: uuid.UUID, token_id: str) -> bool: ...

    async def set_opening(self, payer_id: uuid.UUID, token_id: str, units: int) -> None: ...


class AdoptionsPort(Protocol):
    """The payouts that an entry of a statement may have paid."""

    async def find_marked(
        self, payer: str, token_id: str, obligation: str | None, distribution_id: uuid.UUID | None
    ) -> Sequence[Distribution]: ...

    async def find_by_ledger_key(
        self, payer: str, token_id: str, ledger_key: str, account: str
    ) -> Sequence[tuple[Distribution, int]]: ...

    async def find_owing(
        self, payer: str, token_id: str, account: str, amount_units: int
    ) -> Sequence[tuple[Distribution, int]]: ...

    async def lock_batch(self, distribution_id: uuid.UUID, batch_number: int) -> BatchPayout | None: ...

    async def rows(
        self, distribution_id: uuid.UUID, batch_number: int, accounts: Sequence[str]
    ) -> Mapping[str, AttachedRow]: ...

    async def adopt(self, entry: PayerEntry, batch: BatchPayout, total_amount: Decimal) -> None: ...


class LedgerBindingsPort(Protocol):
    """The ledgers that distributions are bound to."""

    async def note(self, thing: Distribution, identity: str) -> None: ...


class AuditEntriesPort(Protocol):
    """The end of the audit trail."""

    def note(self, **columns: Any) -> None: ...


class Recorder(Protocol):
    """A unit of work in which the audit trail can be written."""

    @property
    def audit_entries(self) -> AuditEntriesPort: ...


class Work(Recorder, Protocol):
    """A unit of work of the payment protocol."""

    @property
    def claims(self) -> ClaimsPort: ...

    @property
    def first_claims(self) -> FirstClaimsPort: ...

    @property
    def attempts(self) -> AttemptsPort: ...

    @property
    def batch_payouts(self) -> BatchPayoutsPort: ...

    @property
    def distributions(self) -> DistributionsPort: ...

    @property
    def due_starts(self) -> DueStartsPort: ...

    @property
    def pauses(self) -> PausesPort: ...

    @property
    def payers(self) -> PayersPort: ...

    @property
    def payer_balances(self) -> PayerBalancesPort: ...

    @property
    def adoptions(self) -> AdoptionsPort: ...

    @property
    def ledger_bindings(self) -> LedgerBindingsPort: ...

    async def rollback(self) -> None:
        """Undo what this unit of work wrote."""


class Store(Protocol):
    """The store of the rows."""

    @property
    def clock(self) -> Clock:
        """The store's time."""

    def unit_of_work(self) -> AbstractAsyncContextManager[Work]:
        """Open a unit of work: committed when the block ends, undone when it raises.

        Raises:
            DatabaseUnavailable: The store cannot be reached, or cannot say that it committed.
        """

    def single_statement(self) -> AbstractAsyncContextManager[Work]:
        """Open a unit of work of one question or change.

        Raises:
            DatabaseUnavailable: As ``unit_of_work``.
        """
