"""The gate of a payer: nothing is signed for it while the ledger shows what the database does not know.

The statement of a payer is read before a process first signs for it, again and again while it pays, and whenever
something hints that the database forgot: it has another identity or another server, or does not know any more what
this process committed. A hint is never a condition; it only says how far the statement must be read.
"""

import asyncio
import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from masspayout import audit
from masspayout.db.entities import Payer, PayerEntry
from masspayout.db.repositories import DatabaseFacts
from masspayout.db.store import PayersPort, Store, Work
from masspayout.kernel.errors import LedgerUnavailable, PayerStopped
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.obligations import is_mark
from masspayout.ledger.port import Ledger
from masspayout.payments import payer_statements
from masspayout.payments.adoption import Adoption, Finding
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# While a payer is in doubt: how long until its statement is read again.
_LONGEST_WAIT_SECONDS = 5.0

_RESTORED = (
    "The database is not the one that last signed for this payer: it was restored, copied or failed over, and may not "
    "know all that was paid."
)
_CONTRACT_COMPUTED = "A contract that works out the amounts itself paid it, and remembers whom it paid for what."
_FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_NOT_SYNCHRONOUS = (
    "the database's server commits without waiting for a standby, so a failover could lose what was signed, and "
    "REQUIRE_SYNCHRONOUS=true forbids that."
)
_MAKE_SYNCHRONOUS = NextStep(
    "Set synchronous_standby_names on the server and synchronous_commit to on, or unset REQUIRE_SYNCHRONOUS, then: ",
    Action.EXAMINE,
)
_EARLIER = "It was there before this database first paid from the account, and carries no mark of a payout."


@dataclass(frozen=True, slots=True)
class GateState:
    """The state of a payer's gate: open if it may be signed for.

    Attributes:
        payer_id: Its row.
        installation: The code that marks the payments of this installation.
        is_open: It may.
        sentence: Why not.
        needs_person: Only a person can open it; else it opens by itself.
        wait_seconds: How long until it is worth looking again.
        next_step: The next step; unless given, to show the payer.
    """

    payer_id: uuid.UUID
    installation: str
    is_open: bool
    sentence: str = ""
    needs_person: bool = False
    wait_seconds: float = 0.0
    next_step: NextStep = field(default_factory=NextStep)

    def stop(self, account: str) -> PayerStopped:
        """Return the error that tells a person."""
        next_step = self.next_step or NextStep("See: ", Action.SHOW_PAYER.on(account))
        return PayerStopped(f"Nothing is paid from {account}: {self.sentence}", next_step)


