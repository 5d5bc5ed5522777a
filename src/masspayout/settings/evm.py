"""Settings of the EVM chain."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class EvmSettings(BaseSettings):
    """The nodes, the number of confirmations, and the highest fees of a transaction."""

    evm_rpc_url: str = Field(
        default="http://127.0.0.1:8545",
        description="The JSON-RPC address of a node; several, separated by commas, stand in for each other.",
    )
    evm_chain_id: int | None = Field(
        default=None, gt=0, description="The chain that the node must be on; nothing is sent to any other."
    )
    evm_confirmations: Annotated[int, Field(ge=1)] | Literal["finalized", "safe"] = Field(
        default="finalized",
        description="What is believed: blocks that the chain calls `finalized` or `safe`, or that are this many deep.",
    )
    evm_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Several senders' keys, separated by commas, in place of `PAYER_KEY`: hexadecimal, or files.",
    )
    evm_start_block: int = Field(default=0, ge=0, description="No block before this one is read.")
    evm_log_blocks: int = Field(
        default=1000, ge=1, le=1_000_000, description="How many blocks a node is asked for logs of at once, at most."
    )
    evm_recipients_per_transaction: int = Field(
        default=100, ge=1, le=1000, description="Recipients that the paying contract is given in one transaction."
    )
    evm_transactions_in_flight: int = Field(
        default=4, ge=1, le=64, description="Transactions that one worker keeps under way at once."
    )
    evm_pending_per_sender: int = Field(
        default=16,
        ge=1,
        le=1000,
        description="Transactions of one sender that may wait in the nodes' pools; what is signed beyond waits here.",
    )
    evm_gas_limit: int = Field(
        default=15_000_000, ge=21_000, description="The most gas of one transaction; a batch that needs more is split."
    )
    evm_gas_margin_percent: int = Field(
        default=20, ge=0, le=400, description="How much more gas than estimated a transaction may use."
    )
    evm_max_fee_gwei: float = Field(
        default=500.0, gt=0, description="The most that is paid for a unit of gas; above it, payouts wait."
    )
    evm_priority_fee_gwei: float = Field(
        default=1.5,
        ge=0,
        description="What of it goes to whoever puts the transaction into a block, at most; more where a node takes no "
        "less.",
    )
    evm_replace_seconds: float = Field(
        default=120.0,
        gt=0,
        description="When a transaction that the fees have left behind is signed anew at a higher fee, same nonce.",
    )
    evm_timeout_seconds: float = Field(default=20.0, gt=0, description="How long to wait for a node's answer.")

    @property
    def evm_rpc_urls(self) -> tuple[str, ...]:
        """The addresses of the nodes, in the order in which they are asked."""
        return tuple(url.strip() for url in self.evm_rpc_url.split(",") if url.strip())
