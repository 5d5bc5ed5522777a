"""Any EVM chain, over JSON-RPC."""
