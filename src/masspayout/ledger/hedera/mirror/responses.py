"""Responses of mirror nodes, as far as they are read: numbers exact, times in integer nanoseconds.

The names are those of the public OpenAPI description; unneeded fields are left out. The list of a page has no default:
an answer without it, such as ``{}``, is not an empty page, and proves nothing.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from masspayout.ledger.hedera.timestamps import Nanos


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _without_host(link: str) -> str:
    """Return a link as path and query: behind a gateway a mirror node may not know its own address."""
    return urlsplit(link)._replace(scheme="", netloc="").geturl()


class Links(_Answer):
    """The link to the next page; None on the last one."""

    next: Annotated[str, AfterValidator(_without_host)] | None


class Key(_Answer):
    """A public key, in hexadecimal. A key of another type than the two simple ones is a list or a contract."""

    type_: str | None = Field(default=None, alias="_type")
    key: str = ""


class FixedFee(_Answer):
    """A custom fee of a fixed amount; in HBAR if no token is named."""

    amount: int
    collector_account_id: str | None = None
    denominating_token_id: str | None = None
    all_collectors_are_exempt: bool = False


class FractionalFee(_Answer):
    """A custom fee that is a share of the moved amount: taken from the receiver's part, unless net of transfers."""

    collector_account_id: str | None = None
    net_of_transfers: bool = False
    all_collectors_are_exempt: bool = False


class CustomFees(_Answer):
    """The custom fees of a token, and the time since which they are these."""

    created_timestamp: Nanos | None = None
    fixed_fees: Sequence[FixedFee] = ()
    fractional_fees: Sequence[FractionalFee] = ()


class Token(_Answer):
    """A token. Supply and decimals come as strings."""

    token_id: str
    name: str
    symbol: str
    decimals: int
    total_supply: int
    treasury_account_id: str | None = None
    type: Literal["FUNGIBLE_COMMON", "NON_FUNGIBLE_UNIQUE"] = "FUNGIBLE_COMMON"
    deleted: bool | None = None
    pause_status: str = "NOT_APPLICABLE"
    freeze_key: Key | None = None
    freeze_default: bool = False
    kyc_key: Key | None = None
    custom_fees: CustomFees = CustomFees()


class TokenBalance(_Answer):
    """The balance of one account in a token."""

    account: str
    balance: int


class TokenBalances(_Answer):
    """A page of a token's holders, with its time; None when nobody ever held the token."""

    timestamp: Nanos | None = None
    balances: Sequence[TokenBalance]
    links: Links


class TokenRelationship(_Answer):
    """The relationship of an account to an associated token."""

    token_id: str
    balance: int = 0
    freeze_status: str | None = None
    kyc_status: str | None = None
    automatic_association: bool | None = None


class TokenRelationships(_Answer):
    """A page of the tokens that an account is associated with."""

    tokens: Sequence[TokenRelationship]
    links: Links


class AccountToken(_Answer):
    """A token that an account is associated with."""

    token_id: str


class AccountBalance(_Answer):
    """The HBAR of an account, in tinybars, and the first of its tokens."""

    timestamp: Nanos | None = None
    balance: int | None = None
    tokens: Sequence[AccountToken] = ()


class Account(_Answer):
    """An account."""

    account: str
    balance: AccountBalance | None = None
    created_timestamp: Nanos | None = None
    deleted: bool | None = None
    evm_address: str | None = None
    key: Key | None = None
    max_automatic_token_associations: int | None = None
    receiver_sig_required: bool | None = None


class Accounts(_Answer):
    """A page of accounts."""

    accounts: Sequence[Account]
    links: Links


class TokenTransfer(_Answer):
    """The change of an account's balance in a token."""

    token_id: str
    account: str
    amount: int


class HbarTransfer(_Answer):
    """The change of an account's balance in tinybars, fees and staking rewards included."""

    account: str
    amount: int


class AssessedFee(_Answer):
    """A custom fee that was charged; in tinybars if no token is named."""

    amount: int
    collector_account_id: str
    token_id: str | None = None


class Transaction(_Answer):
    """A transaction as it was executed."""

    transaction_id: str
    consensus_timestamp: Nanos
    result: str
    nonce: int = 0
    scheduled: bool = False
    node: str | None = None
    charged_tx_fee: int = 0
    memo_base64: str | None = None
    token_transfers: Sequence[TokenTransfer] = ()
    transfers: Sequence[HbarTransfer] = ()
    staking_reward_transfers: Sequence[HbarTransfer] = ()
    assessed_custom_fees: Sequence[AssessedFee] = ()


class TransactionsOfId(_Answer):
    """All transactions of one id: the original, its duplicates, its children."""

    transactions: Sequence[Transaction]


class Transactions(_Answer):
    """A page of transactions. Assessed custom fees are only in the response to a single id."""

    transactions: Sequence[Transaction]
    links: Links


class ContractLog(_Answer):
    """An event of a contract. All events of one transaction have one timestamp and different indexes."""

    address: str
    contract_id: str | None = None
    data: str | None = None
    index: int
    topics: Sequence[str] = ()
    timestamp: Nanos
    transaction_hash: str | None = None


class ContractLogs(_Answer):
    """A page of a contract's events."""

    logs: Sequence[ContractLog]
    links: Links


class TimestampRange(_Answer):
    """A range of times, the beginning inclusive."""

    from_: Nanos = Field(alias="from")
    to: Nanos | None = None


class Block(_Answer):
    """A record file: everything that reached consensus within a time."""

    number: int
    hash: str = ""
    timestamp: TimestampRange


class Blocks(_Answer):
    """A page of blocks."""

    blocks: Sequence[Block]
    links: Links


class ExchangeRate(_Answer):
    """The exchange rate: ``cent_equivalent`` US cents for ``hbar_equivalent`` HBAR."""

    cent_equivalent: int
    hbar_equivalent: int


class ExchangeRates(_Answer):
    """The network's exchange rate."""

    current_rate: ExchangeRate
