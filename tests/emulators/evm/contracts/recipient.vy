# pragma version ==0.4.3
# pragma evm-version cancun
"""
@title A recipient that does what it should not when tokens arrive
"""

struct Payment:
    recipient: address
    amount: uint256

interface Payer:
    def pay(distribution: bytes32, payments: DynArray[Payment, 1], transfer_gas: uint256): nonpayable
    def pay_one(distribution: bytes32, recipient: address, amount: uint256): nonpayable
    def withdraw(token: address, recipient: address, amount: uint256): nonpayable

# What it does when tokens arrive.
KEEPS: constant(uint256) = 0
EATS_GAS: constant(uint256) = 1
REVERTS: constant(uint256) = 2
PASSES_ON: constant(uint256) = 3
WANTS_MORE: constant(uint256) = 4
WANTS_MORE_QUIETLY: constant(uint256) = 5
CALLS_ITS_INSIDE: constant(uint256) = 6
WITHDRAWS: constant(uint256) = 7
RETURNS_MUCH: constant(uint256) = 8

payer: public(address)
behaviour: public(uint256)
eaten: uint256


@deploy
def __init__(payer: address, behaviour: uint256):
    self.payer = payer
    self.behaviour = behaviour


@external
def tokens_received(sender: address, amount: uint256):
    behaviour: uint256 = self.behaviour
    if behaviour == EATS_GAS:
        for i: uint256 in range(max_value(uint256)):
            self.eaten = i
    if behaviour == REVERTS:
        raise "no"
    if behaviour == PASSES_ON:
        passed: bool = raw_call(
            msg.sender,
            abi_encode(self.payer, amount, method_id=method_id("transfer(address,uint256)")),
            revert_on_failure=False,
        )
    if behaviour == WANTS_MORE:
        extcall Payer(self.payer).pay(keccak256("more"), [Payment(recipient=self, amount=amount)], 100_000)
    if behaviour == WANTS_MORE_QUIETLY:
        payments: DynArray[Payment, 1] = [Payment(recipient=self, amount=amount)]
        ignored: bool = raw_call(
            self.payer,
            abi_encode(
                keccak256("more"),
                payments,
                convert(100_000, uint256),
                method_id=method_id("pay(bytes32,(address,uint256)[],uint256)"),
            ),
            revert_on_failure=False,
        )
    if behaviour == CALLS_ITS_INSIDE:
        extcall Payer(self.payer).pay_one(keccak256("more"), self, amount)
    if behaviour == WITHDRAWS:
        extcall Payer(self.payer).withdraw(msg.sender, self, amount)
    if behaviour == RETURNS_MUCH:
        much: uint256[1000] = empty(uint256[1000])
        raw_revert(abi_encode(much))
