"""Preflight: the accounts that could not receive a token, or not pay in it, by the mirror nodes' data.

The check runs before anything is sent, and again when a transaction was refused with a code without a subject.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from masspayout.kernel.errors import Conflict, NotFound
from masspayout.ledger.failures import CUSTOM_FEE_NOT_CHARGEABLE, PAYER_NOT_ABLE, RECIPIENT_IS_ABLE, describe_failure
from masspayout.ledger.hedera.custom_fees import charged_fees, denomination, drawback_of
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.hedera.mirror.client import PAGE, TOKENS_SHOWN, MirrorClient
from masspayout.ledger.hedera.mirror.responses import Account, Key, Token, TokenRelationship
from masspayout.ledger.port import PreflightResult
from masspayout.ledger.signing.port import KeyType, Signer

_SIMPLE_KEYS = {"ED25519": KeyType.ED25519, "ECDSA_SECP256K1": KeyType.ECDSA_SECP256K1}
_PAUSED = "PAUSED"

# A list of accounts does not show the failure; the account has to be looked up alone.
_DOUBTFUL = "DOUBTFUL"

# Codes without a subject, which may be the payer, a recipient, or the collector of a custom fee.
_OF_SOMEBODY = {
    "ACCOUNT_DELETED",
    "ACCOUNT_FROZEN_FOR_TOKEN",
    "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN",
    "INVALID_SIGNATURE",
    "NO_REMAINING_AUTOMATIC_ASSOCIATIONS",
    "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
}


class FeeFailure(NamedTuple):
    """A reason why a custom fee cannot be charged: an account that cannot hold the token of the fee.

    Attributes:
        account_id: The collector of the fee, or the payer.
        token_id: The token of the fee; None is HBAR.
        code: The failure code of the account.
    """

    account_id: str
    token_id: str | None
    code: str


class Preflight:
    """The comparison of accounts with the requirements of a transfer."""

    def __init__(self, mirror: MirrorClient) -> None:
        self._mirror = mirror

    async def check(self, token_id: str, account_ids: Sequence[str], max_lookups: int | None = None) -> PreflightResult:
        """Return the accounts that could not receive a token now.

        Args:
            token_id: The token, or HBAR.
            account_ids: Any number of accounts.
            max_lookups: The most accounts that are looked up one by one, spread evenly; by default all.

        Raises:
            NotFound: There is no such token.
        """
        token = None if token_id == HBAR else await self.token(token_id)
        starts = range(0, len(account_ids), PAGE)
        pages = await asyncio.gather(*(self._accounts(account_ids[start : start + PAGE]) for start in starts))
        accounts = {account_id: account for page in pages for account_id, account in page.items()}
        failures: dict[str, str] = {}
        doubtful: list[Account] = []
        for account_id in account_ids:
            account = accounts.get(account_id)
            code = "INVALID_ACCOUNT_ID" if account is None else _failure(token, account)
            if code == _DOUBTFUL and account is not None:
                doubtful.append(account)
            elif code is not None:
                failures[account_id] = code
        if token is not None and doubtful:
            looked_up = _spread(doubtful, max_lookups)
            found = await asyncio.gather(*(self._look_up(token, account) for account in looked_up))
            failures |= {one.account: code for one, code in zip(looked_up, found, strict=True) if code is not None}
            return PreflightResult(failures, len(doubtful) - len(looked_up))
        return PreflightResult(failures)

    async def payer_failure(self, payer_account_id: str, token_id: str) -> str | None:
        """Return the code of a failure that keeps a payer from sending a token at all; None without one."""
        account = await self._mirror.account(payer_account_id)
        if account is None:
            return "INVALID_ACCOUNT_ID"
        if account.deleted:
            return "ACCOUNT_DELETED"
        if token_id == HBAR:
            return None
        relationship = await self._mirror.relationship(payer_account_id, token_id)
        if relationship is None:
            return "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"
        return _status_failure(relationship)

    async def fee_failure(self, payer_account_id: str, token: Token) -> FeeFailure | None:
        """Return the first custom fee that a payer would be charged and that cannot be charged; None when all can."""
        for fee in charged_fees(token, payer_account_id):
            token_id, collector_id = denomination(fee, token), fee.collector_account_id
            charged_in = None
            if token_id is not None:
                charged_in = token if token_id == token.token_id else await self.token(token_id)
                code = await self.payer_failure(payer_account_id, token_id)
                if code is not None:
                    return FeeFailure(payer_account_id, token_id, code)
            if collector_id is not None:
                code = await self._collector_failure(collector_id, charged_in)
                if code is not None:
                    return FeeFailure(collector_id, token_id, code)
        return None

    async def _collector_failure(self, collector_id: str, charged_in: Token | None) -> str | None:
        collector = await self._mirror.account(collector_id)
        if collector is None:
            return "INVALID_ACCOUNT_ID"
        if collector.deleted:
            return "ACCOUNT_DELETED"
        return None if charged_in is None else await self._look_up(charged_in, collector)

    async def attribute(self, code: str, payer_account_id: str, token_id: str, recipient_id: str | None) -> str:
        """Return the code of a refused transfer, attributed to its subject as far as that can be found.

        Args:
            code: The network's code, which has no subject.
            payer_account_id: The payer.
            token_id: The payment token.
            recipient_id: The recipient, if it was the only one: without a failure of its own, it is not blamed.
        """
        if code not in _OF_SOMEBODY:
            return code
        if await self.payer_failure(payer_account_id, token_id) == code:
            return PAYER_NOT_ABLE
        if token_id != HBAR and await self.fee_failure(payer_account_id, await self.token(token_id)) is not None:
            return CUSTOM_FEE_NOT_CHARGEABLE
        if recipient_id is not None and not (await self.check(token_id, [recipient_id])).failures:
            return RECIPIENT_IS_ABLE
        return code

    async def require_payer(self, payer_account_id: str, token_id: str, signer: Signer) -> None:
        """Check that a payer could pay in a token, apart from its balance.

        Raises:
            Conflict: The payer could not; the next step is the fix.
        """
        await self.require_key(payer_account_id, signer)
        failure = await self.payer_failure(payer_account_id, token_id)
        if failure is not None:
            raise Conflict(
                f"The payer {payer_account_id} cannot pay in {token_id}: {failure}. "
                f"{describe_failure(failure).sentence}",
                f"Check PAYER_ACCOUNT_ID and HEDERA_NETWORK, associate {payer_account_id} with {token_id}, and have it "
                "granted KYC or unfrozen where the token asks for that.",
            )
        if token_id != HBAR:
            token = await self.token(token_id)
            _require_payable(token, payer_account_id)
            await self._require_fees(token, payer_account_id)

    async def _require_fees(self, token: Token, payer_account_id: str) -> None:
        """Refuse a token with a custom fee that cannot be charged: every transfer of it would fail."""
        failure = await self.fee_failure(payer_account_id, token)
        if failure is not None:
            who = "the payer" if failure.account_id == payer_account_id else "the collector"
            raise Conflict(
                f"A custom fee of {token.token_id} cannot be charged: {who} {failure.account_id} cannot hold "
                f"{failure.token_id or 'HBAR'}, which it is charged in: {failure.code}.",
                f"Have {failure.account_id} associated, unfrozen or granted KYC, or have the token's issuer change "
                "the fee; or pay in another token.",
            )

    async def require_key(self, payer_account_id: str, signer: Signer) -> None:
        """Check that a key is the payer's. For a list of keys, nobody can see from outside if one is enough.

        Raises:
            Conflict: The payer has another key, or the network knows no such payer.
        """
        account = await self._mirror.account(payer_account_id)
        if account is None:
            raise Conflict(
                f"The network knows no account {payer_account_id} to pay from.",
                "Correct PAYER_ACCOUNT_ID or HEDERA_NETWORK: each network has its own accounts.",
            )
        key = account.key or Key()
        key_type = _SIMPLE_KEYS.get(key.type_ or "")
        if key_type is not None and (key_type, key.key) != (signer.key_type, signer.public_key.hex()):
            raise Conflict(
                f"The key is not that of {account.account}: its public key is {signer.public_key.hex()} "
                f"({signer.key_type}), and the account's is {key.key} ({key_type}).",
                "Correct PAYER_ACCOUNT_ID, HEDERA_NETWORK, or the key (PAYER_KEY_FILE, PAYER_KEY or DFNS_KEY_ID).",
            )

    async def token(self, token_id: str) -> Token:
        """Return a token.

        Raises:
            NotFound: There is no such token, or it is non-fungible.
        """
        token = await self._mirror.token(token_id)
        if token is None:
            raise NotFound(
                f"The network knows no token {token_id}.", "Check the id, and HEDERA_NETWORK: each network has its own."
            )
        if token.type != "FUNGIBLE_COMMON":
            raise NotFound(
                f"{token_id} is a collection of single pieces (NFTs), which have no amounts.", "Name a fungible token."
            )
        return token

    async def _accounts(self, account_ids: Sequence[str]) -> Mapping[str, Account]:
        known = [account_id for account_id in account_ids if not account_id.startswith("0x")]
        return await self._mirror.accounts(known) if known else {}

    async def _look_up(self, token: Token, account: Account) -> str | None:
        """Return the failure code of one account, by a lookup of what a list of accounts leaves out."""
        relationship = await self._mirror.relationship(account.account, token.token_id)
        if relationship is not None:
            return _status_failure(relationship)
        slots = account.max_automatic_token_associations or 0
        if slots > 0 and await self._mirror.automatic_associations(account.account, slots) >= slots:
            return "NO_REMAINING_AUTOMATIC_ASSOCIATIONS"
        return _association_failure(token, slots)


def _failure(token: Token | None, account: Account) -> str | None:
    """Return the failure code of an account as a recipient, as far as a list of accounts shows it."""
    if account.deleted:
        return "ACCOUNT_DELETED"
    if account.receiver_sig_required:
        return "INVALID_SIGNATURE"
    if token is None:
        return None
    shown = account.balance.tokens if account.balance else ()
    if any(one.token_id == token.token_id for one in shown):
        return None if token.freeze_key is None and token.kyc_key is None else _DOUBTFUL
    slots = account.max_automatic_token_associations or 0
    if len(shown) >= TOKENS_SHOWN or 0 < slots <= len(shown):
        return _DOUBTFUL
    return _association_failure(token, slots)


def _association_failure(token: Token, slots: int) -> str | None:
    """Return the failure code of an automatic association, for an account with so many slots, not all of them taken."""
    if slots == 0:
        return "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"
    if token.kyc_key is not None:
        return "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN"
    return "ACCOUNT_FROZEN_FOR_TOKEN" if token.freeze_default and token.freeze_key is not None else None


def _spread(accounts: Sequence[Account], at_most: int | None) -> Sequence[Account]:
    """Return so many accounts, evenly spread over all; by default all."""
    if at_most is None or at_most >= len(accounts):
        return accounts
    return [accounts[position * len(accounts) // at_most] for position in range(at_most)]


def is_paused(token: Token) -> bool:
    """Return True if nobody can move a token now."""
    return token.pause_status == _PAUSED


def _status_failure(relationship: TokenRelationship) -> str | None:
    if relationship.freeze_status == "FROZEN":
        return "ACCOUNT_FROZEN_FOR_TOKEN"
    return "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN" if relationship.kyc_status == "REVOKED" else None


def _require_payable(token: Token, payer_account_id: str) -> None:
    """Refuse a token that cannot be moved, or that would give recipients less than they are owed."""
    if is_paused(token):
        raise Conflict(
            f"The payment token {token.token_id} is paused.",
            "Have the holder of its pause key unpause it, then try again.",
        )
    drawback = drawback_of(token, payer_account_id)
    if drawback is not None:
        raise Conflict(f"No payout should be paid in {token.token_id}: {drawback}", "Pay in another token.")
