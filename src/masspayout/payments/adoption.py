"""Adoption: payments that the ledger shows and the database forgot are written down as the settled attempts they were.

A payment is adopted when it says which payout it paid, by its mark, and paid accounts of one planned batch exactly what
they are owed and have not been paid; or, unmarked, when it paid exactly one planned batch of several accounts. Anything
else is for a person to explain.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from masspayout import audit
from masspayout.db.entities import AttemptStatus, BatchPayout, Distribution, Payer, PayerEntry
from masspayout.db.repositories import AttachedRow
from masspayout.db.store import Work
from masspayout.kernel.money import to_decimal, to_units
from masspayout.kernel.obligations import Mark

_CONTRACT_KEY = "0x"

# One account that is sent just what it is owed may be sent it for something else: rent is no dividend. Two accounts
# with their two amounts, and nobody else of the batch left out, are the batch.
_FEWEST_UNMARKED = 2


class Finding(StrEnum):
    """The ways in which a debit is explained, or is not."""

    ADOPTED = "ADOPTED"
    WAITS = "WAITS"
    SECOND_HAND = "SECOND_HAND"
    UNKNOWN_PAYOUT = "UNKNOWN_PAYOUT"
    OTHER_INSTALLATION = "OTHER_INSTALLATION"
    ALREADY_PAID = "ALREADY_PAID"
    OTHER_AMOUNTS = "OTHER_AMOUNTS"
    UNMARKED = "UNMARKED"

    @property
    def sentence(self) -> str:
        """The sentence that tells a person why the debit stops its payer."""
        return _SENTENCES[self]


_SENTENCES = {
    Finding.ADOPTED: "it is a payment of a payout, and was written down.",
    Finding.WAITS: "it, or another transaction for the same holders, has still to settle.",
    Finding.SECOND_HAND: "another installation pays from the account now, with the same key.",
    Finding.UNKNOWN_PAYOUT: "it paid a payout that this database does not know.",
    Finding.OTHER_INSTALLATION: "it was paid by another installation.",
    Finding.ALREADY_PAID: "it paid accounts that had been paid for the same payout.",
    Finding.OTHER_AMOUNTS: "it paid other accounts, or other amounts, than its payout owes.",
    Finding.UNMARKED: "it carries no mark of a payout.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that an entry may have paid."""

    distribution: Distribution
    batch: BatchPayout
    by_contract: bool


class Adoption:
    """Explains entries of one payer's statement, inside one unit of work."""

    def __init__(self, work: Work, payer: Payer, installation_code: str) -> None:
        self._work = work
        self._payer = payer
        self._installation_code = installation_code
        self._adoptions = work.adoptions
        self._adopted: Counter[uuid.UUID] = Counter()
        # A payout has thousands of transactions, all of one mark.
        self._marked: dict[tuple[str, str | None, uuid.UUID | None], Sequence[Distribution]] = {}

    async def explain(self, entry: PayerEntry) -> Finding:
        """Adopt an entry, or return why it cannot be."""
        units = {account: int(each) for account, each in zip(entry.accounts, entry.units, strict=True)}
        if not units:
            return Finding.UNMARKED
        target = await self._target_of(entry, units)
        if isinstance(target, Finding):
            return target
        rows = await self._adoptions.rows(target.distribution.id, target.batch.batch_number, list(units))
        finding = _compare(target, rows, units)
        if finding is Finding.ADOPTED:
            await self._adopt(entry, target, rows)
            self._adopted[target.distribution.id] += 1
        return finding

    def record(self) -> None:
        """Have it written down in the audit trail what was adopted."""
        for distribution_id, count in self._adopted.items():
            facts = {"payer": self._payer.account, "transactions": count}
            audit.record(self._work, "distribution.payments_adopted", distribution_id, after=facts)

    async def _target_of(self, entry: PayerEntry, units: Mapping[str, int]) -> Target | Finding:
        """Return the batch that an entry says it paid, locked; or the only one that it can have paid."""
        mark, by_contract = Mark.read(entry.mark), (entry.mark or "").startswith(_CONTRACT_KEY)
        if mark is not None and mark.installation not in (None, self._installation_code):
            return Finding.OTHER_INSTALLATION
        candidates = await self._candidates(entry, mark, units)
        for distribution, batch_number in candidates:
            batch = await self._adoptions.lock_batch(distribution.id, batch_number)
            if batch is not None and (mark or by_contract or batch.total_holders == len(units)):
                return Target(distribution, batch, by_contract)
        if mark is None and not by_contract:
            return Finding.UNMARKED
        return Finding.OTHER_AMOUNTS if candidates else Finding.UNKNOWN_PAYOUT

    async def _candidates(
        self, entry: PayerEntry, mark: Mark | None, units: Mapping[str, int]
    ) -> Sequence[tuple[Distribution, int]]:
        payer, token_id = self._payer.account, entry.token_id
        first = next(iter(units))
        if mark is not None:
            key = (token_id, mark.obligation, mark.distribution_id)
            if key not in self._marked:
                self._marked[key] = await self._adoptions.find_marked(payer, *key)
            return [(distribution, mark.batch_number) for distribution in self._marked[key]]
        if (entry.mark or "").startswith(_CONTRACT_KEY):
            return await self._adoptions.find_by_ledger_key(payer, token_id, str(entry.mark), first)
        if len(units) < _FEWEST_UNMARKED:
            return []
        return await self._adoptions.find_owing(payer, token_id, first, units[first])

    async def _adopt(self, entry: PayerEntry, target: Target, rows: Mapping[str, AttachedRow]) -> None:
        attempts = self._work.attempts
        reserved = [row.attempt_id for row in rows.values() if row.attempt_status is AttemptStatus.RESERVED]
        for attempt_id in filter(None, dict.fromkeys(reserved)):
            # It was not signed since; if it was before, that is what the ledger shows.
            attempt = await attempts.get(attempt_id)
            await attempts.close_unsigned(attempt, "NUMBER_USED_BEFORE")
            await self._work.batch_payouts.release(target.batch, attempt.id)
        decimals = int(target.distribution.payment_token_decimals or 0)
        await self._adoptions.adopt(entry, target.batch, to_decimal(sum(map(int, entry.units)), decimals))


def _compare(target: Target, rows: Mapping[str, AttachedRow], units: Mapping[str, int]) -> Finding:
    """Compare what an entry paid with what its batch owes and has not paid."""
    decimals = int(target.distribution.payment_token_decimals or 0)
    owed = {account: to_units(row.amount or Decimal(0), decimals) for account, row in rows.items()}
    if any(row.paid and not (target.by_contract and not row.is_shown) for row in rows.values()):
        return Finding.ALREADY_PAID
    if owed != units:
        return Finding.OTHER_AMOUNTS
    sent = {AttemptStatus.SIGNED, AttemptStatus.SUBMITTED}
    if any(row.attempt_status in sent for row in rows.values()):
        return Finding.WAITS
    return Finding.ADOPTED
