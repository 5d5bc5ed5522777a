"""EVM chains, Hedera's relay included: read and paid on over JSON-RPC."""
