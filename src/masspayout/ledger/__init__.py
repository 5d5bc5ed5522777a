"""Ledgers: the outside systems that hold balances and move money, behind one port."""
