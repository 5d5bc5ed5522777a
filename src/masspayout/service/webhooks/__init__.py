"""Webhooks: events of payouts, sent to other systems.

    targets      the subscribers and their event types
    addresses    the addresses that they may have, checked again on every connection
    deliveries   events are sent, signed, until a target accepts them or they are given up

The database itself writes events into an outbox, in the transaction of the change, if a webhook subscribes to them.
"""

from masspayout.service.webhooks import targets
from masspayout.service.webhooks.deliveries import Deliverer
from masspayout.service.webhooks.targets import DEFAULT_EVENTS

__all__ = ["DEFAULT_EVENTS", "Deliverer", "targets"]
