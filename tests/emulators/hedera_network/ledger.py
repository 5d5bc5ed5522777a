"""The state that all nodes agree on: accounts, tokens, what they hold, and every transaction that reached consensus."""

import threading
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from hedera_network.clock import NetworkClock
from hedera_network.entities import Account, ContractLog, Holders, Record, Relation, Timeline, Token, Value
from hedera_network.identifiers import TransactionKey
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

# How long a transaction id is remembered after the start of its validity, and so how long a receipt can be asked for.
MEMORY_SECONDS = 180
SNAPSHOT_SECONDS = 15 * 60
_FIRST_ENTITY = 1001


class Ledger:
    """The state, and the lock that whoever touches it must hold. Ledgers of one name begin with the same block."""

    def __init__(self, clock: NetworkClock, name: str | None = None) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.began_nanos = clock.now_nanos()
        self.name = name or str(self.began_nanos)
        self.accounts: dict[int, Timeline[Account]] = {}
        self.tokens: dict[int, Timeline[Token]] = {}
        self.holders: dict[int, Holders] = {}
        self.tokens_of: defaultdict[int, list[int]] = defaultdict(list)
        self.records: list[Record] = []
        self.records_of: defaultdict[int, list[Record]] = defaultdict(list)
        self.logs_of: defaultdict[int, list[ContractLog]] = defaultdict(list)
        self.extra_snapshots: list[int] = []
        self._history: defaultdict[TransactionKey, list[Record]] = defaultdict(list)
        self._last_consensus_nanos = self.began_nanos
        self._next_entity = _FIRST_ENTITY

    def next_consensus_nanos(self) -> int:
        """Return a time for the next transaction, or change: later than every one before."""
        self._last_consensus_nanos = max(self.clock.now_nanos(), self._last_consensus_nanos + 1)
        return self._last_consensus_nanos

    def complete_nanos(self) -> int:
        """Return a time up to which nothing can be added any more."""
        self._last_consensus_nanos = max(self.clock.now_nanos() - 1, self._last_consensus_nanos)
        return self._last_consensus_nanos

    def new_number(self) -> int:
        """Return a number that no entity has."""
        while self._next_entity in self.accounts or self._next_entity in self.tokens:
            self._next_entity += 1
        return self._next_entity

    def account(self, number: int) -> Account | None:
        """Return an account as it is now."""
        found = self.accounts.get(number)
        return found.latest if found else None

    def token(self, number: int) -> Token | None:
        """Return a token as it is now."""
        found = self.tokens.get(number)
        return found.latest if found else None

    def relation(self, token: int, account: int) -> Relation | None:
        """Return how an account stands to a token; None if it is not associated."""
        holders = self.holders.get(token)
        found = holders.relations.get(account) if holders else None
        return found.latest if found and found.latest.associated else None

    def remember(self, record: Record) -> None:
        """Keep a transaction that reached consensus."""
        self.records.append(record)
        self._history[record.key].append(record)
        touched = {account for account, _ in record.transfers} | {account for _, account, _ in record.token_transfers}
        for account in touched | {record.key.payer}:
            self.records_of[account].append(record)

    def history(self, key: TransactionKey) -> list[Record]:
        """Return every record of a transaction id, however old: what a mirror node knows."""
        return self._history.get(key, [])

    def recent(self, key: TransactionKey) -> list[Record]:
        """Return what the nodes still remember of a transaction id."""
        if key.valid_start_nanos < self._now_nanos() - MEMORY_SECONDS * NANOS_PER_SECOND:
            return []
        return self.history(key)

    def snapshot_at(self, nanos: int) -> int | None:
        """Return when the newest snapshot of balances up to a time was taken."""
        interval = SNAPSHOT_SECONDS * NANOS_PER_SECOND
        candidates = [taken for taken in self.extra_snapshots if taken <= nanos]
        if nanos - nanos % interval >= self.began_nanos:
            candidates.append(nanos - nanos % interval)
        return max(candidates, default=None)

    def _now_nanos(self) -> int:
        return max(self.clock.now_nanos(), self._last_consensus_nanos)


class Draft:
    """Changes to the state that happen together, or not at all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._accounts: dict[int, Account] = {}
        self._tokens: dict[int, Token] = {}
        self._relations: dict[tuple[int, int], Relation] = {}

    def account(self, number: int) -> Account | None:
        """Return an account with what was changed of it so far."""
        return self._accounts.get(number) or self._ledger.account(number)

    def relation(self, token: int, account: int) -> Relation | None:
        """Return how an account stands to a token, with what was changed so far."""
        changed = self._relations.get((token, account))
        if changed is None:
            return self._ledger.relation(token, account)
        return changed if changed.associated else None

    def put_account(self, account: Account) -> None:
        """Change an account, or make it."""
        self._accounts[account.number] = account

    def put_token(self, token: Token) -> None:
        """Change a token, or make it."""
        self._tokens[token.number] = token

    def put_relation(self, token: int, account: int, relation: Relation) -> None:
        """Change how an account stands to a token."""
        self._relations[token, account] = relation

    def add_tinybars(self, account: int, amount: int) -> None:
        """Change what an account has; it may go below 0, which the caller looks at."""
        held = self.account(account) or Account(account, None)
        self.put_account(replace(held, tinybars=held.tinybars + amount))

    def add_units(self, token: int, account: int, amount: int) -> None:
        """Change what an account has of a token that it is associated with."""
        held = self.relation(token, account) or Relation()
        self.put_relation(token, account, replace(held, balance=held.balance + amount))

    def overdrawn(self) -> Iterator[tuple[int | None, int]]:
        """Yield (token, account) of every balance below 0; the token is None for tinybars."""
        for number, account in self._accounts.items():
            if account.tinybars < 0:
                yield None, number
        for (token, number), relation in self._relations.items():
            if relation.balance < 0:
                yield token, number

    def commit(self, nanos: int) -> None:
        """Make the changes at a time."""
        ledger = self._ledger
        for number, account in self._accounts.items():
            _put(ledger.accounts, number, nanos, account)
        for number, token in self._tokens.items():
            _put(ledger.tokens, number, nanos, token)
            ledger.holders.setdefault(number, Holders())
        for (number, holder), relation in self._relations.items():
            holders = ledger.holders[number]
            if holder not in holders.relations:
                insort(holders.accounts, holder)
                ledger.tokens_of[holder].append(number)
            _put(holders.relations, holder, nanos, relation)


def _put(timelines: dict[int, Timeline[Value]], number: int, nanos: int, value: Value) -> None:
    if number in timelines:
        timelines[number].set(nanos, value)
    else:
        timelines[number] = Timeline(nanos, value)
