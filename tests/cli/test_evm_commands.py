"""A payout on an EVM chain from nothing, by commands alone; and what is refused before anything is sent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from anvil import Anvil, running_anvil
from chains import deploy
from command_line import CommandLine
from evm_operator import Operator, operator_on


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with running_anvil(tmp_path_factory.mktemp("anvil")) as anvil:
        yield anvil


@pytest.fixture
def operator(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, anvil: Anvil) -> Operator:
    return operator_on(anvil, command_line, monkeypatch)


def test_a_list_is_paid_from_nothing(operator: Operator) -> None:
    operator.deploy()
    assert "holds 100.500000000000000000 TUSD" in operator.say("evm", "fund", "100.5")
    accounts = [f"0x{number:040x}" for number in range(0xA001, 0xA004)]
    amounts = ["0.000000000000000001", "99.499999999999999999", "1"]
    rows = "".join(f"{account},{amount}\n" for account, amount in zip(accounts, amounts, strict=True))
    Path("march.csv").write_text(f"account_id,amount\n{rows}", encoding="utf-8")
    assert "They agree to the smallest unit" in operator.say(*operator.words_to_pay("march.csv"))
    balances = operator.token.ask_all("balanceOf", [(account,) for account in accounts])
    assert balances == [1, 99_499_999_999_999_999_999, 10**18]


def test_one_account_in_several_roles_is_warned_of(operator: Operator) -> None:
    words = ("evm", "deploy", operator.token.address)
    assert "One account has several roles" in operator.run(*words).err
    _, payer, admin, pauser, *_ = operator.anvil.accounts
    said = operator.run(*words, "--admin", admin, "--payer", payer, "--pauser", pauser, "--json")
    assert "several roles" not in said.err
    made = json.loads(said.out)
    assert (made["admin"], made["payers"], made["pauser"]) == (admin.lower(), [payer.lower()], pauser.lower())


def test_money_comes_out_again(operator: Operator) -> None:
    contract = operator.deploy()
    operator.say("evm", "fund", "10")
    operator.say("evm", "pause")
    assert "holds 7.000000000000000000 TUSD" in operator.say("evm", "withdraw", "3", "--to", operator.anvil.accounts[5])
    assert operator.token.ask("balanceOf", operator.anvil.accounts[5]) == 3 * 10**18
    assert f"{contract} is not paused" in operator.say("evm", "unpause", "--contract", contract)


def test_the_doctor_finds_a_payout_that_is_ready_and_one_that_is_not(operator: Operator) -> None:
    bond = deploy(operator.anvil, "token", "Green Bond", "GRB", 2, sender=operator.anvil.accounts[9])
    bond.send("mint", "0x000000000000000000000000000000000000c001", 100, sender=operator.anvil.accounts[9])
    operator.deploy()
    operator.say("asset", "import", bond.address, "--payment-token", operator.token.address)
    operator.say("distribution", "create", bond.address, "--payout", "PERCENTAGE", "--amount", "10")
    assert "10.000000000000000000 are missing" in operator.is_refused("doctor").out
    operator.say("evm", "fund", "10")
    assert "Funded for 1 payout(s) that are due." in operator.say("doctor")
    operator.say("evm", "pause")
    assert "is paused, so no payment can be made" in operator.is_refused("doctor").out


def test_nobody_is_paid_from_a_paused_or_an_empty_contract(operator: Operator) -> None:
    operator.deploy()
    Path("list.csv").write_text("account_id,amount\n0x000000000000000000000000000000000000b001,1\n", encoding="utf-8")
    words = operator.words_to_pay("list.csv")
    assert "holds 0" in operator.is_refused(*words).err
    operator.say("evm", "pause")
    assert "is paused" in operator.is_refused(*words).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("evm", "deploy", "0x00000000000000000000000000000000000000ff"), "There is no contract at"),
        (("evm", "deploy", "0.0"), "is not a valid token id"),
        (("evm", "fund", "0"), "is not an amount above 0"),
        (("evm", "fund", "1"), "is no contract on an EVM chain"),
        (("evm", "fund", "1", "--contract", "0x00000000000000000000000000000000000000ff"), "There is no contract at"),
    ],
)
def test_bad_input_sends_nothing(operator: Operator, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in operator.is_refused(*words).err


def test_what_the_contract_would_refuse_is_not_sent(operator: Operator) -> None:
    contract = operator.deploy()
    operator.say("evm", "fund", "1")
    assert "holds 999.000000000000000000 TUSD, not 5000" in operator.is_refused("evm", "fund", "5000").err
    assert "holds 1.000000000000000000 TUSD, not 2" in operator.is_refused("evm", "withdraw", "2").err
    assert "none that can pay" in operator.is_refused("evm", "pause", "--contract", operator.token.address).err
    operator.sign_as(3)
    assert "NotTheAdmin" in operator.is_refused("evm", "withdraw", "1", "--contract", contract).err
    assert "NotAPauser" in operator.is_refused("evm", "pause").err


def test_an_asset_is_not_imported_with_what_could_not_pay_its_holders(operator: Operator) -> None:
    bond = deploy(operator.anvil, "token", "Green Bond", "GRB", 2).address
    words = ("asset", "import", bond, "--payment-token", operator.token.address, "--lifecycle-contract")
    nobody = "0x00000000000000000000000000000000000000ff"
    for address, sentence in (
        (nobody, f"There is no contract at {nobody}"),
        (operator.token.address, "is none that can pay holders"),
        ("0.0.1001", "0.0.1001 is no contract on an EVM chain"),
    ):
        said = operator.is_refused(*words, address).err
        assert sentence in said
        assert "masspayout evm deploy" in said
    assert "There is no asset" in operator.is_refused("asset", "show", bond).err
    assert "Imported GRB" in operator.say(*words, operator.deploy())


def test_another_chain_is_not_touched(operator: Operator) -> None:
    operator.environment.setenv("EVM_CHAIN_ID", "1")
    assert (
        "is on chain 31337, and EVM_CHAIN_ID says 1" in operator.is_refused("evm", "deploy", operator.token.address).err
    )


def test_a_chain_that_was_started_anew_is_told_from_the_one_before(operator: Operator, tmp_path: Path) -> None:
    """Its number is the same, and the database goes on counting nonces, none of which it would ever take."""
    operator.deploy()
    with running_anvil(tmp_path / "anew", "--timestamp", "1700000000") as anew:
        environment = operator.environment
        again = operator_on(anew, operator.run, environment)
        said = again.is_refused("evm", "deploy", again.token.address)
        assert "a chain that was started anew: nothing was sent" in said.err
        assert "another DATA_DIR or DATABASE_NAME" in said.err
        again.sign_as(1)
        again.deploy()
        again.environment.setenv("EVM_KEYS", ",".join(anew.private_keys[:2]))
        assert "a chain that was started anew" in again.is_refused("doctor").out


def test_other_ledgers_have_no_contracts(operator: Operator) -> None:
    operator.environment.setenv("LEDGER", "sandbox")
    said = operator.is_refused("evm", "deploy", operator.token.address)
    assert "LEDGER=sandbox has no paying contracts" in said.err