class PayerGate:
    """The gates of the payers that this process signs for."""

    def __init__(self, store: Store, ledger: Ledger, settings: Settings, identity: str | None = None) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self._identity = identity
        self._reading = asyncio.Lock()
        self._states: dict[str, GateState] = {}
        self._read_at: dict[str, float] = {}
        self._doubts: dict[str, str] = {}

    def state(self, account: str) -> GateState | None:
        """Return what was last found of a payer; None before its first sync."""
        return self._states.get(account)

    def close(self, account: str, doubt: str | None = None) -> None:
        """Have a payer synced before anything else is signed for it.

        Args:
            account: The payer's account.
            doubt: A sentence that says what hints that the database forgot something.
        """
        self._read_at.pop(account, None)
        if account in self._states:
            self._states[account] = replace(self._states[account], is_open=False)
        if doubt is not None:
            self._doubts[account] = doubt
            _log.error("payer %s is in doubt: %s", account, doubt)

    async def sync(self, account: str) -> GateState:
        """Read a payer's statement where that is due, adopt what it explains, and return whether the payer is open.

        Raises:
            LedgerUnavailable: The statement cannot be read now.
        """
        async with self._reading:
            known = self._states.get(account)
            if known is not None and not self._is_due(account, known):
                return known
            payer, began = await self._begin(account, is_first_read=known is None)
            await payer_statements.read_on(self._store, self._ledger, payer)
            found = await self._judge(payer.id, began)
            if account in self._doubts:  # somebody came upon a reason meanwhile
                found = replace(found, is_open=False)
            self._states[account], self._read_at[account] = found, self._store.clock.steady_seconds()
            if not found.is_open and (known is None or known.sentence != found.sentence):
                _log.warning("payer %s: %s", account, found.sentence)
            return found

    async def sync_while_paying(self, account: str) -> None:
        """Sync a payer while it pays. When the ledger cannot be read just now, it goes on as it was."""
        try:
            await self.sync(account)
        except LedgerUnavailable as error:
            _log.warning("payer %s: its statement cannot be read now: %s", account, error)
            self._read_at[account] = self._store.clock.steady_seconds()

    def _is_due(self, account: str, known: GateState) -> bool:
        if account in self._doubts:
            return True
        read_at = self._read_at.get(account)
        pause_seconds = self._settings.statement_seconds if known.is_open else known.wait_seconds
        return read_at is None or self._store.clock.steady_seconds() - read_at >= pause_seconds

    async def _begin(self, account: str, *, is_first_read: bool) -> tuple[Payer, DatabaseFacts]:
        """Return the payer's row, with what hints at a database that forgot written on it, and whose row it is."""
        ledger = self._identity or await self._ledger.identity()
        settling_seconds = await self._ledger.settling_seconds()
        present = await self._ledger_now()
        async with self._store.unit_of_work() as work:
            payers = work.payers
            payer = await payer_statements.find_or_register(payers, ledger, account)
            payer = await payers.lock(payer.id)
            facts = await payers.facts()
            now = max(present, payer.read_until or present)
            noted = doubt = self._doubts.get(account)
            if payer.identity != facts.identity:
                doubt = doubt or _RESTORED
            if doubt is not None:
                _set_doubt(work, payer, doubt, now, settling_seconds)
            elif payer.cleared_for not in (None, facts.clearance):
                # The server was started anew: nothing says that anything is lost, but the disk may have been put back.
                payer.cleared_for, payer.read_required_until = None, now if settling_seconds else None
            payer.identity = facts.identity
            if is_first_read or doubt is not None:
                payer.watched_since = now
        if self._doubts.get(account) is noted:  # it is written on the payer now
            self._doubts.pop(account, None)
        return payer, facts

    async def _ledger_now(self) -> datetime:
        """Return the ledger's time: ours, or a later one that it has shown by now."""
        lead_seconds = await self._ledger.clock_lead_seconds()
        return await self._store.clock.now() + timedelta(seconds=max(0.0, lead_seconds or 0.0))

    async def _judge(self, payer_id: uuid.UUID, began: DatabaseFacts) -> GateState:
        """Adopt what can be, and open or close the gate, by a statement that was read since some facts were true."""
        settling = timedelta(seconds=await self._ledger.settling_seconds())
        async with self._store.unit_of_work() as work:
            payers = work.payers
            payer, facts, installation = await payers.lock(payer_id), await payers.facts(), await payers.installation()
            if facts.clearance != began.clearance:
                # Another database answers than the one that the statement was read into: it is read again.
                return GateState(payer_id, installation.code, is_open=False, sentence=_RESTORED)
            await payers.match(payer_id)
            findings = await self._explain(work, payer, installation.code, settling)
            if findings.get(Finding.UNMARKED) and await self._answer_unmarked(payers, payer, facts.time):
                findings = await self._explain(work, payer, installation.code, settling)
            vanished = await _find_vanished(payers, payer, settling, began.time)
            payer.read_at = facts.time
            state = _state_of(payer, findings, installation.code, vanished)
            if state.is_open and self._settings.require_synchronous and not facts.is_synchronous:
                # The payer itself stays in order: a process that does not ask for more may pay.
                return _closed_until_synchronous(state)
            if state.is_open:
                payer.doubt_since = payer.doubt_reason = payer.read_required_until = None
            payer.cleared_for = facts.clearance if state.is_open else None
        return state

    @staticmethod
    async def _answer_unmarked(payers: PayersPort, payer: Payer, now: datetime) -> bool:
        """Answer what carries no mark and needs no person: a contract keeps count itself, or it was there before us."""
        if await payers.computes_amounts(payer.account):
            await payers.answer_unmarked(payer.id, _FAR_AHEAD, _CONTRACT_COMPUTED)
        elif payer.read_at is None:
            await payers.answer_unmarked(payer.id, payer.watched_since or now, _EARLIER)
        else:
            return False
        return True

    async def _explain(
        self, work: Work, payer: Payer, installation_code: str, settling: timedelta
    ) -> dict[Finding, PayerEntry]:
        """Explain the unmatched entries of a payer; return the first one of each kind that could not be."""
        adoption, last = Adoption(work, payer, installation_code), None
        findings: dict[Finding, PayerEntry] = {}
        while entries := await work.payers.find_unmatched(payer.id, after=last):
            for entry in entries:
                finding = await self._explain_one(adoption, payer, entry, settling)
                if finding is not Finding.ADOPTED:
                    findings.setdefault(finding, entry)
            last = entries[-1]
        adoption.record()
        return findings

    @staticmethod
    async def _explain_one(adoption: Adoption, payer: Payer, entry: PayerEntry, settling: timedelta) -> Finding:
        watched_since, read_until = payer.watched_since, payer.read_until
        if settling and watched_since is not None and entry.occurred_at > watched_since + settling:
            return Finding.SECOND_HAND
        is_of_before = payer.read_at is None and not is_mark(entry.mark)
        if settling and not is_of_before and read_until is not None and entry.occurred_at + settling > read_until:
            return Finding.WAITS
        return await adoption.explain(entry)


