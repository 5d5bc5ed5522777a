"""Units of work: one transaction each, with all repositories."""

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db import repositories
from masspayout.db.entities import Distribution


class UnitOfWork(AsyncSession):
    """One transaction, and the repositories inside it. ``Database.unit_of_work`` opens, commits and closes it."""

    @property
    def adoptions(self) -> repositories.Adoptions:
        return repositories.Adoptions(self)

    @property
    def announced_payouts(self) -> repositories.AnnouncedPayouts:
        return repositories.AnnouncedPayouts(self)

    @property
    def api_tokens(self) -> repositories.ApiTokens:
        return repositories.ApiTokens(self)

    @property
    def approvals(self) -> repositories.Approvals:
        return repositories.Approvals(self)

    @property
    def assets(self) -> repositories.Assets:
        return repositories.Assets(self)

    @property
    def attempts(self) -> repositories.Attempts:
        return repositories.Attempts(self)

    @property
    def audit_entries(self) -> repositories.AuditEntries:
        return repositories.AuditEntries(self)

    @property
    def automatic_payouts(self) -> repositories.AutomaticPayouts:
        return repositories.AutomaticPayouts(self)

    @property
    def background_work(self) -> repositories.BackgroundWork:
        return repositories.BackgroundWork(self)

    @property
    def batch_payouts(self) -> repositories.BatchPayouts:
        return repositories.BatchPayouts(self)

    @property
    def bonds(self) -> repositories.Bonds:
        return repositories.Bonds(self)

    @property
    def calendar_days(self) -> repositories.CalendarDays:
        return repositories.CalendarDays(self)

    @property
    def claims(self) -> repositories.Claims:
        return repositories.Claims(self)

    @property
    def contract_events(self) -> repositories.ContractEvents:
        return repositories.ContractEvents(self)

    @property
    def distributions(self) -> repositories.Distributions:
        return repositories.Distributions(self)

    @property
    def due_starts(self) -> repositories.DueStarts:
        return repositories.DueStarts(self)

    @property
    def event_listeners(self) -> repositories.EventListeners:
        return repositories.EventListeners(self)

    @property
    def evm_tokens(self) -> repositories.EvmTokens:
        return repositories.EvmTokens(self)

    @property
    def evm_transactions(self) -> repositories.EvmTransactions:
        return repositories.EvmTransactions(self)

    @property
    def first_claims(self) -> repositories.FirstClaims:
        return repositories.FirstClaims(self)

    @property
    def holders(self) -> repositories.Holders:
        return repositories.Holders(self)

    @property
    def ledger_bindings(self) -> repositories.LedgerBindings:
        return repositories.LedgerBindings(self)

    @property
    def idempotent_requests(self) -> repositories.IdempotentRequests:
        return repositories.IdempotentRequests(self)

    @property
    def read_models(self) -> repositories.ReadModels:
        return repositories.ReadModels(self)

    @property
    def login_links(self) -> repositories.LoginLinks:
        return repositories.LoginLinks(self)

    @property
    def login_sessions(self) -> repositories.LoginSessions:
        return repositories.LoginSessions(self)

    @property
    def login_throttles(self) -> repositories.LoginThrottles:
        return repositories.LoginThrottles(self)

    @property
    def monitoring(self) -> repositories.Monitoring:
        return repositories.Monitoring(self)

    @property
    def overview(self) -> repositories.Overview:
        return repositories.Overview(self)

    @property
    def pauses(self) -> repositories.Pauses:
        return repositories.Pauses(self)

    @property
    def payer_balances(self) -> repositories.PayerBalances:
        return repositories.PayerBalances(self)

    @property
    def payers(self) -> repositories.Payers:
        return repositories.Payers(self)

    @property
    def payout_starts(self) -> repositories.PayoutStarts:
        return repositories.PayoutStarts(self)

    @property
    def policies(self) -> repositories.Policies:
        return repositories.Policies(self)

    @property
    def proposals(self) -> repositories.Proposals:
        return repositories.Proposals(self)

    @property
    def register_hashes(self) -> repositories.RegisterHashes:
        return repositories.RegisterHashes(self)

    @property
    def revived_state(self) -> repositories.RevivedState:
        return repositories.RevivedState(self)

    @property
    def series(self) -> repositories.SeriesRepository:
        return repositories.SeriesRepository(self)

    @property
    def users(self) -> repositories.Users:
        return repositories.Users(self)

    @property
    def webhooks(self) -> repositories.Webhooks:
        return repositories.Webhooks(self)

    def entitlements(self, distribution: Distribution) -> repositories.Entitlements:
        return repositories.Entitlements(self, distribution)

    def freeze(self, distribution: Distribution) -> repositories.Freeze:
        return repositories.Freeze(self, distribution)

    def supplied_entitlements(self, distribution: Distribution) -> repositories.SuppliedEntitlements:
        return repositories.SuppliedEntitlements(self, distribution)

    def reconciliation(self, distribution: Distribution) -> repositories.Reconciliations:
        return repositories.Reconciliations(self, distribution)
