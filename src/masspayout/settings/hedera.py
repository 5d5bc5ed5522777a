"""Settings of the Hedera network."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class HederaSettings(BaseSettings):
    """The network's nodes and mirrors. Limits are the network's present ones, which it may change."""

    hedera_network: Literal["mainnet", "testnet", "previewnet", "custom"] = Field(
        default="testnet", description="Which network; `custom` needs `HEDERA_NODES` and `HEDERA_MIRROR_URLS`."
    )
    hedera_mirror_urls: str | None = Field(
        default=None, description="Mirror nodes, separated by commas; when one fails, the next is asked."
    )
    hedera_mirror_requests_per_second: float = Field(
        default=50.0, gt=0, description="How often each mirror node is asked at most; 50 is the public ones' cap."
    )
    hedera_mirror_parallel: int = Field(
        default=8, ge=1, le=100, description="How many requests to mirror nodes are under way at once."
    )
    hedera_mirror_timeout_seconds: float = Field(
        default=15.0, gt=0, description="How long to wait for a mirror node's answer."
    )
    hedera_mirror_tries: int = Field(
        default=6, ge=1, le=100, description="How often a request is made before the mirror nodes count as away."
    )
    hedera_nodes: str | None = Field(
        default=None,
        description="Consensus nodes as `host:port=0.0.3`, separated by commas; unset: those of the network.",
    )
    hedera_node_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long to wait for a consensus node's answer."
    )
    hedera_nodes_per_transaction: int = Field(
        default=3, ge=1, le=10, description="How many nodes a transaction is signed for, so that it can go to another."
    )
    hedera_recipients_per_transaction: int = Field(
        default=9, ge=1, le=9, description="Recipients of one transfer: the network takes ten accounts, one pays."
    )
    hedera_consensus_wait_seconds: float = Field(
        default=10.0, ge=0, description="How long a transaction that a node has taken is waited for at a stretch."
    )
    hedera_transactions_in_flight: int = Field(
        default=64,
        ge=1,
        le=1000,
        description="How many transactions a worker's job keeps under way at once; with a custodian at most 8.",
    )
    hedera_valid_seconds: int = Field(
        default=120, ge=30, le=180, description="How long a signed transaction can be executed."
    )
    hedera_longest_valid_seconds: int = Field(
        default=180,
        ge=180,
        le=3600,
        description="The longest validity that the network takes; death is proven after it.",
    )
    hedera_start_in_the_past_seconds: int = Field(
        default=10,
        ge=0,
        le=20,
        description="How much earlier than the database's clock a transaction begins to be valid.",
    )
    hedera_death_margin_seconds: int = Field(
        default=30,
        ge=2,
        description="How far past a transaction's end a mirror node must have come to prove its death.",
    )
    hedera_max_fee_hbar: float = Field(
        default=20.0, gt=0, description="The most that one transaction may cost; what it really costs is charged."
    )
