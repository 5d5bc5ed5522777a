"""What our contract costs, in gas, which is the same on every run."""

from anvil import Anvil
from gas_of_payouts import measure_gas


def test_it_costs_little_more_than_the_transfers_and_one_write_each(anvil: Anvil) -> None:
    (hundred,) = measure_gas(anvil, (100,))
    assert hundred.paid_gas < 15_000_000
    assert hundred.of_bare <= 1.15
