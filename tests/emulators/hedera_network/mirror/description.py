"""What the public description of the mirror node's API (version 0.136) says of requests and answers, as far as we go.

Names, types and patterns of fields are written here a second time, independently of the emulator and of the client, so
that both can be held to them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# A check yields what is wrong with a value, each with the place.
Check = Callable[[str, Any], Iterator[str]]

_TIME = r"[0-9]{1,10}(\.[0-9]{1,9})?"
_ENTITY = r"[0-9]{1,10}\.[0-9]{1,10}\.[0-9]{1,10}"
_COMPARED = "((gte?|lte?|eq|ne):)?"


def text(pattern: str = ".*") -> Check:
    """A string of some form."""

    def check(place: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL):
            yield f"{place}: {value!r} is not a text like {pattern}"

    return check


def one_of(*values: str) -> Check:
    """One of some strings."""
    return text("|".join(values))


def integer(place: str, value: Any) -> Iterator[str]:
    """A whole number of at most 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        yield f"{place}: {value!r} is not a whole number of 64 bits"


def boolean(place: str, value: Any) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield f"{place}: {value!r} is neither true nor false"


def nullable(inner: Check) -> Check:
    """What may be null."""
    return lambda place, value: iter(()) if value is None else inner(place, value)


def array(inner: Check) -> Check:
    """A list."""

    def check(place: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{place}: {value!r} is not a list"
            return
        for index, element in enumerate(value):
            yield from inner(f"{place}[{index}]", element)

    return check


def thing(**fields: Check) -> Check:
    """An object with these fields, all of them, and no others."""

    def check(place: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is not an object"
            return
        for name in fields.keys() ^ value.keys():
            yield f"{place}.{name}: {'missing' if name in fields else 'not described'}"
        for name in fields.keys() & value.keys():
            yield from fields[name](f"{place}.{name}", value[name])

    return check


entity = nullable(text(_ENTITY))
time = text(_TIME)
hexadecimal = text("0x[0-9a-fA-F]*")
links = thing(next=nullable(text("/api/v1/.+")))
key = nullable(thing(_type=one_of("ECDSA_SECP256K1", "ED25519", "ProtobufEncoded"), key=text("[0-9a-f]+")))
time_range = thing(**{"from": time, "to": nullable(time)})
token_balance = thing(token_id=entity, balance=integer)
account_fields: dict[str, Check] = {
    "account": entity,
    "alias": nullable(text("[A-Z2-7]+")),
    "auto_renew_period": nullable(integer),
    "balance": nullable(thing(timestamp=nullable(time), balance=nullable(integer), tokens=array(token_balance))),
    "created_timestamp": nullable(time),
    "decline_reward": boolean,
    "deleted": nullable(boolean),
    "ethereum_nonce": nullable(integer),
    "evm_address": nullable(text("(0x)?[A-Fa-f0-9]{40}")),
    "expiry_timestamp": nullable(time),
    "key": key,
    "max_automatic_token_associations": nullable(integer),
    "memo": nullable(text()),
    "pending_reward": integer,
    "receiver_sig_required": nullable(boolean),
    "staked_account_id": entity,
    "staked_node_id": nullable(integer),
    "stake_period_start": nullable(time),
}
_moved = {"account": entity, "amount": integer, "is_approval": boolean}
transaction_fields: dict[str, Check] = {
    "batch_key": key,
    "bytes": nullable(text()),
    "charged_tx_fee": integer,
    "consensus_timestamp": time,
    "entity_id": entity,
    "max_custom_fees": array(thing(account_id=entity, amount=integer, denominating_token_id=entity)),
    "max_fee": text("[0-9]+"),
    "memo_base64": nullable(text("[A-Za-z0-9+/=]*")),
    "name": text("[A-Z]+"),
    "nft_transfers": array(thing()),
    "node": entity,
    "nonce": integer,
    "parent_consensus_timestamp": nullable(time),
    "result": text("[A-Z0-9_]+"),
    "scheduled": boolean,
    "staking_reward_transfers": array(thing(account=entity, amount=integer)),
    "token_transfers": array(thing(token_id=entity, **_moved)),
    "transaction_hash": text("[A-Za-z0-9+/=]*"),
    "transaction_id": text(r"[0-9]+\.[0-9]+\.[0-9]+-[0-9]{1,19}-[0-9]{1,9}"),
    "transfers": array(thing(**_moved)),
    "valid_duration_seconds": text("[0-9]+"),
    "valid_start_timestamp": time,
}
transaction = thing(**transaction_fields)
assessed_fee = thing(
    amount=integer, collector_account_id=entity, effective_payer_account_ids=array(entity), token_id=entity
)
fee = {"all_collectors_are_exempt": boolean, "collector_account_id": entity, "denominating_token_id": entity}
custom_fees = thing(
    created_timestamp=time,
    fixed_fees=array(thing(amount=integer, **fee)),
    fractional_fees=array(
        thing(
            amount=thing(numerator=integer, denominator=integer),
            maximum=nullable(integer),
            minimum=integer,
            net_of_transfers=boolean,
            **fee,
        )
    ),
)
token = thing(
    auto_renew_account=entity,
    auto_renew_period=nullable(integer),
    created_timestamp=time,
    custom_fees=custom_fees,
    decimals=text("[0-9]+"),
    deleted=nullable(boolean),
    expiry_timestamp=nullable(integer),
    freeze_default=boolean,
    initial_supply=text("[0-9]+"),
    max_supply=text("[0-9]+"),
    memo=text(),
    metadata=text(),
    modified_timestamp=time,
    name=text(),
    pause_status=one_of("NOT_APPLICABLE", "PAUSED", "UNPAUSED"),
    supply_type=one_of("FINITE", "INFINITE"),
    symbol=text(),
    token_id=entity,
    total_supply=text("[0-9]+"),
    treasury_account_id=entity,
    type=one_of("FUNGIBLE_COMMON", "NON_FUNGIBLE_UNIQUE"),
    **{f"{use}_key": key for use in ("admin", "fee_schedule", "freeze", "kyc", "metadata", "pause", "supply", "wipe")},
)
relation = thing(
    automatic_association=boolean,
    balance=integer,
    created_timestamp=time,
    decimals=integer,
    freeze_status=one_of("NOT_APPLICABLE", "FROZEN", "UNFROZEN"),
    kyc_status=one_of("NOT_APPLICABLE", "GRANTED", "REVOKED"),
    token_id=entity,
)
block = thing(
    count=integer,
    gas_used=nullable(integer),
    hapi_version=nullable(text()),
    hash=hexadecimal,
    logs_bloom=nullable(text("0x[0-9a-fA-F]{512}")),
    name=text(),
    number=integer,
    previous_hash=hexadecimal,
    size=nullable(integer),
    timestamp=time_range,
)
log = thing(
    address=text("0x[0-9A-Fa-f]{40}"),
    block_hash=hexadecimal,
    block_number=integer,
    bloom=nullable(hexadecimal),
    contract_id=entity,
    data=nullable(hexadecimal),
    index=integer,
    root_contract_id=entity,
    timestamp=time,
    topics=array(hexadecimal),
    transaction_hash=hexadecimal,
    transaction_index=nullable(integer),
)
rate = thing(cent_equivalent=integer, expiration_time=integer, hbar_equivalent=integer)
mistake = thing(_status=thing(messages=array(thing(message=text()))))

_PAGING = {"limit": "[1-9][0-9]?|100", "order": "asc|desc"}
_ACCOUNTS = {"account.id": rf"{_COMPARED}([0-9]{{1,10}}\.[0-9]{{1,10}}\.)?[0-9]{{1,10}}"}
_TIMES = {"timestamp": f"{_COMPARED}{_TIME}"}
_TOPICS = {f"topic{number}": "(0x)?[0-9A-Fa-f]{1,64}" for number in range(4)}
_ACCOUNT = r"([0-9]{1,10}\.){0,2}([0-9]{1,10}|(0x)?[A-Fa-f0-9]{40})"


@dataclass(frozen=True)
class Endpoint:
    """A path, as a pattern, the parameters that it takes, each with its pattern, and what it answers."""

    path: str
    parameters: Mapping[str, str]
    answer: Check


ENDPOINTS = (
    Endpoint(
        "accounts",
        {**_PAGING, **_ACCOUNTS, "balance": "true|false"},
        thing(accounts=array(thing(**account_fields)), links=links),
    ),
    Endpoint(
        f"accounts/{_ACCOUNT}",
        {**_PAGING, **_TIMES, "transactions": "true|false", "transactiontype": "[A-Za-z]+"},
        thing(**account_fields, transactions=array(transaction), links=links),
    ),
    Endpoint(
        f"accounts/{_ACCOUNT}/tokens",
        {**_PAGING, "token.id": _ACCOUNTS["account.id"]},
        thing(tokens=array(relation), links=links),
    ),
    Endpoint(
        "balances",
        {**_PAGING, **_ACCOUNTS, **_TIMES},
        thing(
            timestamp=nullable(time),
            balances=array(thing(account=entity, balance=integer, tokens=array(token_balance))),
            links=links,
        ),
    ),
    Endpoint(
        "blocks",
        {**_PAGING, **_TIMES, "block.number": "((eq|gt|gte|lt|lte):)?[0-9]{1,19}"},
        thing(blocks=array(block), links=links),
    ),
    Endpoint(
        rf"contracts/{_ACCOUNT}/results/logs",
        {**_PAGING, **_TIMES, **_TOPICS, "index": "((eq|gt|gte|lt|lte):)?[0-9]{1,10}"},
        thing(logs=array(log), links=links),
    ),
    Endpoint("network/exchangerate", _TIMES, thing(current_rate=rate, next_rate=rate, timestamp=time)),
    Endpoint(f"tokens/{_ENTITY}", {"timestamp": f"((eq|lt|lte):)?{_TIME}"}, token),
    Endpoint(
        f"tokens/{_ENTITY}/balances",
        {**_PAGING, **_ACCOUNTS, **_TIMES, "account.balance": f"{_COMPARED}[0-9]{{1,10}}"},
        thing(
            timestamp=nullable(time),
            balances=array(thing(account=entity, balance=integer, decimals=integer)),
            links=links,
        ),
    ),
    Endpoint(
        "transactions",
        {
            **_PAGING,
            **_ACCOUNTS,
            **_TIMES,
            "type": "credit|debit",
            "result": "success|fail",
            "transactiontype": "[A-Za-z]+",
        },
        thing(transactions=array(transaction), links=links),
    ),
    Endpoint(
        r"transactions/[0-9]+\.[0-9]+\.[0-9]+-[0-9]{1,19}-[0-9]{1,9}",
        {"nonce": "[0-9]{1,10}", "scheduled": "true|false"},
        thing(transactions=array(thing(**transaction_fields, assessed_custom_fees=array(assessed_fee)))),
    ),
)


def complaints_of_request(target: str) -> Iterator[str]:
    """Yield what the description does not allow of a request: a path with its query."""
    parts = urlsplit(target)
    endpoint = _endpoint(parts.path)
    if endpoint is None:
        yield f"{parts.path}: not described"
        return
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        pattern = endpoint.parameters.get(name)
        if pattern is None or not re.fullmatch(pattern, value):
            yield f"{target}: {name}={value}"


def complaints_of_answer(target: str, status: int, answer: Any) -> Iterator[str]:
    """Yield what the description does not allow of an answer to a request."""
    endpoint = _endpoint(urlsplit(target).path)
    if endpoint is None or status != 200:
        yield from mistake(target, answer)
    else:
        yield from endpoint.answer(target, answer)


def _endpoint(path: str) -> Endpoint | None:
    return next((one for one in ENDPOINTS if re.fullmatch(f"/api/v1/{one.path}", path)), None)