async def sync_payer(
    store: Store, ledger: Ledger, settings: Settings, account: str, *, identity: str | None = None
) -> GateState:
    """Read a payer's statement once, adopt what it explains, and return whether the payer is open.

    Args:
        store: The store of statements.
        ledger: The ledger.
        settings: The settings of gates.
        account: The payer's account.
        identity: The ledger's identity, where it was asked before.

    Raises:
        LedgerUnavailable: The statement cannot be read now.
    """
    return await PayerGate(store, ledger, settings, identity).sync(account)


def _set_doubt(work: Work, payer: Payer, reason: str, now: datetime, settling_seconds: int) -> None:
    payer.doubt_since, payer.doubt_reason, payer.cleared_for = now, reason, None
    payer.read_required_until = now + timedelta(seconds=settling_seconds) if settling_seconds else None
    audit.record(work, "payer.doubted", payer.account, after={"reason": reason, "doubt_since": now})


def _closed_until_synchronous(state: GateState) -> GateState:
    return replace(
        state,
        is_open=False,
        sentence=_NOT_SYNCHRONOUS,
        needs_person=True,
        wait_seconds=_LONGEST_WAIT_SECONDS,
        next_step=_MAKE_SYNCHRONOUS,
    )


async def _find_vanished(payers: PayersPort, payer: Payer, settling: timedelta, began_at: datetime) -> str | None:
    """Return a payment that settled since the last reading and that this one should have shown, and did not."""
    if not settling:
        return None
    since = _LONG_AGO if payer.read_at is None else payer.read_at - 2 * settling
    return await payers.find_vanished(payer, since, began_at - settling)


def _state_of(
    payer: Payer, findings: dict[Finding, PayerEntry], installation_code: str, vanished: str | None
) -> GateState:
    """Return whether a payer may be signed for, after its statement was read."""
    if vanished is not None:
        sentence = f"the ledger does not show {vanished} any more, which it had settled."
        return GateState(
            payer.id, installation_code, is_open=False, sentence=sentence, needs_person=True, wait_seconds=60
        )
    if payer.installation != installation_code:
        sentence = (
            f"it belongs to the installation {payer.installation}, of which this database ({installation_code}) is a "
            "copy."
        )
        return GateState(
            payer.id, installation_code, is_open=False, sentence=sentence, needs_person=True, wait_seconds=60
        )
    unexplained = {finding: entry for finding, entry in findings.items() if finding is not Finding.WAITS}
    if unexplained:
        finding, entry = next(iter(unexplained.items()))
        sentence = (
            "the ledger shows payments from it that this database does not know, such as "
            f"{entry.transaction_id}: {finding.sentence}"
        )
        return GateState(
            payer.id,
            installation_code,
            is_open=False,
            sentence=sentence,
            needs_person=True,
            wait_seconds=_LONGEST_WAIT_SECONDS,
        )
    required = payer.read_required_until
    if findings or payer.is_being_read:
        reason = (payer.doubt_reason or "payments of before have still to settle.").rstrip(".")
        until = "" if required is None else f" Its statement is read until {required:%Y-%m-%d %H:%M:%S} UTC first."
        return GateState(payer.id, installation_code, is_open=False, sentence=f"{reason}.{until}", wait_seconds=1.0)
    return GateState(payer.id, installation_code, is_open=True)
