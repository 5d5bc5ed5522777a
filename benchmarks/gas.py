"""``make bench``: what a payout by our contract costs in gas, against each transfer and one storage write."""

import sys
import tempfile
from pathlib import Path

from anvil import running_anvil
from gas_of_payouts import measure_gas

_COUNTS = (1, 10, 100, 250)
_MEASURED_BY_LIMITS = 100
_GAS_LIMIT = 15_000_000
_BARE_LIMIT = 1.15


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, running_anvil(Path(directory)) as anvil:
        rows = measure_gas(anvil, _COUNTS)
    print("| recipients | gas | gas a recipient | of the bare cost |")
    print("| --: | --: | --: | --: |")
    for row in rows:
        print(f"| {row.recipient_count:,} | {row.paid_gas:,} | {row.per_recipient:,.0f} | {row.of_bare:.3f} |")
    hundred = next(row for row in rows if row.recipient_count == _MEASURED_BY_LIMITS)
    if hundred.paid_gas >= _GAS_LIMIT or hundred.of_bare > _BARE_LIMIT:
        sys.exit(f"A hundred recipients cost more than {_GAS_LIMIT:,} gas, or than {_BARE_LIMIT} of the bare cost.")


if __name__ == "__main__":
    main()
