"""Links to the ledger's explorer, where anybody can see a transaction."""

from urllib.parse import quote

from masspayout.dashboard.markup import Html, h
from masspayout.settings import Settings

_LONGEST = 40


def transaction(settings: Settings, transaction_id: str | None) -> Html:
    """Return a transaction's id, as a link if there is an explorer."""
    if transaction_id is None:
        return h("span", "not signed yet", class_="faint")
    shown = transaction_id if len(transaction_id) <= _LONGEST else f"{transaction_id[:12]}…{transaction_id[-8:]}"
    text = h("span", shown, class_="id", title=transaction_id)
    if settings.explorer_url is None:
        return text
    address = settings.explorer_url.replace("{transaction}", quote(transaction_id, safe=""))
    return h("a", text, href=address, target="_blank", rel="noopener noreferrer")
