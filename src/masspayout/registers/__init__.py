"""Registers: assets and who holds them, and the ledger that each of them belongs to."""
