"""The identity of a ledger: words from the general to the particular, with colons between, as CAIP-2 names chains.

    sandbox:0197d1…             the sandbox of one database, until it is emptied
    hedera:testnet:0x3c5a…      a network, and the hash of its first block
    eip155:1:0xd4e567…          a chain's number, and the hash of its first block

The first block differs between networks that share a name or a number: a private chain that was started anew, a mirror
node of another network. Some nodes do not keep it; a missing word contradicts nothing.
"""

_SETTINGS = {
    "sandbox": "LEDGER=sandbox, with the database and the sandbox that it began with",
    "hedera": "LEDGER=hedera, HEDERA_NETWORK={} and mirror nodes of that network",
    "eip155": "LEDGER=evm, with EVM_RPC_URL leading to chain {}",
}
_SHOWN_HASH = 18


def make_identity(*words: str) -> str:
    """Return the identity of some words. A hash is shortened to a length that still differs between any two."""
    return ":".join(word[:_SHOWN_HASH] if word.startswith("0x") else word for word in words if word)


def contradict(one: str, other: str) -> bool:
    """Return True if two identities are of two ledgers: a word differs that both of them have."""
    return any(mine != yours for mine, yours in zip(one.split(":"), other.split(":"), strict=False))


def settings_of(identity: str) -> str:
    """Return the settings that lead to a ledger, as a part of a sentence."""
    kind, _, rest = identity.partition(":")
    return _SETTINGS.get(kind, f"the settings for {identity}").format(rest.partition(":")[0])
