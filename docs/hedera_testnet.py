"""Makes something to pay a dividend on at Hedera's testnet: an asset with three holders, and a token to pay in.

Takes the payer from PAYER_ACCOUNT_ID and PAYER_KEY, as masspayout does, and costs about 30 test HBAR.
"""

import os

from hiero_sdk_python import AccountCreateTransaction, AccountId, Client, Hbar, PrivateKey, TokenId
from hiero_sdk_python.tokens.token_create_transaction import TokenCreateTransaction
from hiero_sdk_python.transaction.transfer_transaction import TransferTransaction

HOLDINGS_UNITS = (50_000, 30_000, 20_000)
DOLLARS_UNITS = 1_000_000_000_000


def create_token(client: Client, operator: AccountId, name: str, symbol: str, decimals: int, units: int) -> TokenId:
    """Make a token whose whole supply the operator holds."""
    transaction = (
        TokenCreateTransaction()
        .set_token_name(name)
        .set_token_symbol(symbol)
        .set_decimals(decimals)
        .set_initial_supply(units)
        .set_treasury_account_id(operator)
    )
    return transaction.execute(client, validate_status=True).token_id


def create_holder(client: Client) -> AccountId:
    """Make an account that takes any token; nobody keeps its key."""
    transaction = (
        AccountCreateTransaction()
        .set_key_without_alias(PrivateKey.generate_ed25519().public_key())
        .set_initial_balance(Hbar(0))
        .set_max_automatic_token_associations(-1)
    )
    return transaction.execute(client, validate_status=True).account_id


def main() -> None:
    """Make everything, and say what to type next."""
    operator, key = (
        AccountId.from_string(os.environ["PAYER_ACCOUNT_ID"]),
        PrivateKey.from_string(os.environ["PAYER_KEY"]),
    )
    client = Client.for_testnet().set_operator(operator, key)
    asset = create_token(client, operator, "Green Bond", "GRB", 2, sum(HOLDINGS_UNITS))
    dollar = create_token(client, operator, "Test Dollar", "TUSD", 6, DOLLARS_UNITS)
    transfer = TransferTransaction()
    for units in HOLDINGS_UNITS:
        holder = create_holder(client)
        transfer.add_token_transfer(asset, operator, -units).add_token_transfer(asset, holder, units)
    transfer.execute(client, validate_status=True)
    client.close()
    print(f"masspayout asset import {asset} --payment-token {dollar}")  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
