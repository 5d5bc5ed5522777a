"""Entitlements: who is owed what, and the moment at which that is written."""
