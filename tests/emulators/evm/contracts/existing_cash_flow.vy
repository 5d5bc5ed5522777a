# pragma version ==0.4.3
# pragma evm-version cancun
"""
@title What the LifeCycleCashFlow contracts do that exist already, as far as payouts by address lists go
@dev It is written from their interface and from what they were seen to do: results are padded to the length of what was
    asked, whoever was paid before comes back as failed, and nothing tells whether an account was paid. Redemptions mark
    nobody: whoever was redeemed has no bonds left, and comes back as paid, with nothing. The bond that refuses one
    holder reverts the call for all of them.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

struct Owed:
    numerator: uint256
    denominator: uint256
    reached: bool

struct Principal:
    numerator: uint256
    denominator: uint256

struct BondDetails:
    currency: bytes3
    nominal_value: uint256
    nominal_value_decimals: uint8
    starting_date: uint256
    maturity_date: uint256

struct Information:
    name: String[64]
    symbol: String[32]
    isin: String[32]
    decimals: uint8

struct Metadata:
    information: Information
    security_type: uint8

struct Dividend:
    record_date: uint256
    execution_date: uint256
    amount: uint256
    amount_decimals: uint8
    snapshot_id: uint256

struct Coupon:
    record_date: uint256
    execution_date: uint256
    start_date: uint256
    end_date: uint256
    fixing_date: uint256
    rate: uint256
    rate_decimals: uint8
    rate_status: uint8
    snapshot_id: uint256

interface Asset:
    def getERC20Metadata() -> Metadata: view
    def balanceOfAtSnapshot(snapshot: uint256, holder: address) -> uint256: view
    def totalSupplyAtSnapshot(snapshot: uint256) -> uint256: view
    def getDividend(dividend: uint256) -> (Dividend, bool): view
    def getDividendAmountFor(dividend: uint256, holder: address) -> Owed: view
    def getCoupon(coupon: uint256) -> (Coupon, bool): view
    def getCouponAmountFor(coupon: uint256, holder: address) -> Owed: view
    def getBondDetails() -> BondDetails: view
    def getMaturityDate() -> uint256: view
    def getPrincipalFor(holder: address) -> Principal: view
    def fullRedeemAtMaturity(holder: address): nonpayable

event DistributionByAddressesExecuted:
    distributionID: uint256
    holders: DynArray[address, 256]
    failed: DynArray[address, 256]
    succceeded: DynArray[address, 256]
    paid: DynArray[uint256, 256]

event AmountSnapshotByAddressesExecuted:
    snapshotID: uint256
    holders: DynArray[address, 256]
    amount: uint256
    failed: DynArray[address, 256]
    succceeded: DynArray[address, 256]
    paid: DynArray[uint256, 256]

event Executed:
    holders: DynArray[address, 256]

event CashOutByAddressesExecuted:
    holders: DynArray[address, 256]
    failed: DynArray[address, 256]
    succceeded: DynArray[address, 256]
    paid: DynArray[uint256, 256]

event PaymentTokenTransferred:
    to: address
    amount: uint256

event PaymentTokenChanged:
    token: address

event LifeCycleCashFlowPaused:
    account: indexed(address)

event LifeCycleCashFlowUnpaused:
    account: indexed(address)

PAUSER: constant(bytes32) = keccak256("lifecycle.cash.flow.role.pauser")
PAYOUT: constant(bytes32) = keccak256("lifecycle.cash.flow.role.payout")
CASHOUT: constant(bytes32) = keccak256("lifecycle.cash.flow.role.cashout")
TRANSFERER: constant(bytes32) = keccak256("lifecycle.cash.flow.role.transferer")
TOKEN_MANAGER: constant(bytes32) = keccak256("lifecycle.cash.flow.role.payment.token.manager")

ADMIN: constant(bytes32) = empty(bytes32)

# The kinds of assets that are no bonds.
EQUITY: constant(uint8) = 1

asset: address
payment_token: address
paused: bool
is_upgraded: bool
reports_in_other_words: bool
roles: HashMap[bytes32, HashMap[address, bool]]
paid_by_snapshot: HashMap[uint256, HashMap[address, bool]]
paid_by_distribution: HashMap[uint256, HashMap[address, bool]]


@deploy
def __init__(asset: address, payment_token: address, member: address):
    self.asset = asset
    self.payment_token = payment_token
    for role: bytes32 in [ADMIN, PAUSER, PAYOUT, CASHOUT, TRANSFERER, TOKEN_MANAGER]:
        self.roles[role][member] = True


@external
@view
def getPaymentToken() -> address:
    return self.payment_token


@external
@view
def getPaymentTokenDecimals() -> uint8:
    return staticcall IERC20Detailed(self.payment_token).decimals()


@external
@view
def isPaused() -> bool:
    return self.paused


@external
@view
def hasRole(role: bytes32, account: address) -> bool:
    return self.roles[role][account]


@external
def grantRole(role: bytes32, account: address) -> bool:
    self._require_role(ADMIN)
    self.roles[role][account] = True
    return True


@external
def revokeRole(role: bytes32, account: address) -> bool:
    self._require_role(ADMIN)
    self.roles[role][account] = False
    return True


@external
def upgrade():
    """
    @notice Become a version that asks newer bonds for what they answer.
    """
    self.is_upgraded = True


@external
def report_in_other_words(otherwise: bool):
    """
    @notice Become a version whose reports have another form; back again with False.
    """
    self.reports_in_other_words = otherwise


@external
def pause() -> bool:
    self._require_role(PAUSER)
    self._require_unpaused()
    self.paused = True
    log LifeCycleCashFlowPaused(account=msg.sender)
    return True


@external
def unpause() -> bool:
    self._require_role(PAUSER)
    if not self.paused:
        raw_revert(method_id("LifeCycleCashFlowIsUnpaused()"))
    self.paused = False
    log LifeCycleCashFlowUnpaused(account=msg.sender)
    return True


@external
def updatePaymentToken(token: address):
    self._require_unpaused()
    self._require_role(TOKEN_MANAGER)
    self.payment_token = token
    log PaymentTokenChanged(token=token)


@external
def transferPaymentToken(to: address, amount: uint256):
    self._require_unpaused()
    self._require_role(TRANSFERER)
    if staticcall IERC20(self.payment_token).balanceOf(self) < amount:
        raw_revert(abi_encode(amount, method_id=method_id("NotEnoughBalance(uint256)")))
    assert extcall IERC20(self.payment_token).transfer(to, amount)
    log PaymentTokenTransferred(to=to, amount=amount)


@external
def executeAmountSnapshotByAddresses(
    asset: address, snapshot: uint256, holders: DynArray[address, 256], amount: uint256
) -> (DynArray[address, 256], DynArray[address, 256], DynArray[uint256, 256]):
    self._begin(asset, PAYOUT)
    failed: DynArray[address, 256] = []
    succeeded: DynArray[address, 256] = []
    paid: DynArray[uint256, 256] = []
    supply: uint256 = staticcall Asset(asset).totalSupplyAtSnapshot(snapshot)
    for holder: address in holders:
        if not self.paid_by_snapshot[snapshot][holder]:
            share: uint256 = amount * staticcall Asset(asset).balanceOfAtSnapshot(snapshot, holder) // supply
            if self._transfer(holder, share):
                self.paid_by_snapshot[snapshot][holder] = True
                succeeded.append(holder)
                paid.append(share)
                continue
        failed.append(holder)
    failed, succeeded, paid = self._padded(len(holders), failed, succeeded, paid)
    if self.reports_in_other_words:
        log Executed(holders=holders)
        return failed, succeeded, paid
    log AmountSnapshotByAddressesExecuted(
        snapshotID=snapshot, holders=holders, amount=amount, failed=failed, succceeded=succeeded, paid=paid
    )
    return failed, succeeded, paid


@external
def executeDistributionByAddresses(
    asset: address, distribution: uint256, holders: DynArray[address, 256]
) -> (DynArray[address, 256], DynArray[address, 256], DynArray[uint256, 256]):
    self._begin(asset, PAYOUT)
    is_equity: bool = (staticcall Asset(asset).getERC20Metadata()).security_type == EQUITY
    self._require_payment_date(self._execution_date(asset, distribution, is_equity))
    failed: DynArray[address, 256] = []
    succeeded: DynArray[address, 256] = []
    paid: DynArray[uint256, 256] = []
    decimals: uint256 = convert(staticcall IERC20Detailed(self.payment_token).decimals(), uint256)
    for holder: address in holders:
        if not self.paid_by_distribution[distribution][holder]:
            owed: Owed = empty(Owed)
            if is_equity:
                owed = staticcall Asset(asset).getDividendAmountFor(distribution, holder)
            else:
                owed = staticcall Asset(asset).getCouponAmountFor(distribution, holder)
            share: uint256 = owed.numerator * 10**decimals // owed.denominator
            if self._transfer(holder, share):
                self.paid_by_distribution[distribution][holder] = True
                succeeded.append(holder)
                paid.append(share)
                continue
        failed.append(holder)
    failed, succeeded, paid = self._padded(len(holders), failed, succeeded, paid)
    log DistributionByAddressesExecuted(
        distributionID=distribution, holders=holders, failed=failed, succceeded=succeeded, paid=paid
    )
    return failed, succeeded, paid


@external
def executeBondCashOutByAddresses(
    bond: address, holders: DynArray[address, 256]
) -> (DynArray[address, 256], DynArray[address, 256], DynArray[uint256, 256]):
    self._begin(bond, CASHOUT)
    maturity_date: uint256 = 0
    if self.is_upgraded:
        maturity_date = staticcall Asset(bond).getMaturityDate()
    else:
        maturity_date = (staticcall Asset(bond).getBondDetails()).maturity_date
    self._require_payment_date(maturity_date)
    failed: DynArray[address, 256] = []
    succeeded: DynArray[address, 256] = []
    paid: DynArray[uint256, 256] = []
    decimals: uint256 = convert(staticcall IERC20Detailed(self.payment_token).decimals(), uint256)
    for holder: address in holders:
        principal: Principal = staticcall Asset(bond).getPrincipalFor(holder)
        amount: uint256 = principal.numerator * 10**decimals // principal.denominator
        if self._transfer(holder, amount):
            extcall Asset(bond).fullRedeemAtMaturity(holder)
            succeeded.append(holder)
            paid.append(amount)
        else:
            failed.append(holder)
    failed, succeeded, paid = self._padded(len(holders), failed, succeeded, paid)
    log CashOutByAddressesExecuted(holders=holders, failed=failed, succceeded=succeeded, paid=paid)
    return failed, succeeded, paid


@internal
@view
def _execution_date(asset: address, distribution: uint256, is_equity: bool) -> uint256:
    is_cancelled: bool = False
    if is_equity:
        dividend: Dividend = empty(Dividend)
        dividend, is_cancelled = staticcall Asset(asset).getDividend(distribution)
        return dividend.execution_date
    coupon: Coupon = empty(Coupon)
    coupon, is_cancelled = staticcall Asset(asset).getCoupon(distribution)
    return coupon.execution_date


@internal
@view
def _require_payment_date(date: uint256):
    if block.timestamp < date:
        raw_revert(abi_encode(date, block.timestamp, method_id=method_id("NotPaymentDate(uint256,uint256)")))


@internal
def _begin(asset: address, role: bytes32):
    self._require_unpaused()
    self._require_role(role)
    if asset != self.asset:
        raw_revert(abi_encode(asset, method_id=method_id("InvalidAsset(address)")))


@internal
def _transfer(holder: address, amount: uint256) -> bool:
    if staticcall IERC20(self.payment_token).balanceOf(self) < amount:
        return False
    if amount == 0:
        return True
    success: bool = False
    response: Bytes[32] = b""
    success, response = raw_call(
        self.payment_token,
        abi_encode(holder, amount, method_id=method_id("transfer(address,uint256)")),
        max_outsize=32,
        revert_on_failure=False,
    )
    return success and (len(response) == 0 or convert(response, uint256) == 1)


@internal
@pure
def _padded(
    length: uint256, failed: DynArray[address, 256], succeeded: DynArray[address, 256], paid: DynArray[uint256, 256]
) -> (DynArray[address, 256], DynArray[address, 256], DynArray[uint256, 256]):
    all_failed: DynArray[address, 256] = failed
    all_succeeded: DynArray[address, 256] = succeeded
    all_paid: DynArray[uint256, 256] = paid
    for i: uint256 in range(length, bound=256):
        if i >= len(failed):
            all_failed.append(empty(address))
        if i >= len(succeeded):
            all_succeeded.append(empty(address))
            all_paid.append(0)
    return all_failed, all_succeeded, all_paid


@internal
@view
def _require_role(role: bytes32):
    if not self.roles[role][msg.sender]:
        raw_revert(abi_encode(msg.sender, role, method_id=method_id("AccountHasNoRole(address,bytes32)")))


@internal
@view
def _require_unpaused():
    if self.paused:
        raw_revert(method_id("LifeCycleCashFlowIsPaused()"))
