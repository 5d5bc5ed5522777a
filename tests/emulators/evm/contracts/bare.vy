# pragma version ==0.4.3
# pragma evm-version cancun
"""
@title The least that a payout could cost: each transfer, and one storage write that says so
"""

from ethereum.ercs import IERC20

struct Payment:
    recipient: address
    amount: uint256

payment_token: immutable(address)
paid: HashMap[bytes32, HashMap[address, uint256]]


@deploy
def __init__(token: address):
    payment_token = token


@external
def pay(distribution: bytes32, payments: DynArray[Payment, 256]):
    for payment: Payment in payments:
        self.paid[distribution][payment.recipient] = payment.amount
        assert extcall IERC20(payment_token).transfer(payment.recipient, payment.amount)
