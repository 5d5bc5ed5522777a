"""What people do to a ledger besides paying with it: accounts, tokens, freezes, deposits, contract logs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hedera_network.consensus import Consensus
from hedera_network.entities import TREASURY, Account, ContractLog, FixedFee, FractionalFee, Record, Relation, Token
from hedera_network.identifiers import TransactionKey, entity_id, entity_number
from hedera_network.keys import PublicKey
from hedera_network.ledger import Draft, Ledger

_TINYBARS_AT_START = 1_000 * 100_000_000


class Operator:
    """Changes the network's state, each change at a consensus time of its own. Ids are texts, as everywhere outside."""

    def __init__(self, consensus: Consensus) -> None:
        self._consensus = consensus
        self._ledger: Ledger = consensus.ledger

    def create_account(
        self,
        key: PublicKey | None = None,
        *,
        account_id: str | None = None,
        tinybars: int = _TINYBARS_AT_START,
        automatic_slots: int = 0,
        receiver_signature_required: bool = False,
    ) -> str:
        """Make an account, and return its id. ``automatic_slots`` is how many tokens it takes unasked; -1 is any.

        What it holds at first is the treasury's, in the transaction that creates it. The treasury alone is there from
        the network's first moment.
        """
        with self._ledger.lock:
            number = entity_number(account_id) if account_id else self._ledger.new_number()
            account = Account(
                number,
                key,
                tinybars=tinybars if number == TREASURY else 0,
                automatic_slots=automatic_slots,
                receiver_signature_required=receiver_signature_required,
            )
            draft = Draft(self._ledger)
            draft.put_account(account)
            given: tuple[tuple[int, int], ...] = ()
            if tinybars and number != TREASURY:
                given = ((TREASURY, -tinybars), (number, tinybars))
            for each, amount in given:
                draft.add_tinybars(each, amount)
            self._record(draft, "CRYPTOCREATEACCOUNT", [], transfers=given)
            return entity_id(number)

    def create_token(
        self,
        holders: Mapping[str, int],
        *,
        token_id: str | None = None,
        name: str = "Test Token",
        symbol: str = "TST",
        decimals: int = 2,
        treasury_units: int = 0,
        kyc_key: bool = False,
        fixed_fees: Iterable[FixedFee] = (),
        fractional_fees: Iterable[FractionalFee] = (),
    ) -> str:
        """Make a token that these accounts hold, and return its id. Holders that are no accounts yet become some."""
        ledger = self._ledger
        with ledger.lock:
            number = entity_number(token_id) if token_id else ledger.new_number()
            token = Token(
                number,
                name,
                symbol,
                decimals,
                TREASURY,
                total_supply=sum(holders.values()) + treasury_units,
                kyc_key=kyc_key,
                fixed_fees=tuple(fixed_fees),
                fractional_fees=tuple(fractional_fees),
            )
            draft = Draft(ledger)
            draft.put_token(token)
            for holder, units in {entity_id(TREASURY): treasury_units, **holders}.items():
                account = entity_number(holder)
                if draft.account(account) is None:
                    draft.put_account(Account(account, None))
                draft.put_relation(number, account, Relation(units, kyc_granted=True))
            self._record(draft, "TOKENCREATION", [(number, TREASURY, token.total_supply)] if token.total_supply else [])
            return entity_id(number)

    def associate(self, account_id: str, token_id: str, **state: bool) -> None:
        """Associate an account with a token; ``frozen`` and ``kyc_granted`` are said, or kept as they are."""
        token, account = entity_number(token_id), entity_number(account_id)

        def change(draft: Draft) -> None:
            relation = draft.relation(token, account) or Relation()
            draft.put_relation(token, account, replace(relation, **state))

        self._change(change)

    def dissociate(self, account_id: str, token_id: str) -> None:
        """End an association."""
        token, account = entity_number(token_id), entity_number(account_id)
        self._change(lambda draft: draft.put_relation(token, account, Relation(associated=False)))

    def update_account(self, account_id: str, **state: Any) -> None:
        """Change fields of an account: ``deleted``, ``expired``, ``tinybars``, ``key`` …"""
        number = entity_number(account_id)
        self._change(lambda draft: draft.put_account(replace(self._ledger.accounts[number].latest, **state)))

    def update_token(self, token_id: str, **state: Any) -> None:
        """Change fields of a token: ``paused``, ``deleted`` …"""
        number = entity_number(token_id)
        self._change(lambda draft: draft.put_token(replace(self._ledger.tokens[number].latest, **state)))

    def fund(self, token_id: str, account_id: str, units: int) -> None:
        """Mint units, and transfer them from the treasury, as a deposit."""
        token, account = entity_number(token_id), entity_number(account_id)
        with self._ledger.lock:
            mint, deposit = Draft(self._ledger), Draft(self._ledger)
            held = self._ledger.tokens[token].latest
            mint.put_token(replace(held, total_supply=held.total_supply + units))
            mint.add_units(token, TREASURY, units)
            self._record(mint, "TOKENMINT", [(token, TREASURY, units)])
            deposit.add_units(token, TREASURY, -units)
            deposit.add_units(token, account, units)
            self._record(deposit, "CRYPTOTRANSFER", [(token, TREASURY, -units), (token, account, units)])

    def fund_tinybars(self, account_id: str, amount: int) -> None:
        """Transfer tinybars from the network's treasury."""
        account = entity_number(account_id)
        with self._ledger.lock:
            draft = Draft(self._ledger)
            draft.add_tinybars(TREASURY, -amount)
            draft.add_tinybars(account, amount)
            self._record(draft, "CRYPTOTRANSFER", [], transfers=((TREASURY, -amount), (account, amount)))

    def transfer(
        self,
        token_id: str,
        sender: str,
        units: Mapping[str, int],
        *,
        payer: str | None = None,
        memo: str = "",
        nonce: int = 0,
        scheduled: bool = False,
    ) -> Record:
        """Move units from an account, without a fee: as somebody else, a contract or a schedule does it.

        Args:
            token_id: The token, or ``hbar``.
            sender: The account that loses.
            units: How much each recipient gets.
            payer: Whose transaction it is; the sender's unless given.
            memo: The transaction's memo.
            nonce: More than 0 makes it a child of another transaction.
            scheduled: It was scheduled.
        """
        draft = Draft(self._ledger)
        changes = {
            entity_number(account): amount for account, amount in {sender: -sum(units.values()), **units}.items()
        }
        with self._ledger.lock:
            if token_id == "hbar":
                for account, amount in changes.items():
                    draft.add_tinybars(account, amount)
                moved: dict[str, Any] = {"transfers": tuple(changes.items())}
                tokens: list[tuple[int, int, int]] = []
            else:
                token, moved = entity_number(token_id), {}
                for account, amount in changes.items():
                    draft.add_units(token, account, amount)
                tokens = [(token, account, amount) for account, amount in changes.items()]
            return self._record(
                draft,
                "CRYPTOTRANSFER",
                tokens,
                payer=entity_number(payer or sender),
                memo=memo.encode(),
                nonce=nonce,
                scheduled=scheduled,
                **moved,
            )

    def emit(self, contract_id: str, logs: Iterable[tuple[list[str], str]]) -> int:
        """Let a contract report logs (topics and data, hexadecimal) in one transaction; return its time."""
        with self._ledger.lock:
            record = self._record(Draft(self._ledger), "CONTRACTCALL", [])
            contract = entity_number(contract_id)
            self._ledger.logs_of[contract].extend(
                ContractLog(contract, record.consensus_nanos, index, tuple(topics), data, record.key)
                for index, (topics, data) in enumerate(logs)
            )
            return record.consensus_nanos

    def take_snapshot(self) -> None:
        """Let mirror nodes keep all balances as they are now, besides every quarter of an hour."""
        with self._ledger.lock:
            self._ledger.extra_snapshots.append(self._ledger.complete_nanos())

    def account(self, account_id: str) -> Account:
        """Return an account as it is in the ledger's own books."""
        with self._ledger.lock:
            self._consensus.catch_up()
            return self._ledger.accounts[entity_number(account_id)].latest

    def records(self, payer_account_id: str | None = None) -> list[Record]:
        """Return what reached consensus, in order; only what an account paid for, if one is given."""
        with self._ledger.lock:
            self._consensus.catch_up()
            payer = entity_number(payer_account_id) if payer_account_id else None
            return [record for record in self._ledger.records if payer in {None, record.key.payer}]

    def balance(self, account_id: str, token_id: str) -> int:
        """Return what an account holds, from the ledger's own books."""
        with self._ledger.lock:
            self._consensus.catch_up()
            relation = self._ledger.relation(entity_number(token_id), entity_number(account_id))
            return relation.balance if relation else 0

    def balances(self, token_id: str) -> dict[str, int]:
        """Return who holds a token, from the ledger's own books."""
        with self._ledger.lock:
            self._consensus.catch_up()
            held = self._ledger.holders[entity_number(token_id)].relations
            return {
                entity_id(account): timeline.latest.balance
                for account, timeline in held.items()
                if timeline.latest.balance
            }

    def _change(self, change: Callable[[Draft], object]) -> None:
        with self._ledger.lock:
            self._consensus.catch_up()
            draft = Draft(self._ledger)
            change(draft)
            draft.commit(self._ledger.next_consensus_nanos())

    def _record(
        self,
        draft: Draft,
        name: str,
        token_transfers: Iterable[tuple[int, int, int]],
        *,
        payer: int = TREASURY,
        **facts: Any,
    ) -> Record:
        self._consensus.catch_up()
        nanos = self._ledger.next_consensus_nanos()
        draft.commit(nanos)
        record = Record(
            key=TransactionKey(payer, nanos),
            name=name,
            node=3,
            result="SUCCESS",
            consensus_nanos=nanos,
            hash=nanos.to_bytes(48),
            token_transfers=tuple(token_transfers),
            **facts,
        )
        self._ledger.remember(record)
        return record
