"""Conformance: what every ledger adapter must do. An adapter's own tests subclass ``LedgerConformance`` with a harness.

The tests speak to the ledger through its port only; the harness does what an operator, or bad luck, does to it.
"""

from ledger.conformance.doubts import Doubts
from ledger.conformance.harness import FUNDS, LedgerHarness, Scene, read, scene
from ledger.conformance.paying import Paying
from ledger.conformance.reading import Reading
from ledger.conformance.statements import Reporting, collect

__all__ = ["FUNDS", "LedgerConformance", "LedgerHarness", "Scene", "collect", "read", "scene"]


class LedgerConformance(Reading, Paying, Doubts, Reporting):
    """All of it. Inherit, and provide a fixture ``harness``."""
