"""The simulator: the payment protocol, its store, its ledger and its people in one thread, in virtual time, by seed.

    seed ─▶ plan ─▶ world: workers, people, servers, ledger network, chaos ─▶ trace, verdicts
                     every await is a scheduling point; every fault is a draw of the seed

``make simulate SEEDS=1000`` runs seeds; ``docs/exactly-once.md`` says what that proves.
"""
