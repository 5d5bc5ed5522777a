"""What a payout by our contract costs in gas, and what the least would be: each transfer and one storage write."""

from dataclasses import dataclass

from anvil import Anvil
from chains import Contract, deploy, deploy_code
from masspayout.ledger.evm.contracts.own import TRANSFER_GAS, artifact, deployment

_DISTRIBUTION = b"\x01" * 32
_AMOUNT = 12_345_678


@dataclass(frozen=True)
class GasRow:
    """The gas of one call for so many recipients who never held the token, with everything that a transaction costs."""

    recipient_count: int
    paid_gas: int
    bare_gas: int

    @property
    def per_recipient(self) -> float:
        return self.paid_gas / self.recipient_count

    @property
    def of_bare(self) -> float:
        return self.paid_gas / self.bare_gas


def measure_gas(anvil: Anvil, recipient_counts: tuple[int, ...]) -> list[GasRow]:
    """Pay fresh recipients with our contract, and other fresh ones in the barest way."""
    owner = anvil.accounts[0]
    token = deploy(anvil, "token", "Test Dollar", "TUSD", 6)
    code = deployment(token.address, admin=owner, payer=owner, pauser=owner)
    contract = deploy_code(anvil, artifact()["abi"], code)
    bare = deploy(anvil, "bare", token.address)
    for holder in (contract, bare):
        token.send("mint", holder.address, 10**18, sender=owner)

    def gas_of(payer: Contract, start: int, count: int, *more: int) -> int:
        payments = [(f"0x{start + number:040x}", _AMOUNT) for number in range(count)]
        receipt = payer.send("pay", _DISTRIBUTION, payments, *more, sender=owner)
        return int(receipt["gasUsed"])

    rows = []
    for index, count in enumerate(recipient_counts):
        start = 0xABCDEF << 64 | index << 32
        paid_gas = gas_of(contract, start, count, TRANSFER_GAS)
        rows.append(GasRow(count, paid_gas, gas_of(bare, start + (1 << 31), count)))
    return rows
