"""A Hedera network to test against: consensus nodes over gRPC and a mirror node over HTTP, which share one ledger.

It is honest: it validates what the network validates, refuses what the network refuses, and says so in the same codes.
It has a clock of its own (``clock.NetworkClock``), which tests move ahead, and it can be told to misbehave
(``faults.Faults``). In a test it lives in threads of the test's process:

    with EmulatedNetwork.start(tmp_path) as network:
        network.mirror_url, network.node_addresses   # for the adapter
        network.operator.create_account(...)         # what people do to a ledger besides paying
        network.set_faults(Faults(lose_answer_percent=30))
        network.clock.advance(60)

In ``tests``, ``python -m hedera_network`` runs one in a process of its own, controlled over HTTP (``control``).
"""

from hedera_network.clock import NetworkClock
from hedera_network.faults import Faults
from hedera_network.network import EmulatedNetwork

__all__ = ["EmulatedNetwork", "Faults", "NetworkClock"]
