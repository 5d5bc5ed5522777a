"""Advisory locks: the numbers of all that this software takes in its database, in one table.

Every lock is of the transaction (``pg_advisory_xact_lock``), so a commit, a rollback or a lost connection releases it.
A key is the lock's own number. A seed goes into ``hashtextextended`` with the name of the locked thing, so that two
kinds of things with one name have different locks. A key and a seed may be equal: a hash of 64 bits meets neither.

The numbers never change: two versions of the software that work side by side, in a rolling upgrade, have to agree.
The sandbox ledger has one lock more, ``0x5A4DB0C5``, in the database of its books (``ledger/sandbox/store.py``).
"""

from typing import Final

# Keys
MIGRATION: Final = 0x6D617373  # "mass": one process migrates the database, the others wait
PAUSES: Final = 5_464  # a pause begins after all attempts that were being reserved, which share this lock
WEBHOOK_FAN_OUT: Final = 5_463  # one process numbers new events for webhooks, the others leave it to that one
POLICY: Final = 5_465  # one change of the policy after the other

# Seeds
DUE_START_SEED: Final = 5_461  # of a series, or a single distribution: one scheduler starts what is due
DAILY_LIMIT_SEED: Final = 5_462  # of a payment token: starts add up against the daily limit one after the other
NONCE_SEED: Final = 5_463  # of a chain, a sender and a nonce: versions of a transaction are stored one after the other
PROMISED_FUNDS_SEED: Final = 7_103  # of a payer and a payment token: starts use up the balance one after the other
