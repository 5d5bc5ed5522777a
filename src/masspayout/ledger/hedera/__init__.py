"""Hedera: holders and balances from mirror nodes, payments as native transfers through consensus nodes.

Needs the extra ``hedera``; only the runtime imports it, when ``LEDGER=hedera``.
"""
