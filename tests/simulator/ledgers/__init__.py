"""Ledger networks of the simulation: what the real ones do with messages, as far as the payment protocol sees it."""
