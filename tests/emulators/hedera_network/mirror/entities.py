"""Accounts and tokens as the mirror node shows them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

from hedera_network.entities import TREASURY, Account, FixedFee, FractionalFee, Relation, Timeline, Token
from hedera_network.identifiers import entity_id, evm_address, timestamp
from hedera_network.ledger import Ledger
from hedera_network.mirror.queries import Bounds, NotFound, Query

_MAX_TOKENS_SHOWN = 50


class View:
    """What one replica knows: everything up to a time, and nothing after."""

    def __init__(self, ledger: Ledger, at_nanos: int) -> None:
        self.ledger, self.at_nanos = ledger, at_nanos

    def account(self, number: int) -> dict[str, Any]:
        """Show an account.

        Raises:
            NotFound: There is, or was then, none.
        """
        timeline = self.ledger.accounts.get(number)
        account = timeline.at(self.at_nanos) if timeline else None
        if timeline is None or account is None:
            raise NotFound
        return self._account(account, timeline.began_nanos)

    def accounts(self, query: Query) -> dict[str, Any]:
        """List accounts in the order of their ids."""
        wanted = query.accounts()
        numbers = sorted((number for number in self.ledger.accounts if number in wanted), reverse=not query.ascending)
        page: list[dict[str, Any]] = []
        for number in numbers:
            timeline = self.ledger.accounts[number]
            account = timeline.at(self.at_nanos)
            if account is not None and len(page) < query.limit:
                page.append(self._account(account, timeline.began_nanos))
        if query.last("balance") == "false":
            page = [{**account, "balance": None} for account in page]
        last = page[-1]["account"] if page else ""
        return {"accounts": page, "links": {"next": query.next_link("account.id", last, count=len(page))}}

    def balances(self, query: Query) -> dict[str, Any]:
        """List accounts with their tinybars and some of their tokens: now, or in the newest snapshot of some times."""
        snapshot = self._snapshot(query)
        if query.last("timestamp") is not None:
            if snapshot is None:
                return {"timestamp": None, "balances": [], "links": {"next": None}}
            return View(self.ledger, snapshot)._list_balances(query)
        return self._list_balances(query)

    def _list_balances(self, query: Query) -> dict[str, Any]:
        shown = self.accounts(query)
        page = [
            {"account": found["account"], "balance": found["balance"]["balance"], "tokens": found["balance"]["tokens"]}
            for found in shown["accounts"]
        ]
        return {"timestamp": timestamp(self.at_nanos) if page else None, "balances": page, "links": shown["links"]}

    def relations(self, number: int, query: Query) -> dict[str, Any]:
        """List the tokens that an account is associated with.

        Raises:
            NotFound: There is no such account.
        """
        self.account(number)
        wanted = query.accounts("token.id")
        tokens = sorted(
            (token for token in self.ledger.tokens_of.get(number, []) if token in wanted), reverse=not query.ascending
        )
        page: list[dict[str, Any]] = []
        for token in tokens:
            timeline = self.ledger.holders[token].relations[number]
            relation = timeline.at(self.at_nanos)
            if relation is not None and relation.associated and len(page) < query.limit:
                page.append(self._relation(token, relation, timeline.began_nanos))
        last = page[-1]["token_id"] if page else ""
        return {"tokens": page, "links": {"next": query.next_link("token.id", last, count=len(page))}}

    def token(self, number: int) -> dict[str, Any]:
        """Show a token.

        Raises:
            NotFound: There is, or was then, none.
        """
        timeline = self.ledger.tokens.get(number)
        token = timeline.at(self.at_nanos) if timeline else None
        if timeline is None or token is None:
            raise NotFound
        return _token(token, timeline, self.at_nanos)

    def token_balances(self, number: int, query: Query) -> dict[str, Any]:
        """List who holds a token: now, or in the newest snapshot of the times asked for.

        The time of the present is that of the newest change among the accounts of the page: it says nothing of others.
        """
        at_nanos = self.at_nanos
        snapshot = self._snapshot(query)
        if query.last("timestamp") is not None:
            if snapshot is None:
                return {"timestamp": None, "balances": [], "links": {"next": None}}
            at_nanos = snapshot
        page: list[dict[str, Any]] = []
        changed = 0
        decimals = self.ledger.tokens[number].latest.decimals if number in self.ledger.tokens else 0
        wanted_units = query.bounds("account.balance", int)
        wanted_accounts = query.accounts(any_of=False)
        for account, timeline in self._holders(number, wanted_accounts, ascending=query.ascending):
            relation = timeline.at(at_nanos)
            if relation is None or not relation.associated or relation.balance not in wanted_units:
                continue
            page.append({"account": entity_id(account), "balance": relation.balance, "decimals": decimals})
            changed = max(changed, timeline.changed_at(at_nanos))
            if len(page) == query.limit:
                break
        taken = None if not page else timestamp(snapshot if snapshot is not None else changed)
        last = page[-1]["account"] if page else ""
        return {
            "timestamp": taken,
            "balances": page,
            "links": {"next": query.next_link("account.id", str(last), count=len(page))},
        }

    def _snapshot(self, query: Query) -> int | None:
        if query.last("timestamp") is None:
            return None
        wanted = query.times()
        upper = min(wanted.upper, self.at_nanos, *(wanted.chosen or {self.at_nanos}))
        taken = self.ledger.snapshot_at(upper)
        return taken if taken is not None and taken >= wanted.lower else None

    def _holders(self, token: int, wanted: Bounds, *, ascending: bool) -> Iterator[tuple[int, Timeline[Relation]]]:
        holders = self.ledger.holders.get(token)
        if holders is None:
            return
        accounts = holders.accounts
        positions = range(bisect_left(accounts, wanted.lower), bisect_right(accounts, wanted.upper))
        for position in positions if ascending else reversed(positions):
            account = accounts[position]
            if account in wanted:
                yield account, holders.relations[account]

    def _account(self, account: Account, created_nanos: int) -> dict[str, Any]:
        tokens = []
        for token in sorted(self.ledger.tokens_of.get(account.number, []))[:_MAX_TOKENS_SHOWN]:
            relation = self.ledger.holders[token].relations[account.number].at(self.at_nanos)
            if relation is not None and relation.associated:
                tokens.append({"token_id": entity_id(token), "balance": relation.balance})
        key = account.key
        return {
            "account": entity_id(account.number),
            "alias": None,
            "auto_renew_period": 7_776_000,
            "balance": {"timestamp": timestamp(self.at_nanos), "balance": account.tinybars, "tokens": tokens},
            "created_timestamp": None if account.number == TREASURY else timestamp(created_nanos),
            "decline_reward": False,
            "deleted": account.deleted,
            "ethereum_nonce": 0,
            "evm_address": evm_address(account.number),
            "expiry_timestamp": timestamp(created_nanos if account.expired else self.at_nanos + 10**16),
            "key": {"_type": key.key_type.value, "key": key.raw.hex()} if key else None,
            "max_automatic_token_associations": account.automatic_slots,
            "memo": account.memo,
            "pending_reward": 0,
            "receiver_sig_required": account.receiver_signature_required,
            "staked_account_id": None,
            "staked_node_id": None,
            "stake_period_start": None,
        }

    def _relation(self, number: int, relation: Relation, created_nanos: int) -> dict[str, Any]:
        token = self.ledger.tokens[number].latest
        return {
            "automatic_association": relation.automatic,
            "balance": relation.balance,
            "created_timestamp": timestamp(created_nanos),
            "decimals": token.decimals,
            "freeze_status": _status(token.freeze_key, relation.frozen, "FROZEN", "UNFROZEN"),
            "kyc_status": _status(token.kyc_key, relation.kyc_granted, "GRANTED", "REVOKED"),
            "token_id": entity_id(number),
        }


def _status(has_key: bool, value: bool, yes: str, no: str) -> str:
    if not has_key:
        return "NOT_APPLICABLE"
    return yes if value else no


def _token(token: Token, timeline: Timeline[Token], at_nanos: int) -> dict[str, Any]:
    key = {"_type": "ED25519", "key": f"{token.number:064x}"}
    return {
        "admin_key": key,
        "auto_renew_account": entity_id(token.treasury),
        "auto_renew_period": 7_776_000,
        "created_timestamp": timestamp(timeline.began_nanos),
        "custom_fees": {
            "created_timestamp": timestamp(
                timeline.changed_at(at_nanos, lambda one: (one.fixed_fees, one.fractional_fees))
            ),
            "fixed_fees": [_fixed_fee(fee) for fee in token.fixed_fees],
            "fractional_fees": [_fractional_fee(fee, token) for fee in token.fractional_fees],
        },
        "decimals": str(token.decimals),
        "deleted": token.deleted,
        "expiry_timestamp": timeline.began_nanos + 10**16,
        "fee_schedule_key": None,
        "freeze_default": False,
        "freeze_key": key if token.freeze_key else None,
        "initial_supply": "0",
        "kyc_key": key if token.kyc_key else None,
        "max_supply": "0",
        "memo": "",
        "metadata": "",
        "metadata_key": None,
        "modified_timestamp": timestamp(timeline.changed_at(at_nanos)),
        "name": token.name,
        "pause_key": key if token.pause_key else None,
        "pause_status": _status(token.pause_key, token.paused, "PAUSED", "UNPAUSED"),
        "supply_key": key,
        "supply_type": "INFINITE",
        "symbol": token.symbol,
        "token_id": entity_id(token.number),
        "total_supply": str(token.total_supply),
        "treasury_account_id": entity_id(token.treasury),
        "type": "FUNGIBLE_COMMON",
        "wipe_key": None,
    }


def _fixed_fee(fee: FixedFee) -> dict[str, Any]:
    return {
        "all_collectors_are_exempt": fee.all_collectors_are_exempt,
        "amount": fee.amount,
        "collector_account_id": entity_id(fee.collector),
        "denominating_token_id": entity_id(fee.token) if fee.token else None,
    }


def _fractional_fee(fee: FractionalFee, token: Token) -> dict[str, Any]:
    return {
        "all_collectors_are_exempt": fee.all_collectors_are_exempt,
        "amount": {"numerator": fee.numerator, "denominator": fee.denominator},
        "collector_account_id": entity_id(fee.collector),
        "denominating_token_id": entity_id(token.number),
        "maximum": fee.maximum or None,
        "minimum": fee.minimum,
        "net_of_transfers": fee.net_of_transfers,
    }
