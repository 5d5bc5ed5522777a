# pragma version ==0.4.3
# pragma evm-version london
# pragma optimize gas
"""
@title LifeCycle Cash Flow: pays the holders of a tokenised asset from what it holds of one token
@license Apache-2.0
@notice For a distribution each recipient is paid at most once, for ever: whoever was paid is passed over when the same
    payment is asked for again. A recipient who cannot be paid is reported, and stops nobody else.
@dev Each payment is made in a call to this contract itself, which marks the recipient as paid, transfers, and looks
    whether the whole amount arrived; when it did not, all of that is undone together. The call gets a fixed amount of
    gas, so that whatever the token runs on a transfer cannot starve the payments that follow.
"""

from ethereum.ercs import IERC20

struct Payment:
    recipient: address
    amount: uint256

# What became of a payment. Payments that were made, now or before, are reported with what the recipient got.
event Paid:
    distribution: indexed(bytes32)
    recipient: indexed(address)
    amount: uint256

event AlreadyPaid:
    distribution: indexed(bytes32)
    recipient: indexed(address)
    amount: uint256

event NotPaid:
    distribution: indexed(bytes32)
    recipient: indexed(address)
    amount: uint256
    result: uint256

event Withdrawn:
    token: indexed(address)
    recipient: indexed(address)
    amount: uint256

event Paused:
    account: indexed(address)

event Unpaused:
    account: indexed(address)

event AdminNominated:
    nominee: indexed(address)

event AdminChanged:
    previous: indexed(address)
    admin: indexed(address)

event PayerSet:
    account: indexed(address)
    allowed: bool

event PauserSet:
    account: indexed(address)
    allowed: bool

# The results of a payment, as `pay` returns them and `NotPaid` reports them.
PAID: constant(uint256) = 1
ALREADY_PAID: constant(uint256) = 2
TOKEN_REFUSED: constant(uint256) = 3
WRONG_AMOUNT_ARRIVED: constant(uint256) = 4
NOT_ENOUGH_FUNDS: constant(uint256) = 5
NOT_PAYABLE: constant(uint256) = 6

MAX_PAYMENTS: constant(uint256) = 256

# What a payment may cost beyond the gas of its transfer: keeping the books of it, and reporting it.
GAS_BESIDES_TRANSFER: constant(uint256) = 10_000

VERSION: constant(String[32]) = "masspayout lifecycle cash flow 1"

# The token that is paid in. It never changes: another token takes another contract.
payment_token: public(immutable(address))

# What a recipient got of a distribution; 0 when it was not paid.
paid: public(HashMap[bytes32, HashMap[address, uint256]])

admin: public(address)
nominee: public(address)
is_payer: public(HashMap[address, bool])
is_pauser: public(HashMap[address, bool])
is_paused: public(bool)


@deploy
def __init__(token: address, admin: address, payer: address, pauser: address):
    """
    @notice Create the contract for a payment token, with one account in each role.
    @param payer The first account that may pay, or the zero address for none yet; so for the pauser.
    """
    self._require_token(token)
    if admin == empty(address):
        raw_revert(abi_encode(admin, method_id=method_id("NotAnAdmin(address)")))
    payment_token = token
    self.admin = admin
    log AdminChanged(previous=empty(address), admin=admin)
    if payer != empty(address):
        self.is_payer[payer] = True
        log PayerSet(account=payer, allowed=True)
    if pauser != empty(address):
        self.is_pauser[pauser] = True
        log PauserSet(account=pauser, allowed=True)


@external
@view
def version() -> String[32]:
    """
    @notice Say which contract this is, so that it can be told from others.
    """
    return VERSION


@external
@nonreentrant
def pay(
    distribution: bytes32, payments: DynArray[Payment, MAX_PAYMENTS], transfer_gas: uint256
) -> DynArray[uint256, MAX_PAYMENTS]:
    """
    @notice Pay recipients for a distribution: each at most once, however often it is asked for.
    @param distribution The distribution that is paid.
    @param payments Who is to get how much.
    @param transfer_gas How much gas each transfer may use. Whoever needs more is not paid.
    @return The result of each payment.
    """
    if not self.is_payer[msg.sender]:
        raw_revert(abi_encode(msg.sender, method_id=method_id("NotAPayer(address)")))
    if self.is_paused:
        raw_revert(method_id("ContractPaused()"))
    results: DynArray[uint256, MAX_PAYMENTS] = []
    # The 64th part of what is left stays with the caller, whatever a call asks for.
    needed_gas: uint256 = transfer_gas + transfer_gas // 63 + GAS_BESIDES_TRANSFER
    for payment: Payment in payments:
        result: uint256 = PAID
        before: uint256 = self.paid[distribution][payment.recipient]
        if before != 0:
            result = ALREADY_PAID
            log AlreadyPaid(distribution=distribution, recipient=payment.recipient, amount=before)
        else:
            # Nobody may fail for want of gas that was never given: then nothing of this call happens.
            if msg.gas < needed_gas:
                raw_revert(abi_encode(needed_gas, method_id=method_id("NotEnoughGas(uint256)")))
            result = self._try_to_pay(distribution, payment.recipient, payment.amount, transfer_gas)
            if result == PAID:
                log Paid(distribution=distribution, recipient=payment.recipient, amount=payment.amount)
            else:
                log NotPaid(
                    distribution=distribution, recipient=payment.recipient, amount=payment.amount, result=result
                )
        results.append(result)
    return results


