"""What the hints of the business, which name commands, are called on a page."""

from masspayout.kernel.hints import Wording

# Each command by its words, and where in the dashboard the same is done.
_PLACES = {
    "asset list": "the page Assets",
    "asset show": "the asset's page",
    "asset holders": "the asset's page",
    "asset import": "“Import an asset” on the page Assets",
    "asset sync": "“Sync now” on the asset's page",
    "distribution create": "“New payout”",
    "distribution list": "the pages under Payouts",
    "distribution show": "the payout's page",
    "distribution preview": "“Review before paying” on the payout's page",
    "distribution execute": "“Execute” on the payout's page",
    "distribution approve": "“Approve” on the payout's page",
    "distribution retry": "“Retry all unpaid” on the payout's page",
    "distribution cancel": "“Cancel payout” on the payout's page",
    "distribution holders": "“Holders” on the payout's page",
    "distribution batches": "“Transactions” on the payout's page",
    "pay": "“Execute” on its page",
    "reconcile": "the proof on the payout's page",
    "series list": "the page Series",
    "series show": "the series' page",
    "listener list": "the page Listeners",
    "listener add": "the page Listeners",
    "listener enable": "“Switch on” on the page Listeners",
    "user list": "the page Users",
    "user add": "the page Users",
    "user link": "“Sign-in link” on the page Users",
    "user password": "“Password” on the page Users",
    "token list": "the page API tokens",
    "webhook list": "the page Webhooks",
    "webhook deliveries": "the page Webhooks",
}

# Each option by its name, and the field that says the same.
_FIELDS = {
    "--payout": "“How it is divided”",
    "--amount": "the total to divide",
    "--at": "“Pay at”",
    "--execution": "“What starts it”",
    "--frequency": "“How often”",
    "--start": "“The first one”",
    "--concept": "“What it is for”",
    "--payment-token": "the payment token",
    "--include": "“Pay all the same”",
    "--exclude": "“Exclude accounts”",
}

in_browser = Wording(_PLACES, _FIELDS)
