"""What the hints of the business, which name commands, are called over HTTP."""

from masspayout.kernel.hints import Wording

# Each command by its words, with what follows them, and the route that does the same.
_ROUTES = {
    "asset list": "GET /api/v1/assets",
    "asset holders": "GET /api/v1/assets/{}/holders",
    "asset import": "POST /api/v1/assets/import",
    "asset sync": "POST /api/v1/assets/{}/sync",
    "distribution create": "POST /api/v1/assets/ASSET/distributions",
    "distribution list": "GET /api/v1/distributions",
    "distribution show": "GET /api/v1/distributions/{}",
    "distribution preview": "GET /api/v1/distributions/{}/preview",
    "distribution execute": "POST /api/v1/distributions/{}/execute",
    "distribution approve": "POST /api/v1/distributions/{}/approve",
    "distribution retry": "POST /api/v1/distributions/{}/retry",
    "distribution cancel": "POST /api/v1/distributions/{}/cancel",
    "distribution holders": "GET /api/v1/distributions/{}/holders",
    "series list": "GET /api/v1/series",
    "series show": "GET /api/v1/series/{}",
    "reconcile": "GET /api/v1/distributions/{}/reconciliation",
    "listener list": "GET /api/v1/listeners",
    "listener add": "POST /api/v1/listeners",
    "listener enable": "PATCH /api/v1/listeners/{}",
    "token list": "GET /api/v1/tokens",
}

# Each option by its name, and the field that says the same.
_FIELDS = {
    "--payout": "payout_type",
    "--amount": "amount",
    "--at": "scheduled_time",
    "--execution": "execution_type",
    "--frequency": "frequency",
    "--start": "start_time",
    "--trigger": "trigger_condition",
    "--concept": "concept",
    "--payment-token": "payment_token_id",
    "--include": "included_accounts",
    "--exclude": "excluded_accounts",
    "--allow-unpayable": "allow_unpayable=true",
}

over_http = Wording(_ROUTES, _FIELDS)
