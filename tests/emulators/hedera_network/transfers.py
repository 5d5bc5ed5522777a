"""What a transfer does to balances, or why it cannot: the network's rules, in its order."""

from collections.abc import Iterable
from dataclasses import replace

from hedera_network.entities import Account, AssessedFee, FixedFee, FractionalFee, Relation, Token
from hedera_network.fees import FEE_COLLECTION_ACCOUNT
from hedera_network.ledger import Draft, Ledger
from hedera_network.transactions import MAX_HBAR_ADJUSTMENTS, MAX_TOKEN_ADJUSTMENTS, CryptoTransfer, Refusal

_UNLIMITED = -1


class Execution:
    """One transfer, applied to a draft of the state.

    Attributes:
        token_transfers: What moved, custom fees included.
        associations: How many accounts were associated on the way.
    """

    def __init__(self, ledger: Ledger, draft: Draft, transfer: CryptoTransfer) -> None:
        self._ledger, self._draft, self._transfer = ledger, draft, transfer
        self._moved: dict[tuple[int, int], int] = {}
        self._hbars: dict[int, int] = {}
        self.assessed_fees: list[AssessedFee] = []
        self.associations = 0

    @property
    def token_transfers(self) -> tuple[tuple[int, int, int], ...]:
        """What moved of tokens: (token, account, amount)."""
        return tuple((token, account, amount) for (token, account), amount in self._moved.items() if amount)

    @property
    def hbar_transfers(self) -> dict[int, int]:
        """What moved in tinybars, without the network's fee."""
        return self._hbars

    def run(self) -> None:
        """Apply the transfer.

        Raises:
            Refusal: It cannot be; the draft is worthless then.
        """
        transfer = self._transfer
        if len(transfer.hbars) > MAX_HBAR_ADJUSTMENTS:
            raise Refusal("TRANSFER_LIST_SIZE_LIMIT_EXCEEDED")
        if sum(len(adjustments) for _, adjustments, _ in transfer.tokens) > MAX_TOKEN_ADJUSTMENTS:
            raise Refusal("TOKEN_TRANSFER_LIST_SIZE_LIMIT_EXCEEDED")
        for account, amount in transfer.hbars:
            self._usable(account)
            if account == FEE_COLLECTION_ACCOUNT:
                raise Refusal("TRANSFER_TO_FEE_COLLECTION_ACCOUNT_NOT_ALLOWED")
            self._add_tinybars(account, amount)
        for number, adjustments, decimals in transfer.tokens:
            token = self._usable_token(number, decimals)
            for account, amount in adjustments:
                self._adjust(token, self._usable(account), amount)
            self._charge_custom_fees(token, adjustments)
        self._check_balances()

    def _usable(self, number: int) -> Account:
        account = self._draft.account(number)
        if account is None:
            raise Refusal("INVALID_ACCOUNT_ID")
        if account.deleted:
            raise Refusal("ACCOUNT_DELETED")
        if account.expired:
            raise Refusal("ACCOUNT_EXPIRED_AND_PENDING_REMOVAL")
        return account

    def _usable_token(self, number: int, expected_decimals: int | None) -> Token:
        token = self._ledger.token(number)
        if token is None:
            raise Refusal("INVALID_TOKEN_ID")
        if token.deleted:
            raise Refusal("TOKEN_WAS_DELETED")
        if token.paused:
            raise Refusal("TOKEN_IS_PAUSED")
        if expected_decimals is not None and expected_decimals != token.decimals:
            raise Refusal("UNEXPECTED_TOKEN_DECIMALS")
        return token

    def _adjust(self, token: Token, account: Account, amount: int) -> None:
        relation = self._draft.relation(token.number, account.number)
        if relation is None:
            if amount < 0:
                raise Refusal("TOKEN_NOT_ASSOCIATED_TO_ACCOUNT")
            relation = self._associate(token, account)
        if relation.frozen:
            raise Refusal("ACCOUNT_FROZEN_FOR_TOKEN")
        if token.kyc_key and not relation.kyc_granted:
            raise Refusal("ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN")
        self._add_units(token.number, account.number, amount)

    def _associate(self, token: Token, account: Account) -> Relation:
        """Associate an account that takes tokens by itself."""
        if account.automatic_slots == 0:
            raise Refusal("TOKEN_NOT_ASSOCIATED_TO_ACCOUNT")
        if account.automatic_slots != _UNLIMITED and account.automatic_used >= account.automatic_slots:
            raise Refusal("NO_REMAINING_AUTOMATIC_ASSOCIATIONS")
        if token.kyc_key:
            raise Refusal("ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN")
        self.associations += 1
        relation = Relation(automatic=True)
        self._draft.put_account(replace(account, automatic_used=account.automatic_used + 1))
        self._draft.put_relation(token.number, account.number, relation)
        return relation

    def _charge_custom_fees(self, token: Token, adjustments: tuple[tuple[int, int], ...]) -> None:
        for sender in [account for account, amount in adjustments if amount < 0]:
            for fixed in token.fixed_fees:
                if not _is_exempt(token, fixed, sender):
                    self._charge_fixed(fixed, sender)
            for fractional in token.fractional_fees:
                if not _is_exempt(token, fractional, sender):
                    self._charge_fraction(token, fractional, sender, adjustments)

    def _charge_fixed(self, fee: FixedFee, sender: int) -> None:
        collector = self._usable(fee.collector)
        if fee.token is None:
            self._add_tinybars(sender, -fee.amount)
            self._add_tinybars(fee.collector, fee.amount)
        else:
            token = self._usable_token(fee.token, None)
            self._adjust(token, self._usable(sender), -fee.amount)
            self._adjust(token, collector, fee.amount)
        self.assessed_fees.append(AssessedFee(fee.amount, fee.collector, fee.token, sender))

    def _charge_fraction(
        self, token: Token, fee: FractionalFee, sender: int, adjustments: Iterable[tuple[int, int]]
    ) -> None:
        received = {account: amount for account, amount in adjustments if amount > 0}
        total = sum(received.values())
        amount = max(total * fee.numerator // fee.denominator, fee.minimum)
        if fee.maximum:
            amount = min(amount, fee.maximum)
        if fee.net_of_transfers:
            self._add_units(token.number, sender, -amount)
        else:
            if amount > total:
                raise Refusal("INSUFFICIENT_SENDER_ACCOUNT_BALANCE_FOR_CUSTOM_FEE")
            # From those who are exempt themselves nothing is taken, unless there is nobody else.
            charged = {one: share for one, share in received.items() if not _is_exempt(token, fee, one)} or received
            charged_total, left = sum(charged.values()), amount
            for position, (account, share) in enumerate(charged.items(), start=1):
                part = left if position == len(charged) else amount * share // charged_total
                left -= part
                self._add_units(token.number, account, -part)
        self._adjust(token, self._usable(fee.collector), amount)
        self.assessed_fees.append(AssessedFee(amount, fee.collector, token.number, sender))

    def _add_units(self, token: int, account: int, amount: int) -> None:
        self._draft.add_units(token, account, amount)
        self._moved[token, account] = self._moved.get((token, account), 0) + amount

    def _add_tinybars(self, account: int, amount: int) -> None:
        self._draft.add_tinybars(account, amount)
        self._hbars[account] = self._hbars.get(account, 0) + amount

    def _check_balances(self) -> None:
        fees = {(fee.token, fee.payer) for fee in self.assessed_fees}
        for token, account in self._draft.overdrawn():
            if (token, account) in fees:
                raise Refusal("INSUFFICIENT_SENDER_ACCOUNT_BALANCE_FOR_CUSTOM_FEE")
            raise Refusal("INSUFFICIENT_ACCOUNT_BALANCE" if token is None else "INSUFFICIENT_TOKEN_BALANCE")


def _is_exempt(token: Token, fee: FixedFee | FractionalFee, account: int) -> bool:
    """Return whether an account is exempt from a fee: treasury and collector are, other collectors where it says so."""
    if account in (token.treasury, fee.collector):
        return True
    collectors = {one.collector for one in token.fixed_fees} | {one.collector for one in token.fractional_fees}
    return fee.all_collectors_are_exempt and account in collectors
