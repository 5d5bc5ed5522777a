"""Automation: what starts payouts by itself: series, the scheduler, events of contracts."""

from masspayout.automation import contract_pauses, event_listeners, orphans, scheduler, series
from masspayout.automation.event_listeners import EventReader, Polled
from masspayout.automation.scheduling import next_number, occurrence
from masspayout.automation.series import DEFAULT_CATCH_UP, Calendar
from masspayout.automation.triggers import Trigger, parse_trigger
from masspayout.kernel.time_zones import find_zone

__all__ = [
    "DEFAULT_CATCH_UP",
    "Calendar",
    "EventReader",
    "Polled",
    "Trigger",
    "contract_pauses",
    "event_listeners",
    "find_zone",
    "next_number",
    "occurrence",
    "orphans",
    "parse_trigger",
    "scheduler",
    "series",
]
