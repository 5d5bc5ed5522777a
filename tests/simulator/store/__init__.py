"""The store of the simulation: the store port on dictionaries."""
