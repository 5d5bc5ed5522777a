"""Custom fees of payment tokens: those that a payer is charged, and their effect on recipients.

The network exempts the token's treasury from all fees, a collector from its own, and all collectors from fees that are
marked so. A fee that cannot be charged fails the whole transfer, with the code of a recipient in the same state.
"""

from collections.abc import Iterator

from masspayout.ledger.hedera.mirror.responses import FixedFee, FractionalFee, Token


def charged_fees(token: Token, payer_account_id: str) -> Iterator[FixedFee | FractionalFee]:
    """Yield the fees that a payer is charged for moving a token."""
    fees: list[FixedFee | FractionalFee] = [*token.custom_fees.fixed_fees, *token.custom_fees.fractional_fees]
    collectors = {fee.collector_account_id for fee in fees}
    for fee in fees:
        is_own = payer_account_id in (token.treasury_account_id, fee.collector_account_id)
        if not is_own and not (fee.all_collectors_are_exempt and payer_account_id in collectors):
            yield fee


def denomination(fee: FixedFee | FractionalFee, token: Token) -> str | None:
    """Return the token that a fee of a token is charged in; None means HBAR."""
    return token.token_id if isinstance(fee, FractionalFee) else fee.denominating_token_id


def drawback_of(token: Token, payer_account_id: str) -> str | None:
    """Return the reason why recipients would get less than they are sent, or nothing; None when they get all of it."""
    if token.deleted:
        return "it was deleted."
    fees = [fee for fee in charged_fees(token, payer_account_id) if isinstance(fee, FractionalFee)]
    if any(not fee.net_of_transfers for fee in fees):
        return "it takes a fractional fee out of what recipients get (one that is net of transfers would not)."
    return None
