"""Distributions: the life of a payout: planned, begun, stopped, tried again, cancelled."""

from masspayout.distributions.lifecycle import cancel, conflict, create, find, read_register, reopen_unfrozen

__all__ = ["cancel", "conflict", "create", "find", "read_register", "reopen_unfrozen"]
