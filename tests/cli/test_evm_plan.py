"""Payouts that an asset's own contract pays by its rule, planned and paid by commands alone, on a real bond."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ats import MATURITY, REDEEMER_ROLE, AtsTokens, mint, running_ats
from chains import Contract, deploy
from command_line import CommandLine
from databases import run_sql
from evm_operator import Operator, operator_on
from masspayout.settings import load_settings

# The token lists its holders in the order in which they came, which is not that of their addresses.
HOLDERS = {f"0x{0xD000 + number:040x}": 100 + 7 * number for number in random.Random(14).sample(range(12), 12)}
SUPPLY = sum(HOLDERS.values())
ACCOUNTS = list(HOLDERS)
LATECOMER = f"0x{0xDF00:040x}"
COIN = 10**18
YEAR_SECONDS = 365 * 86_400
LONG_AGO = 1_700_000_000


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtsTokens]:
    with running_ats(tmp_path_factory.mktemp("anvil")) as tokens:
        mint(tokens.bond, HOLDERS)
        yield tokens


@dataclass
class Issuer:
    """The operator of a bond that a contract pays on, which has 10,000 coins. The key is the bond's admin's as well."""

    operator: Operator
    bond: Contract
    contract: Contract

    def plan(self, *words: str) -> str:
        return self.operator.say("evm", "plan", self.bond.address, *words)

    def plan_as_json(self, *words: str) -> dict[str, object]:
        planned: dict[str, object] = json.loads(self.plan(*words, "--json"))
        return planned

    def is_refused(self, *words: str, asset: str | None = None) -> str:
        return self.operator.is_refused("evm", "plan", asset or self.bond.address, *words).err

    def pay(self, distribution_id: object) -> None:
        said = self.operator.say("distribution", "execute", str(distribution_id), "--wait")
        assert "COMPLETED" in said
        assert "They agree to the smallest unit" in self.operator.say("reconcile", str(distribution_id))

    def show(self, distribution_id: object) -> dict[str, object]:
        shown: dict[str, object] = json.loads(self.operator.say("distribution", "show", str(distribution_id), "--json"))
        return shown

    def received(self) -> list[int]:
        return self.operator.token.ask_all("balanceOf", [(account,) for account in ACCOUNTS])

    def announce_coupon(self) -> int:
        """Announce a coupon of 5 % for a year that is over, whose dates have passed."""
        terms = (LONG_AGO, LONG_AGO + 60, LONG_AGO - YEAR_SECONDS, LONG_AGO, LONG_AGO, 5, 2, 1)
        self.bond.send("setCoupon", terms, sender=self.operator.anvil.accounts[0])
        return int(self.bond.ask("getCouponCount"))

    def let_mature(self) -> None:
        anvil = self.operator.anvil
        anvil.call("evm_setNextBlockTimestamp", hex(MATURITY))
        anvil.call("evm_mine")
        self.bond.send("grantRole", REDEEMER_ROLE, self.contract.address, sender=anvil.accounts[0])


@pytest.fixture
def issuer(tokens: AtsTokens, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    anvil = tokens.anvil
    beginning = anvil.call("evm_snapshot")
    operator = operator_on(anvil, command_line, monkeypatch)
    contract = deploy(
        anvil, "existing_cash_flow", tokens.bond.address, operator.token.address, anvil.accounts[0].lower()
    )
    contract.send("upgrade", sender=anvil.accounts[0])
    operator.token.send("mint", contract.address, 10_000 * COIN, sender=anvil.accounts[9])
    operator.say(
        *("asset", "import", tokens.bond.address),
        *("--payment-token", operator.token.address, "--lifecycle-contract", contract.address),
    )
    yield Issuer(operator, tokens.bond, contract)
    anvil.call("evm_revert", beginning)


def test_an_amount_is_divided_by_a_snapshot_that_is_taken_for_it(issuer: Issuer) -> None:
    said = issuer.plan("--amount", "1000.5", "--concept", "Bonus")
    shares = [1_000_500 * COIN // 1000 * units // SUPPLY for units in HOLDERS.values()]
    assert f"{len(HOLDERS)} holders, {sum(shares) // COIN:,}." in said
    distribution_id = said.split("Payout ")[1].split(":")[0]
    assert f"masspayout distribution execute {distribution_id} --wait" in said
    snapshot = issuer.bond.ask("takeSnapshot", sender=issuer.operator.anvil.accounts[0]) - 1
    shown = issuer.show(distribution_id)
    assert (shown["type"], shown["concept"]) == ("SNAPSHOT", "Bonus")
    # What happens to the token afterwards changes nothing.
    mint(issuer.bond, {LATECOMER: 1_000})
    issuer.pay(distribution_id)
    assert issuer.received() == shares
    assert "pays it once" in issuer.is_refused("--amount", "7", "--snapshot", str(snapshot))
    mint(issuer.bond, {ACCOUNTS[0]: 50})
    later = issuer.plan_as_json("--amount", "10")
    assert later["payable_count"] == len(HOLDERS) + 1


def test_a_coupon_is_planned_by_its_number_before_a_sync_imports_it(issuer: Issuer) -> None:
    number = issuer.announce_coupon()
    planned = issuer.plan_as_json("--coupon", str(number))
    shown = issuer.show(planned["id"])
    assert (shown["type"], shown["concept"]) == ("COUPON", f"Coupon {number}")
    issuer.operator.say("asset", "sync", issuer.bond.address)
    assert "pays it once" in issuer.is_refused("--coupon", str(number))
    issuer.pay(planned["id"])
    # Hundredths of a bond of 100, of which five hundredths are paid.
    assert issuer.received() == [units * COIN * 5 // 100 for units in HOLDERS.values()]


def test_a_bond_that_has_matured_is_redeemed(issuer: Issuer) -> None:
    assert "matures at 2040-01-01" in issuer.is_refused("--redemption")
    issuer.let_mature()
    planned = issuer.plan_as_json("--redemption")
    assert (planned["payable_count"], planned["excluded_accounts"]) == (len(HOLDERS), [])
    assert "has not ended" in issuer.is_refused("--redemption")
    issuer.pay(planned["id"])
    assert issuer.received() == [units * COIN for units in HOLDERS.values()]
    assert not any(issuer.bond.ask_all("balanceOf", [(account,) for account in ACCOUNTS]))
    mint(issuer.bond, {ACCOUNTS[0]: 50, LATECOMER: 70})
    said = issuer.plan("--redemption")
    assert "1 holders, 70.0" in said
    assert f"Left out is {ACCOUNTS[0]}" in said


def test_register_hashes_that_an_earlier_version_took_in_the_tokens_order_are_fixed(issuer: Issuer) -> None:
    coupon = issuer.plan_as_json("--coupon", str(issuer.announce_coupon()))
    snapshot = issuer.plan_as_json("--amount", "10")
    issuer.let_mature()
    redemption = issuer.plan_as_json("--redemption")
    planned = [str(each["id"]) for each in (coupon, snapshot, redemption)]
    url = load_settings().external_database_url
    before = [issuer.show(each)["register_hash"] for each in planned]
    run_sql(url, "UPDATE distribution SET register_hash = repeat('a', 64)")
    said = issuer.operator.say("recover", "--hashes", planned[0])
    assert f"FIXED {planned[0]}: " in said
    assert "1 register hashes checked: 0 fit, 1 fixed, 0 differ." in said
    assert "3 register hashes checked: 1 fit, 2 fixed, 0 differ." in issuer.operator.say("recover", "--hashes")
    assert [issuer.show(each)["register_hash"] for each in planned] == before
    # Somebody's share is changed besides: the command names it, and touches nothing.
    run_sql(
        url,
        f"UPDATE holder SET payment_amount = 1 WHERE account_id = '{ACCOUNTS[3]}' AND distribution_id = '{planned[1]}'",
    )
    found = issuer.operator.is_refused("recover", "--hashes", "--json").out
    (differing,) = [each for each in json.loads(found)["items"] if each["state"] == "DIFFERS"]
    assert differing["distribution_id"] == planned[1]
    assert [each.split(":")[0] for each in differing["differences"]] == [ACCOUNTS[3]]
    assert "makes sense with --hashes only" in issuer.operator.is_refused("recover", planned[1]).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "It is not said what to pay."),
        (("--amount", "5", "--redemption"), "amount and redemption cannot be paid at once."),
        (("--coupon", "1", "--snapshot", "1"), "Only an amount is divided by a snapshot."),
        (("--amount", "0"), "'0' is not an amount above 0."),
        (("--amount", "0.0000000000000000001"), "decimals"),
        (("--amount", "5", "--snapshot", "99"), "does not answer totalSupplyAtSnapshot(99,)"),
        (("--coupon", "99"), "does not answer getCoupon(99,)"),
    ],
)
def test_bad_input_plans_and_sends_nothing(issuer: Issuer, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in issuer.is_refused(*words)
    assert json.loads(issuer.operator.say("distribution", "list", "--json"))["total"] == 0


def test_who_may_take_no_snapshot_is_told_which_role_it_takes(issuer: Issuer) -> None:
    issuer.operator.sign_as(3)
    said = issuer.is_refused("--amount", "5")
    assert "would refuse: AccountHasNoRole. Nothing was sent." in said
    assert f"grant {issuer.operator.anvil.accounts[3].lower()} the role 0x" in said


def test_such_a_contract_is_paused_and_unpaused_once(issuer: Issuer) -> None:
    operator, there = issuer.operator, ("--contract", issuer.contract.address)
    for word, again in (("pause", "It is paused: masspayout evm unpause"), ("unpause", "it is not paused")):
        operator.say("evm", word, *there)
        said = operator.is_refused("evm", word, *there).err
        assert "Nothing was sent" in said
        assert again in said


def test_what_has_no_such_contract_is_sent_elsewhere(issuer: Issuer) -> None:
    operator = issuer.operator
    assert "There is no asset" in issuer.is_refused("--amount", "5", asset=operator.token.address)
    plain = deploy(operator.anvil, "token", "Plain", "PLN", 2).address
    operator.say("asset", "import", plain, "--payment-token", operator.token.address)
    assert "has no LifeCycleCashFlow contract" in issuer.is_refused("--amount", "5", asset=plain)
    own = ("--lifecycle-contract", operator.deploy())
    operator.say("asset", "import", plain, "--payment-token", operator.token.address, *own)
    assert "is no token of the Asset Tokenization Studio" in issuer.is_refused("--amount", "5", asset=plain)
    operator.say("asset", "import", issuer.bond.address, "--payment-token", operator.token.address, *own)
    assert "is told the amounts" in issuer.is_refused("--amount", "5")
