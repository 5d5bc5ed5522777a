"""Automation: what starts payouts by itself: series, the scheduler, events of contracts."""
