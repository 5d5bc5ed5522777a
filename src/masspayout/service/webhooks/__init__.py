"""Webhooks: other systems are told what becomes of payouts.

    targets      who wants to hear of what
    sealing      their secrets, encrypted in the database
    addresses    where they may lead, checked again on every connection
    deliveries   what happened is sent, signed, until it is taken or given up

What happens is written into an outbox by the database itself, in the transaction of the change, if somebody wants to
hear of it.
"""

from masspayout.service.webhooks import targets
from masspayout.service.webhooks.deliveries import Deliverer
from masspayout.service.webhooks.targets import DEFAULT_EVENTS

__all__ = ["DEFAULT_EVENTS", "Deliverer", "targets"]
