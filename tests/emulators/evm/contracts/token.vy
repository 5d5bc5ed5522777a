# pragma version ==0.4.3
# pragma evm-version london
"""
@title A token to test with: an honest ERC-20, that can be told to be any of the dishonest ones
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

interface Hook:
    def tokens_received(sender: address, amount: uint256): nonpayable

# How the token answers a transfer.
HONEST: constant(uint256) = 0
RETURNS_NOTHING: constant(uint256) = 1
RETURNS_FALSE: constant(uint256) = 2
RETURNS_FALSE_AND_MOVES: constant(uint256) = 3
TAKES_A_FEE: constant(uint256) = 4
MOVES_NOTHING: constant(uint256) = 5
RETURNS_TWO: constant(uint256) = 6
REVERTS: constant(uint256) = 7
GIVES_TOO_MUCH: constant(uint256) = 8
RETURNS_A_BOMB: constant(uint256) = 9

name: public(String[32])
symbol: public(String[8])
decimals: public(uint8)
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])

behaviour: public(uint256)
paused: public(bool)
# The gas that a transfer burns for nothing, and that of a transfer to one account.
burnt_gas: public(uint256)
burnt_gas_for: public(HashMap[address, uint256])
refused: public(HashMap[address, bool])
# Contracts that want to be called when they receive.
hooked: public(HashMap[address, bool])


@deploy
def __init__(name: String[32], symbol: String[8], decimals: uint8):
    self.name = name
    self.symbol = symbol
    self.decimals = decimals


@external
def mint(receiver: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@external
def burn(holder: address, amount: uint256):
    self.totalSupply -= amount
    self.balanceOf[holder] -= amount
    log Transfer(sender=holder, receiver=empty(address), amount=amount)


@external
def behave(behaviour: uint256):
    self.behaviour = behaviour


@external
def pause(paused: bool):
    self.paused = paused


@external
def burn_gas(amount: uint256):
    self.burnt_gas = amount


@external
def burn_gas_for(account: address, amount: uint256):
    self.burnt_gas_for[account] = amount


@external
def refuse(account: address, refused: bool):
    self.refused[account] = refused


@external
def hook(account: address, hooked: bool):
    self.hooked[account] = hooked


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, receiver, amount)
    return True


@external
@raw_return
def transfer(receiver: address, amount: uint256) -> Bytes[4096]:
    assert not self.paused, "paused"
    assert not self.refused[receiver] and not self.refused[msg.sender], "refused"
    self._burn(self.burnt_gas + self.burnt_gas_for[receiver])
    behaviour: uint256 = self.behaviour
    if behaviour == REVERTS:
        raise "never"
    if behaviour == RETURNS_FALSE:
        return abi_encode(False)
    if behaviour == TAKES_A_FEE:
        fee: uint256 = amount // 100 + 1
        self.balanceOf[msg.sender] -= fee
        self.totalSupply -= fee
        self._move(msg.sender, receiver, amount - min(fee, amount))
    elif behaviour == GIVES_TOO_MUCH:
        self.totalSupply += 1
        self.balanceOf[receiver] += 1
        self._move(msg.sender, receiver, amount)
    elif behaviour != MOVES_NOTHING:
        self._move(msg.sender, receiver, amount)
    if behaviour == RETURNS_NOTHING:
        return b""
    if behaviour == RETURNS_FALSE_AND_MOVES:
        return abi_encode(False)
    if behaviour == RETURNS_TWO:
        return abi_encode(convert(2, uint256))
    if behaviour == RETURNS_A_BOMB:
        bomb: uint256[128] = empty(uint256[128])
        bomb[0] = 1
        return slice(abi_encode(bomb), 0, 4096)
    return abi_encode(True)


@internal
def _burn(amount: uint256):
    before: uint256 = msg.gas
    for _: uint256 in range(100_000):
        if before - msg.gas >= amount:
            break


@internal
def _move(sender: address, receiver: address, amount: uint256):
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, amount=amount)
    if self.hooked[receiver]:
        extcall Hook(receiver).tokens_received(sender, amount)
