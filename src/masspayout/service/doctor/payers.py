"""The check of the payers: the ledger shows no payment of theirs that the database does not know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from masspayout.db.entities import Payer
from masspayout.db.repositories import Payers
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Invalid
from masspayout.kernel.movements import StatementEntry
from masspayout.kernel.next_steps import Action
from masspayout.kernel.obligations import is_mark
from masspayout.ledger.identity import contradict
from masspayout.service.doctor.examination import Examination, Problem

# The unread part of a statement is read up to this limit: 5,000 transactions, at a hundred a page.
_PAGES_AT_MOST = 50
_SHOWN = 10


@dataclass(slots=True)
class _Findings:
    """The findings about one payer."""

    account: str
    unknown_count: int = 0
    unknown: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, transaction_ids: Sequence[str]) -> None:
        self.unknown_count += len(transaction_ids)
        self.unknown.extend(transaction_ids[: _SHOWN - len(self.unknown)])


async def payers_are_explained(examination: Examination) -> str:
    """Every debit of a payer on the ledger is a payment of ours, or was explained by a person."""
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        payers = work.payers
        is_new = not await payers.find_known() and not await work.ledger_bindings.find_token_ledgers()
        is_left_alone = not examination.settings.sandbox_database_url and not await examination.ledger.examine()
        if is_new and is_left_alone:
            return "Nothing was paid yet, and the ledger is one that is left alone until it is used."
        identity = await examination.ledger.identity()
        known = [payer for payer in await payers.find_known() if not contradict(payer.ledger, identity)]
        facts, installation = await payers.facts(), await payers.installation()
        found = [await _find_of(examination, payers, payer, facts.identity, installation.code) for payer in known]
        if examination.settings.payer_account_id not in {payer.account for payer in known}:
            found.append(await _find_of_new(examination, payers, examination.settings.payer_account_id))
    troubled = [one for one in found if one.unknown_count or one.reasons]
    if not troubled:
        return f"The statements of {len(known)} payer(s) hold nothing unknown." if known else "Nothing was paid yet."
    first = troubled[0]
    words = [f"{first.unknown_count:,} payment(s) of it are unknown to this database."] if first.unknown_count else []
    raise Problem(
        f"Nothing is signed for {first.account} now: {' '.join([*first.reasons, *words])}",
        "Read what the ledger shows, and explain the rest: ",
        Action.RECOVER,
        details=[f"{one.account}: {transaction_id}" for one in troubled for transaction_id in one.unknown],
    )


async def _find_of(
    examination: Examination, payers: Payers, payer: Payer, identity: str, installation_code: str
) -> _Findings:
    found = _Findings(payer.account)
    if payer.installation != installation_code:
        found.reasons.append(f"It belongs to the installation {payer.installation}, of which this database is a copy.")
    if payer.identity != identity:
        found.reasons.append("This database was restored, copied or failed over since it last signed for it.")
    elif payer.doubt_since is not None:
        found.reasons.append(f"It is in doubt since {payer.doubt_since:%Y-%m-%d %H:%M:%S} UTC. {payer.doubt_reason}")
    stored = await payers.find_unmatched(payer.id, limit=_SHOWN)
    found.add([entry.transaction_id for entry in stored])
    found.unknown_count += await payers.count_unmatched(payer.id) - len(stored)
    await _read_on(examination, payers, found, payer.cursor)
    return found


async def _find_of_new(examination: Examination, payers: Payers, account: str) -> _Findings:
    """Find payments of payouts from an account that this database never paid from."""
    found = _Findings(account)
    try:
        await _read_on(examination, payers, found, None, marked_only=True)
    except Invalid:
        # The account cannot pay on this ledger, which the check of the payer reports.
        return found
    if found.unknown_count:
        found.reasons.append("It paid payouts before this database ever paid from it.")
    return found


async def _read_on(
    examination: Examination, payers: Payers, found: _Findings, cursor: int | None, *, marked_only: bool = False
) -> None:
    """Check the statement behind a cursor. Nothing is written."""
    pages_left = _PAGES_AT_MOST
    async for page in examination.ledger.statement(found.account, after=cursor):
        entries = [entry for entry in page.entries if not marked_only or is_mark(entry.mark)]
        found.add(await _unknown(payers, entries))
        pages_left -= 1
        if not pages_left:
            found.reasons.append(
                f"Its statement is long, and looked at only up to {page.read_until:%Y-%m-%d %H:%M} UTC."
            )
            return


async def _unknown(payers: Payers, entries: Sequence[StatementEntry]) -> list[str]:
    ids = [entry.transaction_id for entry in entries]
    known = await payers.find_explained(ids)
    return [transaction_id for transaction_id in ids if transaction_id not in known]
