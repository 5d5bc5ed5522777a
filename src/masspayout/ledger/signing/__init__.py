"""Signing keys, in this process or with a custodian."""
