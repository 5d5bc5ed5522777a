"""EVM chains, Hedera's relay included: read and paid on over JSON-RPC."""

from masspayout.ledger.evm.adapter import EvmLedger

__all__ = ["EvmLedger"]
