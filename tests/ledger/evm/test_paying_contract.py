"""Our paying contract, on a real node: what it promises, one promise after the other."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import build
from anvil import Anvil
from chains import Contract, Reverted, deploy, deploy_code
from masspayout.kernel.errors import Conflict, ContractPaused, Invalid
from masspayout.kernel.movements import Payment
from masspayout.ledger.evm.contracts import OwnContract, recognise
from masspayout.ledger.evm.contracts.own import artifact, deployment
from masspayout.ledger.evm.node import Node
from masspayout.settings import Settings

DISTRIBUTION = uuid.UUID(int=7)
TRANSFER_GAS = 300_000
TOKEN_REFUSED, WRONG_AMOUNT_ARRIVED, NOT_ENOUGH_FUNDS, NOT_PAYABLE = 3, 4, 5, 6

# What the test contracts can be told to do; see their sources.
RETURNS_NOTHING, RETURNS_FALSE, RETURNS_FALSE_AND_MOVES, TAKES_A_FEE, MOVES_NOTHING = 1, 2, 3, 4, 5


def payment_key(distribution: uuid.UUID) -> bytes:
    """Return a key under which the contract pays."""
    return distribution.bytes.rjust(32, b"\0")


def account(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


@dataclass(frozen=True)
class Scene:
    """A payment token, and a contract that holds some of it."""

    anvil: Anvil
    token: Contract
    contract: Contract

    @property
    def admin(self) -> str:
        return self.anvil.accounts[0]

    @property
    def payer(self) -> str:
        return self.anvil.accounts[1]

    @property
    def pauser(self) -> str:
        return self.anvil.accounts[2]

    @property
    def stranger(self) -> str:
        return self.anvil.accounts[3]

    @property
    def node(self) -> Node:
        return Node(Settings(_env_file=None, evm_rpc_url=self.anvil.url))  # type: ignore[call-arg]

    def pay(self, *payments: tuple[str, int], distribution: uuid.UUID = DISTRIBUTION) -> dict[str, int | str]:
        """Pay, and return what each recipient got in this transaction, or the code that says why it is unpaid."""
        arguments = (payment_key(distribution), payments, TRANSFER_GAS)
        receipt = self.contract.send("pay", *arguments, sender=self.payer)
        own, data = OwnContract(self.node, self.contract.address), self.contract.interface.call("pay", *arguments)
        failures = asyncio.run(own.results(data, receipt, self.token.address)).failures
        moved = {
            event.fields["recipient"]: event.fields["amount"]
            for event in self.contract.events(receipt)
            if event.name == "Paid"
        }
        return {recipient: failures.get(recipient) or moved.get(recipient, 0) for recipient, _ in payments}

    def balance(self, holder: str) -> int:
        return int(self.token.ask("balanceOf", holder))


@pytest.fixture(scope="module")
def built(module_anvil: Anvil) -> Scene:
    anvil = module_anvil
    admin, payer, pauser = anvil.accounts[:3]
    token = deploy(anvil, "token", "Test Dollar", "TUSD", 6)
    code = deployment(token.address, admin=admin, payer=payer, pauser=pauser)
    contract = deploy_code(anvil, artifact()["abi"], code, sender=anvil.accounts[9])
    token.send("mint", contract.address, 10_000, sender=admin)
    return Scene(anvil, token, contract)


@pytest.fixture
def scene(built: Scene) -> Iterator[Scene]:
    before = built.anvil.call("evm_snapshot")
    yield built
    built.anvil.call("evm_revert", before)


def test_the_package_holds_what_the_source_compiles_to() -> None:
    assert build.ARTIFACT.read_text(encoding="utf-8") == build.compiled()


def test_everybody_is_paid_and_the_receipt_says_so(scene: Scene) -> None:
    assert scene.pay((account(1), 30), (account(2), 70)) == {
        account(1): 30,
        account(2): 70,
    }
    assert [scene.balance(account(number)) for number in (1, 2)] == [30, 70]
    assert scene.balance(scene.contract.address) == 9_900


def test_who_was_paid_is_passed_over_for_ever(scene: Scene) -> None:
    scene.pay((account(1), 30))
    assert scene.pay((account(1), 30), (account(2), 5)) == {account(1): 0, account(2): 5}
    assert scene.pay((account(1), 31)) == {account(1): 0}
    assert scene.balance(account(1)) == 30
    assert scene.pay((account(1), 31), distribution=uuid.UUID(int=8)) == {account(1): 31}


def test_an_account_that_is_named_twice_is_paid_once(scene: Scene) -> None:
    assert scene.pay((account(1), 30), (account(1), 30)) == {account(1): 30}
    assert scene.balance(account(1)) == 30


def test_a_refused_recipient_stops_nobody_and_can_be_paid_later(scene: Scene) -> None:
    scene.token.send("refuse", account(1), True, sender=scene.admin)
    assert scene.pay((account(1), 1), (account(2), 2)) == {
        account(1): "TRANSFER_REVERTED",
        account(2): 2,
    }
    scene.token.send("refuse", account(1), False, sender=scene.admin)
    assert scene.pay((account(1), 1), (account(2), 2)) == {account(1): 1, account(2): 0}


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (RETURNS_NOTHING, 100),
        (RETURNS_FALSE, "TRANSFER_REVERTED"),
        (RETURNS_FALSE_AND_MOVES, "TRANSFER_REVERTED"),
        (TAKES_A_FEE, "WRONG_AMOUNT_ARRIVED"),
        (MOVES_NOTHING, "WRONG_AMOUNT_ARRIVED"),
    ],
)
def test_odd_tokens_are_taken_or_refused_and_nothing_is_lost(scene: Scene, behaviour: int, result: int | str) -> None:
    scene.token.send("behave", behaviour, sender=scene.admin)
    assert scene.pay((account(1), 100)) == {account(1): result}
    moved_units = result if isinstance(result, int) else 0
    assert scene.balance(account(1)) == moved_units
    assert scene.balance(scene.contract.address) == 10_000 - moved_units


def test_what_is_not_there_is_not_paid_and_smaller_payments_are(scene: Scene) -> None:
    assert scene.pay((account(1), 9_000), (account(2), 2_000), (account(3), 1_000)) == {
        account(1): 9_000,
        account(2): "INSUFFICIENT_TOKEN_BALANCE",
        account(3): 1_000,
    }


def test_nobody_can_be_paid_nothing_nor_the_contract_itself(scene: Scene) -> None:
    assert scene.pay((account(1), 0), (scene.contract.address, 1)) == {
        account(1): "INVALID_ACCOUNT_ID",
        scene.contract.address: "PAYER_IS_RECIPIENT",
    }


def test_a_gas_eater_starves_nobody(scene: Scene) -> None:
    eater = deploy(scene.anvil, "recipient", scene.contract.address, 1)
    scene.token.send("hook", eater.address, True, sender=scene.admin)
    others = [(account(number), 1) for number in range(99)]
    results = scene.pay((eater.address, 1), *others)
    assert results.pop(eater.address) == "TRANSFER_REVERTED"
    assert set(results.values()) == {1}


def test_with_too_little_gas_nothing_happens_at_all(scene: Scene) -> None:
    payments = [(account(number), 1) for number in range(10)]
    arguments = (payment_key(DISTRIBUTION), payments, TRANSFER_GAS)
    with pytest.raises(Reverted) as reverted:
        scene.contract.send("pay", *arguments, sender=scene.payer, gas=600_000)
    assert scene.contract.interface.error(reverted.value.data) == "NotEnoughGas"
    call = {"from": scene.payer, "to": scene.contract.address}
    data = "0x" + scene.contract.interface.call("pay", *arguments).hex()
    estimated = int(scene.anvil.call("eth_estimateGas", {**call, "data": data}), 16)
    receipt = scene.contract.send("pay", *arguments, sender=scene.payer, gas=estimated)
    assert {event.name for event in scene.contract.events(receipt)} == {"Paid"}


@pytest.mark.parametrize(
    ("name", "arguments", "allowed", "error"),
    [
        ("pay", (bytes(32), [], TRANSFER_GAS), "payer", "NotAPayer"),
        ("pause", (), "pauser", "NotAPauser"),
        ("unpause", (), "pauser", "NotAPauser"),
        ("set_payer", (account(1), True), "admin", "NotTheAdmin"),
        ("set_pauser", (account(1), True), "admin", "NotTheAdmin"),
        ("nominate_admin", (account(1),), "admin", "NotTheAdmin"),
        ("withdraw", (account(1), account(1), 1), None, "NotTheAdmin"),
        ("associate", (), None, "NotTheAdmin"),
        ("accept_admin", (), None, "NotNominated"),
        ("pay_one", (bytes(32), account(1), 1), None, "OnlyForItself"),
    ],
)
def test_each_role_may_do_its_own_and_nothing_else(
    scene: Scene, name: str, arguments: tuple[object, ...], allowed: str | None, error: str
) -> None:
    for role in ("admin", "payer", "pauser", "stranger"):
        sender = getattr(scene, role)
        if role == allowed:
            scene.contract.send(name, *arguments, sender=sender)
        elif not (role == "admin" and error == "NotTheAdmin"):
            with pytest.raises(Reverted) as reverted:
                scene.contract.send(name, *arguments, sender=sender)
            assert scene.contract.interface.error(reverted.value.data) == error


def test_the_administration_changes_hands_only_when_both_want_it(scene: Scene) -> None:
    scene.contract.send("nominate_admin", scene.stranger, sender=scene.admin)
    assert scene.contract.ask("admin") == scene.admin.lower()
    scene.contract.send("accept_admin", sender=scene.stranger)
    assert scene.contract.ask("admin") == scene.stranger.lower()
    for former in (scene.admin, scene.payer):
        with pytest.raises(Reverted):
            scene.contract.send("set_payer", former, True, sender=former)
    with pytest.raises(Reverted):
        scene.contract.send("accept_admin", sender=scene.stranger)


def test_nobody_is_paid_while_it_is_paused_and_the_admin_can_withdraw(scene: Scene) -> None:
    scene.contract.send("pause", sender=scene.pauser)
    with pytest.raises(Reverted) as reverted:
        scene.pay((account(1), 1))
    assert scene.contract.interface.error(reverted.value.data) == "ContractPaused"
    scene.contract.send("withdraw", scene.token.address, scene.admin, 10_000, sender=scene.admin)
    assert scene.balance(scene.admin) == 10_000
    scene.token.send("mint", scene.contract.address, 1, sender=scene.admin)
    scene.contract.send("unpause", sender=scene.pauser)
    assert scene.pay((account(1), 1)) == {account(1): 1}


def test_a_withdrawal_of_what_is_no_token_is_refused(scene: Scene) -> None:
    with pytest.raises(Reverted) as reverted:
        scene.contract.send("withdraw", account(1), scene.admin, 1, sender=scene.admin)
    assert scene.contract.interface.error(reverted.value.data) == "NotAToken"


async def test_it_is_recognised_among_other_contracts(scene: Scene) -> None:
    node = scene.node
    found = await recognise(node, scene.contract.address)
    assert isinstance(found, OwnContract)
    await found.check(scene.payer, scene.token.address)
    call = await found.encode_payment(f"0x{DISTRIBUTION.int:064x}", scene.token.address, [Payment(account(1), 5)], None)
    assert call == scene.contract.interface.call("pay", payment_key(DISTRIBUTION), [(account(1), 5)], TRANSFER_GAS)
    for other, sentence in ((scene.token.address, "none that can pay"), (account(1), "no contract")):
        with pytest.raises(Invalid, match=sentence):
            await recognise(node, other)
    await node.close()


async def test_what_keeps_it_from_paying_is_said(scene: Scene) -> None:
    contract = OwnContract(scene.node, scene.contract.address)
    with pytest.raises(Conflict, match=f"pays in {scene.token.address}, not in {account(1)}"):
        await contract.check(scene.payer, account(1))
    with pytest.raises(Conflict, match=f"does not let {scene.stranger} pay"):
        await contract.check(scene.stranger, scene.token.address)
    scene.contract.send("pause", sender=scene.pauser)
    with pytest.raises(ContractPaused, match="is paused"):
        await contract.check(scene.payer, scene.token.address)
    await contract._node.close()
