"""The accounts that send transactions: their keys, and signing with them."""

import json
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, derive_private_key
from eth_account import Account
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.datatypes import PublicKey, Signature
from eth_keys.exceptions import BadSignature

from masspayout.kernel.errors import Invalid, LedgerRejected
from masspayout.kernel.logs import keep_out
from masspayout.ledger.evm.envelopes import RecoverableSignature, UnsignedTransaction
from masspayout.ledger.signing.local import LocalSigner
from masspayout.ledger.signing.opening import open_signer, payer_passphrase
from masspayout.ledger.signing.port import KeyType, Signer
from masspayout.ledger.signing.private_keys import read_private_key
from masspayout.ledger.signing.secret_files import read_secret_file
from masspayout.settings import Settings

_ECC = NativeECCBackend()


class SenderAccount:
    """An account whose key signs for it."""

    def __init__(self, signer: Signer) -> None:
        if signer.key_type is not KeyType.ECDSA_SECP256K1:
            raise Invalid(
                f"The key is {signer.key_type}, and EVM chains take ECDSA_SECP256K1 only.",
                "Set PAYER_KEY or EVM_KEYS to a key of that kind.",
            )
        self._signer = signer
        self._public_key = PublicKey.from_compressed_bytes(signer.public_key, _ECC)
        self.address = self._public_key.to_address()

    def __repr__(self) -> str:
        return f"SenderAccount({self.address})"

    async def sign(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed bytes of a transaction, ready to be sent.

        Raises:
            LedgerUnavailable: The custodian of the key cannot be reached.
            LedgerRejected: The custodian refused to sign, or the signature is not of the key.
        """
        digest = transaction.digest()
        signature = await self._signer.sign(digest)
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        return transaction.encode(RecoverableSignature(self._parity(digest, r, s), r, s))

    async def close(self) -> None:
        """Forget the key."""
        await self._signer.close()

    def _parity(self, digest: bytes, r: int, s: int) -> int:
        """Return the parity that selects our key of the two that match a signature."""
        for parity in (0, 1):
            try:
                found = Signature(vrs=(parity, r, s), backend=_ECC).recover_public_key_from_msg_hash(digest)
            except BadSignature:
                continue
            if found == self._public_key:
                return parity
        raise LedgerRejected(
            "INVALID_SIGNATURE", f"The signature is not the one of {self.address}.", "Ask the holder of the key."
        )


class Senders:
    """The accounts that send for us, each with nonces of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._accounts: list[SenderAccount] | None = None
        self._turns = count()

    async def all(self) -> list[SenderAccount]:
        """Return the accounts, with their keys loaded.

        Raises:
            Invalid: A key is missing or cannot be read.
        """
        if self._accounts is None:
            self._accounts = [SenderAccount(signer) for signer in await _open_signers(self._settings)]
        return self._accounts

    async def next(self) -> SenderAccount:
        """Return the next account, in turn."""
        accounts = await self.all()
        return accounts[next(self._turns) % len(accounts)]

    async def find(self, address: str) -> SenderAccount | None:
        """Return the account with an address, if we have its key."""
        return next((account for account in await self.all() if account.address == address), None)

    async def close(self) -> None:
        """Forget the keys."""
        for account in self._accounts or ():
            await account.close()


async def _open_signers(settings: Settings) -> list[Signer]:
    entries = [entry.strip() for entry in settings.evm_keys.get_secret_value().split(",") if entry.strip()]
    if entries:
        return [_local_signer(entry, number, settings) for number, entry in enumerate(entries, start=1)]
    path = settings.payer_key_file
    if settings.signer == "local" and path is not None:
        content = read_secret_file(path, "PAYER_KEY_FILE")
        if _is_keystore(content):
            return [_from_keystore(content, f"PAYER_KEY_FILE ({path})", payer_passphrase(settings))]
    return [await open_signer(settings, raw_key_type=KeyType.ECDSA_SECP256K1)]


def _local_signer(entry: str, number: int, settings: Settings) -> Signer:
    """Return the signer of one of several keys: an entry that looks like a path is one."""
    source = f"EVM_KEYS (number {number})"
    content = entry.encode()
    if "/" in entry or Path(entry).exists():
        source = f"EVM_KEYS ({entry})"
        content = read_secret_file(Path(entry), "EVM_KEYS")
        if _is_keystore(content):
            return _from_keystore(content, source, payer_passphrase(settings))
    keep_out(content.decode(errors="replace"))
    key = read_private_key(
        content, source=source, passphrase=payer_passphrase(settings), key_type=KeyType.ECDSA_SECP256K1
    )
    return LocalSigner(key)


def _is_keystore(content: bytes) -> bool:
    """Return True if a file is in web3's secret storage format."""
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and "crypto" in {name.lower() for name in found}


def _from_keystore(content: bytes, source: str, passphrase: bytes | None) -> Signer:
    if passphrase is None:
        raise Invalid(f"The key in {source} is encrypted.", "Set PAYER_KEY_PASSPHRASE_FILE, or PAYER_KEY_PASSPHRASE.")
    try:
        secret = Account.decrypt(json.loads(content), passphrase.decode())
    except (ValueError, KeyError, TypeError, NotImplementedError):
        raise Invalid(
            f"The key in {source} cannot be decrypted.",
            "Check PAYER_KEY_PASSPHRASE_FILE, and that the file is whole and of version 3.",
        ) from None
    return LocalSigner(derive_private_key(int.from_bytes(secret), SECP256K1()))
