"""Next steps in the words of the API: requests and their fields."""

from masspayout.kernel.next_steps import Action, Field, wording
from masspayout.kernel.payout_terms import TERMS

# Each action, and the request that does it. ``{}`` stands for its subject.
_REQUESTS = {
    Action.LIST_ASSETS: "GET /api/v1/assets",
    Action.LIST_HOLDERS: "GET /api/v1/assets/{}/holders",
    Action.IMPORT_ASSET: "POST /api/v1/assets/import with token_id {}",
    Action.NAME_PAYMENT_TOKEN: "POST /api/v1/assets/import with token_id {} and payment_token_id",
    Action.NAME_CONTRACT: "POST /api/v1/assets/import with token_id {} and lifecycle_contract_id",
    Action.SYNC_REGISTER: "POST /api/v1/assets/{}/sync",
    Action.CREATE_DISTRIBUTION: "POST /api/v1/assets/ASSET/distributions",
    Action.LIST_DISTRIBUTIONS: "GET /api/v1/distributions",
    Action.SHOW_DISTRIBUTION: "GET /api/v1/distributions/{}",
    Action.EXECUTE_DISTRIBUTION: "POST /api/v1/distributions/{}/execute",
    Action.APPROVE_DISTRIBUTION: "POST /api/v1/distributions/{}/approve",
    Action.RETRY_DISTRIBUTION: "POST /api/v1/distributions/{}/retry",
    Action.CANCEL_DISTRIBUTION: "POST /api/v1/distributions/{}/cancel",
    Action.PAUSE_DISTRIBUTION: "POST /api/v1/distributions/{}/pause",
    Action.RESUME_DISTRIBUTION: "POST /api/v1/distributions/{}/resume",
    Action.RESUME_ASSET: "POST /api/v1/assets/{}/resume",
    Action.RESUME_INSTALLATION: "POST /api/v1/resume",
    Action.SEND_BACK: "POST /api/v1/distributions/{}/send-back",
    Action.RESUBMIT: "POST /api/v1/distributions/{}/resubmit",
    Action.LIST_UNPAID: "GET /api/v1/distributions/{}/holders?paid=false",
    Action.LIST_BATCHES: "GET /api/v1/distributions/{}/batches",
    Action.PAY_LIST: "POST /api/v1/distributions/ID/execute",
    Action.PAY_NEW_LIST: "POST /api/v1/assets/ASSET/distributions with the list as text/csv",
    Action.RECONCILE: "GET /api/v1/distributions/{}/reconciliation",
    Action.LIST_SERIES: "GET /api/v1/series",
    Action.SHOW_SERIES: "GET /api/v1/series/{}",
    Action.LIST_LISTENERS: "GET /api/v1/listeners",
    Action.ADD_LISTENER: "POST /api/v1/listeners with contract_id {}",
    Action.ENABLE_LISTENER: "PATCH /api/v1/listeners/{}",
    Action.SHOW_POLICY: "GET /api/v1/policy",
    Action.PROPOSE_POLICY: "POST /api/v1/policy",
    Action.LIST_PROPOSALS: "GET /api/v1/proposals",
    Action.SHOW_PROPOSAL: "GET /api/v1/proposals/{}",
    Action.APPROVE_PROPOSAL: "POST /api/v1/proposals/{}/approve",
    Action.REFUSE_PROPOSAL: "POST /api/v1/proposals/{}/refuse",
    Action.WITHDRAW_PROPOSAL: "POST /api/v1/proposals/{}/withdraw",
    Action.LIST_TOKENS: "GET /api/v1/tokens",
    Action.LIST_WEBHOOKS: "GET /api/v1/webhooks",
    Action.LIST_DELIVERIES: "GET /api/v1/webhooks/ID/deliveries",
    Action.SEND_DELIVERY_AGAIN: "POST /api/v1/webhooks/deliveries/ID/redeliver",
}

# Each field that a request has, by its name there.
_FIELDS = {field: field.name.lower() for field in Field if field.name.lower() in TERMS} | {
    Field.ALLOW_UNPAYABLE: "allow_unpayable=true",
    Field.LIFECYCLE_CONTRACT: "lifecycle_contract_id",
}


# What is said of a list alone stands in the address: the list itself is the body.
_OF_LISTS = {Field.ALLOW_UNPAYABLE}


over_http = wording(_REQUESTS, _FIELDS)


def place_of(field: Field) -> str | None:
    """Return where a request has a field, such as ``body.amount``; None when none has it."""
    name = _FIELDS.get(field)
    if name is None:
        return None
    return f"{'query' if field in _OF_LISTS else 'body'}.{name.partition('=')[0]}"
