"""The doctor: named checks, each an invariant, run in order. Nothing is changed, and no check can stop the others."""

from masspayout.service.doctor import (
    clocks,
    control,
    database,
    ledger,
    oidc,
    payers,
    payouts,
    queries,
    replication,
    trail,
)
from masspayout.service.doctor.examination import Check, Examination, Opening, Result, Status, run_checks
from masspayout.service.doctor.readiness import Readiness, is_ready
from masspayout.settings import Settings

__all__ = ["CHECKS", "DEFAULT_SLOW_MS", "Opening", "Readiness", "Result", "Status", "examine", "is_ready"]

DEFAULT_SLOW_MS = 5000
_PATIENCE_SECONDS = 30.0

# docs/troubleshooting.md has a heading for each of them.
CHECKS = (
    Check("database server", database.server_answers),
    Check("login", database.login_is_accepted, needs="database server"),
    Check("database", database.database_exists, needs="login"),
    Check("server version", database.server_is_new_enough, needs="database"),
    Check("connections", database.connections_suffice, needs="server version"),
    Check("replication", replication.commits_are_as_safe_as_asked, needs="server version"),
    Check("migrations", database.is_migrated, needs="server version"),
    Check("tables", database.tables_are_ours, needs="migrations"),
    Check("indexes", database.indexes_are_there, needs="tables"),
    Check("query plans", queries.plans_use_indexes, needs="tables"),
    Check("slow queries", queries.nothing_is_slow, needs="tables"),
    Check("registers", payouts.registers_are_synced, needs="tables"),
    Check("worker", payouts.somebody_works, needs="tables"),
    Check("stalled jobs", payouts.no_job_is_stalled, needs="tables"),
    Check("failed jobs", payouts.no_job_failed, needs="tables"),
    Check("undecided transactions", payouts.transactions_are_decided, needs="tables"),
    Check("contract events", payouts.no_event_is_set_aside, needs="tables"),
    Check("due distributions", payouts.what_is_due_starts, needs="tables"),
    Check("failed distributions", payouts.no_distribution_waits_for_a_person, needs="tables"),
    Check("audit trail", control.audit_trail_is_whole, needs="tables"),
    Check("database roles", trail.application_only_adds_to_the_trail, needs="tables"),
    Check("audit head", trail.head_goes_out, needs="tables"),
    Check("policy", control.policy_can_be_met, needs="tables"),
    Check("webhooks", control.webhooks_are_taken, needs="tables"),
    Check("OpenID Connect", oidc.provider_lets_people_in),
    Check("clocks", clocks.clocks_agree, needs="database"),
    Check("ledger", ledger.ledger_answers, needs="tables"),
    Check("home ledger", ledger.payouts_are_bound_to_this_ledger, needs="ledger"),
    Check("payer statements", payers.payers_are_explained, needs="home ledger"),
    Check("payment tokens", ledger.tokens_can_be_paid_in, needs="home ledger"),
    Check("payer", ledger.payer_can_pay, needs="payment tokens"),
)


async def examine(
    settings: Settings,
    opening: Opening,
    *,
    slow_ms: int = DEFAULT_SLOW_MS,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> list[Result]:
    """Run all checks in order. A check that needs a failed one is not run.

    Args:
        settings: The settings of database and ledger.
        opening: The functions that open database and ledger.
        slow_ms: The duration from which on a statement counts as slow.
        patience_seconds: The time limit of one check.
    """
    examination = Examination(settings, slow_ms)
    examination.opening = opening
    async with examination.opened:
        return await run_checks(CHECKS, examination, patience_seconds)
