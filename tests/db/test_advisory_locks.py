"""Advisory locks: no two kinds of them have one number."""

from masspayout.db import advisory_locks

NUMBERS = {name: value for name, value in vars(advisory_locks).items() if isinstance(value, int)}


def test_no_two_keys_and_no_two_seeds_are_equal() -> None:
    seeds = {name: value for name, value in NUMBERS.items() if name.endswith("_SEED")}
    keys = {name: value for name, value in NUMBERS.items() if name not in seeds}
    assert len(set(seeds.values())) == len(seeds) == 4
    assert len(set(keys.values())) == len(keys) == 4


def test_the_numbers_stay_as_they_were_released() -> None:
    assert NUMBERS == {
        "MIGRATION": 0x6D617373,
        "PAUSES": 5_464,
        "WEBHOOK_FAN_OUT": 5_463,
        "POLICY": 5_465,
        "DUE_START_SEED": 5_461,
        "DAILY_LIMIT_SEED": 5_462,
        "NONCE_SEED": 5_463,
        "PROMISED_FUNDS_SEED": 7_103,
    }
