"""Payments: batches and attempts, statements of payers, recovery and reconciliation. No terms and no calendars."""
