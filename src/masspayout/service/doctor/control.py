"""Checks of the audit trail, the policy and the webhooks."""

from masspayout import audit
from masspayout.controls import policy_findings
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.next_steps import Action, Part
from masspayout.service.doctor.examination import Examination, Problem

# ``audit verify`` verifies the whole trail, which takes time in proportion; the doctor checks the latest entries.
_LATEST_ENTRIES = 1000


async def audit_trail_is_whole(examination: Examination) -> str:
    """The database refuses to change the audit trail, and its latest entries are as they were written."""
    if not await examination.diagnosis.trail_is_guarded():
        raise Problem(
            "The triggers that guard the audit trail are gone or switched off.",
            "Find out who did that, execute ALTER TABLE audit_entry ENABLE TRIGGER USER, then: ",
            Action.VERIFY_AUDIT,
        )
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        found = await audit.verify_latest(work, _LATEST_ENTRIES)
    if not found.holds:
        raise Problem(
            f"The audit trail was tampered with, in {found.break_count} place(s) of its latest entries: "
            f"{found.breaks[0].rstrip('.')}.",
            "See all of it, and find out who was at the tables: ",
            Action.VERIFY_AUDIT,
            details=found.breaks,
        )
    return f"The latest {found.entry_count:,} entries are what was written."


async def policy_can_be_met(examination: Examination) -> str:
    """There are enough people to approve what the policy, and the environment, want approved."""
    if not await examination.diagnosis.starts_are_guarded():
        raise Problem(
            "The triggers that let no payout begin without its approvals are gone or switched off.",
            "Find out who did that, ALTER TABLE distribution ENABLE TRIGGER require_approvals, and do the same for "
            "require_approvals_of_new, then: ",
            Action.EXAMINE,
        )
    async with examination.diagnosis.connection() as connection, UnitOfWork(connection) as work:
        found = await policy_findings.find(work, examination.settings)
    if found.missing:
        raise Problem(
            f"Nobody can meet the policy, so what needs approvals cannot start: {found.missing}.",
            "Add people who may approve: ",
            Action.ADD_ADMIN,
        )
    version = "No policy is written" if found.number is None else f"Version {found.number} is in force"
    sentence = f"{version}. {' '.join(found.content.sentences)}"
    return f"{sentence} {found.difference}".rstrip()


async def webhooks_are_taken(examination: Examination) -> str:
    """Every webhook accepts its deliveries."""
    troubled = await examination.diagnosis.troubled_webhooks()
    if not troubled:
        return "All deliveries were accepted, or there are no webhooks."
    first = troubled[0]
    how = f": {first.given_up:,} given up within a day, {first.overdue:,} waiting for more than an hour"
    then: tuple[Part, ...] = (", and send again what was given up: ", Action.SEND_DELIVERY_AGAIN)
    if first.off_since is not None:
        how = f" accepted nothing since {first.off_since:%Y-%m-%d %H:%M} UTC and is switched off"
        then = (", and switch it on again: ", Action.ENABLE_WEBHOOK.on(first.id))
    raise Problem(
        f"{len(troubled)} webhook(s) do not accept their deliveries; {first.url}{how}. {first.error or ''}".rstrip(),
        "Fix the target, test it with ",
        Action.TRY_WEBHOOK.on(first.id),
        *then,
        details=[f"{row.url}: {row.given_up:,} given up, {row.overdue:,} overdue" for row in troubled],
    )