@internal
def _try_to_pay(distribution: bytes32, recipient: address, amount: uint256, transfer_gas: uint256) -> uint256:
    success: bool = False
    response: Bytes[4] = b""
    success, response = raw_call(
        self,
        abi_encode(distribution, recipient, amount, method_id=method_id("pay_one(bytes32,address,uint256)")),
        max_outsize=4,
        gas=transfer_gas,
        revert_on_failure=False,
    )
    if success:
        return PAID
    if response == method_id("NotPayable()"):
        return NOT_PAYABLE
    if response == method_id("WrongAmountArrived()"):
        return WRONG_AMOUNT_ARRIVED
    if staticcall IERC20(payment_token).balanceOf(self) < amount:
        return NOT_ENOUGH_FUNDS
    return TOKEN_REFUSED


@external
def pay_one(distribution: bytes32, recipient: address, amount: uint256):
    """
    @notice One payment, all of it or nothing. Only for this contract itself.
    """
    if msg.sender != self:
        raw_revert(method_id("OnlyForItself()"))
    if recipient == empty(address) or recipient == self or amount == 0:
        raw_revert(method_id("NotPayable()"))
    self.paid[distribution][recipient] = amount
    before: uint256 = staticcall IERC20(payment_token).balanceOf(recipient)
    self._transfer(payment_token, recipient, amount)
    if staticcall IERC20(payment_token).balanceOf(recipient) != before + amount:
        raw_revert(method_id("WrongAmountArrived()"))


@internal
def _transfer(token: address, recipient: address, amount: uint256):
    """
    @dev Tokens that return nothing are taken at their word; those that return false are not.
    """
    response: Bytes[32] = raw_call(
        token,
        abi_encode(recipient, amount, method_id=method_id("transfer(address,uint256)")),
        max_outsize=32,
    )
    if len(response) != 0 and convert(response, uint256) != 1:
        raw_revert(method_id("TokenRefused()"))


@external
@nonreentrant
def withdraw(token: address, recipient: address, amount: uint256):
    """
    @notice Take tokens out, whichever they are, also while the contract is paused.
    """
    self._only_admin()
    self._require_token(token)
    self._transfer(token, recipient, amount)
    log Withdrawn(token=token, recipient=recipient, amount=amount)


@external
@nonreentrant
def associate():
    """
    @notice Associate this contract with its payment token, where a ledger asks for that before an account can hold one.
    """
    self._only_admin()
    raw_call(payment_token, method_id("associate()"))


@external
@nonreentrant
def pause():
    """
    @notice Stop all payments until further notice.
    """
    self._only_pauser()
    self.is_paused = True
    log Paused(account=msg.sender)


@external
@nonreentrant
def unpause():
    """
    @notice Let payments go on.
    """
    self._only_pauser()
    self.is_paused = False
    log Unpaused(account=msg.sender)


@external
@nonreentrant
def set_payer(account: address, allowed: bool):
    """
    @notice Give or take the right to pay.
    """
    self._only_admin()
    self.is_payer[account] = allowed
    log PayerSet(account=account, allowed=allowed)


@external
@nonreentrant
def set_pauser(account: address, allowed: bool):
    """
    @notice Give or take the right to pause and unpause.
    """
    self._only_admin()
    self.is_pauser[account] = allowed
    log PauserSet(account=account, allowed=allowed)


@external
@nonreentrant
def nominate_admin(nominee: address):
    """
    @notice Offer the administration to another account; the zero address takes an offer back.
    """
    self._only_admin()
    self.nominee = nominee
    log AdminNominated(nominee=nominee)


@external
@nonreentrant
def accept_admin():
    """
    @notice Take the administration over. Only who can call this can become the admin.
    """
    if msg.sender != self.nominee:
        raw_revert(abi_encode(msg.sender, method_id=method_id("NotNominated(address)")))
    log AdminChanged(previous=self.admin, admin=msg.sender)
    self.admin = msg.sender
    self.nominee = empty(address)


@internal
@view
def _require_token(token: address):
    """
    @dev A call to an address without code would succeed, and move nothing.
    """
    if not token.is_contract:
        raw_revert(abi_encode(token, method_id=method_id("NotAToken(address)")))


@internal
@view
def _only_admin():
    if msg.sender != self.admin:
        raw_revert(abi_encode(msg.sender, method_id=method_id("NotTheAdmin(address)")))


@internal
@view
def _only_pauser():
    if not self.is_pauser[msg.sender]:
        raw_revert(abi_encode(msg.sender, method_id=method_id("NotAPauser(address)")))
