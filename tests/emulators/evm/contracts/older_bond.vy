# pragma version ==0.4.3
# pragma evm-version cancun
"""
@title What bonds of the Asset Tokenization Studio did before version 8, as far as their redemption goes
@dev They tell their maturity date with other details, count only free holdings in the principal, and do not tell others.
"""

struct Information:
    name: String[64]
    symbol: String[32]
    isin: String[32]
    decimals: uint8

struct Metadata:
    information: Information
    security_type: uint8

struct BondDetails:
    currency: bytes3
    nominal_value: uint256
    nominal_value_decimals: uint8
    starting_date: uint256
    maturity_date: uint256

struct Principal:
    numerator: uint256
    denominator: uint256

NOMINAL_VALUE: constant(uint256) = 100
DECIMALS: constant(uint8) = 2
REDEEMER: constant(bytes32) = 0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c

name: public(constant(String[64])) = "Older Bond"
symbol: public(constant(String[32])) = "OLD"
decimals: public(constant(uint8)) = DECIMALS
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
maturity_date: uint256
holders: DynArray[address, 100]
roles: HashMap[bytes32, HashMap[address, bool]]


@deploy
def __init__(maturity_date: uint256):
    self.maturity_date = maturity_date


@external
def mint(holder: address, units: uint256):
    self.holders.append(holder)
    self.balanceOf[holder] += units
    self.totalSupply += units


@external
def grantRole(role: bytes32, account: address) -> bool:
    self.roles[role][account] = True
    return True


@external
@view
def getERC20Metadata() -> Metadata:
    return Metadata(
        information=Information(name=name, symbol=symbol, isin="XS0000000033", decimals=DECIMALS), security_type=0
    )


@external
@view
def getTotalSecurityHolders() -> uint256:
    return len(self.holders)


@external
@view
def getSecurityHolders(page: uint256, length: uint256) -> DynArray[address, 100]:
    found: DynArray[address, 100] = []
    for i: uint256 in range(page * length, min((page + 1) * length, len(self.holders)), bound=100):
        found.append(self.holders[i])
    return found


@external
@view
def getBondDetails() -> BondDetails:
    return BondDetails(
        currency=0x555344,
        nominal_value=NOMINAL_VALUE,
        nominal_value_decimals=0,
        starting_date=0,
        maturity_date=self.maturity_date,
    )


@external
@view
def getPrincipalFor(holder: address) -> Principal:
    return Principal(
        numerator=self.balanceOf[holder] * NOMINAL_VALUE, denominator=10 ** convert(DECIMALS, uint256)
    )


@external
def fullRedeemAtMaturity(holder: address):
    if not self.roles[REDEEMER][msg.sender]:
        raw_revert(abi_encode(msg.sender, REDEEMER, method_id=method_id("AccountHasNoRole(address,bytes32)")))
    assert block.timestamp >= self.maturity_date
    self.totalSupply -= self.balanceOf[holder]
    self.balanceOf[holder] = 0
