"""Next steps in the words of the dashboard: its pages, buttons and labels."""

from masspayout.db.entities import Distribution
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.next_steps import Action, Field, NextStep, wording
from masspayout.kernel.payout_terms import TERMS

# Each action, and where in the dashboard it is done.
_PLACES = {
    Action.LIST_ASSETS: "the page Assets",
    Action.LIST_HOLDERS: "the asset's page",
    Action.IMPORT_ASSET: "“Import an asset” on the page Assets",
    Action.NAME_PAYMENT_TOKEN: "“Import an asset” on the page Assets",
    Action.NAME_CONTRACT: "“Import an asset” on the page Assets",
    Action.SYNC_REGISTER: "“Sync now” on the asset's page",
    Action.CREATE_DISTRIBUTION: "“New payout”",
    Action.LIST_DISTRIBUTIONS: "the pages under Payouts",
    Action.SHOW_DISTRIBUTION: "the payout's page",
    Action.EXECUTE_DISTRIBUTION: "“Execute” on the payout's page",
    Action.APPROVE_DISTRIBUTION: "“Approve” on the payout's page",
    Action.RETRY_DISTRIBUTION: "“Retry all unpaid” on the payout's page",
    Action.CANCEL_DISTRIBUTION: "“Cancel payout” on the payout's page",
    Action.PAUSE_DISTRIBUTION: "“Pause” on the payout's page",
    Action.RESUME_DISTRIBUTION: "“Resume” on the payout's page",
    Action.RESUME_ASSET: "“Resume” on the asset's page",
    Action.RESUME_INSTALLATION: "“Resume” on the page Overview",
    Action.SEND_BACK: "“Send back” on the payout's page",
    Action.RESUBMIT: "“Ask again” on the payout's page",
    Action.LIST_UNPAID: "“Holders” on the payout's page",
    Action.LIST_BATCHES: "“Transactions” on the payout's page",
    Action.PAY_LIST: "“Execute” on its page",
    Action.PAY_NEW_LIST: "“New payout”",
    Action.RECONCILE: "“Reconcile now” on the payout's page",
    Action.LIST_SERIES: "the page Series",
    Action.SHOW_SERIES: "the series' page",
    Action.LIST_LISTENERS: "the page Listeners",
    Action.ADD_LISTENER: "the page Listeners",
    Action.ENABLE_LISTENER: "“Switch on” on the page Listeners",
    Action.SHOW_POLICY: "the page Policy",
    Action.LIST_PROPOSALS: "the page Policy",
    Action.SHOW_PROPOSAL: "the page Policy",
    Action.APPROVE_PROPOSAL: "“Approve” on the page Policy",
    Action.REFUSE_PROPOSAL: "“Refuse” on the page Policy",
    Action.WITHDRAW_PROPOSAL: "“Withdraw” on the page Policy",
    Action.CREATE_TOKEN_OF: "“Owner” on the page API tokens",
    Action.LIST_USERS: "the page Users",
    Action.ADD_ADMIN: "the page Users",
    Action.CHANGE_PASSWORD: "“Password” on the page Users",
    Action.MAKE_LOGIN_LINK: "“Sign-in link” on the page Users",
    Action.LIST_TOKENS: "the page API tokens",
    Action.CREATE_TOKEN: "the page API tokens",
    Action.LIST_WEBHOOKS: "the page Webhooks",
    Action.LIST_DELIVERIES: "the page Webhooks",
}

# Each field that a page has, by its label.
_LABELS = {field: f"“{TERMS[field.name.lower()].label}”" for field in Field if field.name.lower() in TERMS}


in_browser = wording(_PLACES, _LABELS)


def words_of(error: MassPayoutError) -> str:
    """Return the sentence of an error, with its next step."""
    return with_next_step(error.message, error.next_step)


def why_unpaid(distribution: Distribution) -> str:
    """Return the reason for which a distribution does not go on, with the next step."""
    return with_next_step(distribution.failure_message, distribution.failure_next_step)


def with_next_step(message: str | None, next_step: NextStep | None) -> str:
    """Return a message and what to do next, where there is either."""
    return f"{message or ''} {next_step.said(in_browser) if next_step else ''}".strip()
