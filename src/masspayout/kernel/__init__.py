"""Kernel: what every room stands on. Pure: no I/O, and nothing of ours is imported."""
