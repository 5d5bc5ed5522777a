"""Our paying contract against a model of it: whatever anybody does in whatever order, both do the same."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anvil import Anvil
from chains import Contract, Reverted, deploy, deploy_code
from masspayout.ledger.evm.contracts.own import artifact, deployment

TRANSFER_GAS = 150_000
ZERO = "0x" + "0" * 40
PAID, ALREADY_PAID, TOKEN_REFUSED, WRONG_AMOUNT_ARRIVED, NOT_ENOUGH_FUNDS, NOT_PAYABLE = range(1, 7)

# How the token behaves; see its source.
HONEST, RETURNS_NOTHING, RETURNS_FALSE, RETURNS_FALSE_AND_MOVES, TAKES_A_FEE = range(5)
MOVES_NOTHING, RETURNS_TWO, REVERTS, GIVES_TOO_MUCH, RETURNS_A_BOMB = range(5, 10)
# How a recipient behaves; see its source.
KEEPS, EATS_GAS, DECLINES, PASSES_ON, WANTS_MORE, WANTS_MORE_QUIETLY, CALLS_ITS_INSIDE, WITHDRAWS, RETURNS_MUCH = range(
    9
)

HARMLESS = (KEEPS, WANTS_MORE_QUIETLY)
PLAIN = [f"0x{number:040x}" for number in range(0x1001, 0x1004)]
DISTRIBUTIONS = [bytes([number]) * 32 for number in (1, 2)]


@dataclass
class Model:
    """What the contract should hold and remember, worked out apart from it."""

    contract: str
    admin: str
    payers: set[str]
    pausers: set[str]
    nominee: str = ZERO
    paused: bool = False
    balances: dict[str, int] = field(default_factory=dict)
    paid: dict[tuple[bytes, str], int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    token_behaviour: int = HONEST
    hostile: dict[str, int] = field(default_factory=dict)

    def held(self) -> int:
        return self.balances.get(self.contract, 0)

    def pay(self, distribution: bytes, payments: list[tuple[str, int]]) -> list[int]:
        return [self._pay_one(distribution, recipient, amount) for recipient, amount in payments]

    def _pay_one(self, distribution: bytes, recipient: str, amount: int) -> int:
        if (distribution, recipient) in self.paid:
            return ALREADY_PAID
        if recipient in (ZERO, self.contract) or amount == 0:
            return NOT_PAYABLE
        result = self._transfer(recipient, amount)
        if result == PAID:
            self.paid[distribution, recipient] = amount
            self.move(recipient, amount)
        return result

    def _transfer(self, recipient: str, amount: int) -> int:
        failed = NOT_ENOUGH_FUNDS if self.held() < amount else TOKEN_REFUSED
        if self.refused & {recipient, self.contract} or self.token_behaviour in (REVERTS, RETURNS_FALSE):
            return failed
        if self.token_behaviour == MOVES_NOTHING:
            return WRONG_AMOUNT_ARRIVED
        if failed == NOT_ENOUGH_FUNDS:
            return failed
        behaviour = self.hostile.get(recipient, KEEPS)
        if behaviour not in (*HARMLESS, PASSES_ON):
            return TOKEN_REFUSED
        return self._after_the_hook(behaviour)

    def _after_the_hook(self, behaviour: int) -> int:
        if self.token_behaviour in (RETURNS_FALSE_AND_MOVES, RETURNS_TWO):
            return TOKEN_REFUSED
        if behaviour == PASSES_ON or self.token_behaviour in (TAKES_A_FEE, GIVES_TOO_MUCH):
            return WRONG_AMOUNT_ARRIVED
        return PAID

    def move(self, recipient: str, amount: int) -> None:
        self.balances[self.contract] = self.held() - amount
        self.balances[recipient] = self.balances.get(recipient, 0) + amount


class PayingContractMachine(RuleBasedStateMachine):
    """Does to the contract what it does to the model, as anybody. The chain goes back to its start for each run."""

    anvil: ClassVar[Anvil]
    token: ClassVar[Contract]
    contract: ClassVar[Contract]
    hostile: ClassVar[dict[str, int]]
    start: ClassVar[str]

    people = st.integers(0, 3)
    recipients = st.integers(0, 15)
    amounts = st.sampled_from([0, 1, 2, 99, 100, 700, 2**256 - 1])

    @initialize()
    def begin(self) -> None:
        kind = type(self)
        kind.anvil.call("evm_revert", kind.start)
        kind.start = kind.anvil.call("evm_snapshot")
        admin, payer, pauser = self.anvil.accounts[:3]
        self.model = Model(self.contract.address, admin, {payer}, {pauser}, hostile=self.hostile)
        self.fund(2_000)

    def person(self, number: int) -> str:
        return self.anvil.accounts[number]

    def recipient(self, number: int) -> str:
        known = [*PLAIN, *self.hostile, ZERO, self.contract.address, self.anvil.accounts[1]]
        return known[number % len(known)]

    def attempt(self, allowed: bool, name: str, *arguments: object, sender: str) -> bool:
        """Send a transaction, which succeeds exactly when the model allows it."""
        if allowed:
            self.contract.send(name, *arguments, sender=sender)
        else:
            with pytest.raises(Reverted):
                self.contract.send(name, *arguments, sender=sender)
        return allowed

    @rule(amount=st.integers(1, 1000))
    def fund(self, amount: int) -> None:
        self.token.send("mint", self.contract.address, amount, sender=self.person(0))
        self.model.balances[self.contract.address] = self.model.held() + amount

    @rule(number=recipients, refused=st.booleans())
    def refuse(self, number: int, refused: bool) -> None:
        recipient = self.recipient(number)
        self.token.send("refuse", recipient, refused, sender=self.person(0))
        (self.model.refused.add if refused else self.model.refused.discard)(recipient)

    @rule(
        sender=st.sampled_from([1, 1, 1, 1, 0, 2, 3]),
        distribution=st.sampled_from(DISTRIBUTIONS),
        wanted=st.lists(st.tuples(recipients, amounts), min_size=1, max_size=6),
        behaviour=st.sampled_from([HONEST] * 10 + list(range(RETURNS_NOTHING, RETURNS_A_BOMB + 1))),
    )
    def pay(self, sender: int, distribution: bytes, wanted: list[tuple[int, int]], behaviour: int) -> None:
        self.token.send("behave", behaviour, sender=self.person(0))
        self.model.token_behaviour = behaviour
        self._pay(self.person(sender), distribution, [(self.recipient(number), amount) for number, amount in wanted])
        self.token.send("behave", HONEST, sender=self.person(0))
        self.model.token_behaviour = HONEST

    @precondition(lambda self: self.model.paid)
    @rule(which=st.integers(0, 100), amount=st.sampled_from([1, 700]))
    def pay_again(self, which: int, amount: int) -> None:
        distribution, recipient = sorted(self.model.paid)[which % len(self.model.paid)]
        self._pay(self.person(1), distribution, [(recipient, amount), (PLAIN[0], amount)])

    def _pay(self, sender: str, distribution: bytes, payments: list[tuple[str, int]]) -> None:
        arguments = (distribution, payments, TRANSFER_GAS)
        allowed = sender in self.model.payers and not self.model.paused
        foretold = self.contract.ask("pay", *arguments, sender=sender) if allowed else None
        if self.attempt(allowed, "pay", *arguments, sender=sender):
            assert list(foretold or ()) == self.model.pay(distribution, payments)

    @rule(sender=people, name=st.sampled_from(["pause", "unpause", "unpause"]))
    def pause(self, sender: int, name: str) -> None:
        if self.attempt(self.person(sender) in self.model.pausers, name, sender=self.person(sender)):
            self.model.paused = name == "pause"

    @rule(sender=people, role=st.sampled_from(["payer", "pauser"]), account=people, allowed=st.booleans())
    def give_a_role(self, sender: int, role: str, account: int, allowed: bool) -> None:
        arguments = (self.person(account), allowed)
        if self.attempt(self._is_admin(sender), f"set_{role}", *arguments, sender=self.person(sender)):
            members = self.model.payers if role == "payer" else self.model.pausers
            (members.add if allowed else members.discard)(self.person(account))

    @rule(sender=people, nominee=people)
    def nominate(self, sender: int, nominee: int) -> None:
        if self.attempt(self._is_admin(sender), "nominate_admin", self.person(nominee), sender=self.person(sender)):
            self.model.nominee = self.person(nominee)

    @rule(sender=people)
    def accept(self, sender: int) -> None:
        if self.attempt(self.person(sender) == self.model.nominee, "accept_admin", sender=self.person(sender)):
            self.model.admin, self.model.nominee = self.person(sender), ZERO

    @rule(sender=people, amount=st.integers(1, 1000))
    def withdraw(self, sender: int, amount: int) -> None:
        receiver = self.anvil.accounts[8]
        is_able = self.model.held() >= amount and self.model.contract not in self.model.refused
        allowed = self._is_admin(sender) and is_able
        if self.attempt(allowed, "withdraw", self.token.address, receiver, amount, sender=self.person(sender)):
            self.model.move(receiver, amount)

    @rule(sender=people, distribution=st.sampled_from(DISTRIBUTIONS))
    def pay_from_outside(self, sender: int, distribution: bytes) -> None:
        self.attempt(False, "pay_one", distribution, PLAIN[0], 1, sender=self.person(sender))

    @invariant()
    def both_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        model = self.model
        assert self.token.ask("balanceOf", self.contract.address) == model.held()
        for recipient in (*PLAIN, *self.hostile):
            assert self.token.ask("balanceOf", recipient) == model.balances.get(recipient, 0)
        for distribution in DISTRIBUTIONS:
            for recipient in (*PLAIN, *self.hostile):
                assert self.contract.ask("paid", distribution, recipient) == model.paid.get(
                    (distribution, recipient), 0
                )
        assert self.contract.ask("admin") == model.admin
        assert self.contract.ask("is_paused") == model.paused

    def _is_admin(self, sender: int) -> bool:
        return self.person(sender) == self.model.admin


@pytest.fixture
def machine(anvil: Anvil) -> type[PayingContractMachine]:
    admin, payer, pauser = anvil.accounts[:3]
    token = deploy(anvil, "token", "Test Dollar", "TUSD", 6)
    code = deployment(token.address, admin=admin, payer=payer, pauser=pauser)
    contract = deploy_code(anvil, artifact()["abi"], code)
    hostile = {}
    for behaviour in range(KEEPS, RETURNS_MUCH + 1):
        recipient = deploy(anvil, "recipient", contract.address, behaviour)
        token.send("hook", recipient.address, True, sender=admin)
        hostile[recipient.address] = behaviour
    PayingContractMachine.anvil, PayingContractMachine.token = anvil, token
    PayingContractMachine.contract, PayingContractMachine.hostile = contract, hostile
    PayingContractMachine.start = anvil.call("evm_snapshot")
    return PayingContractMachine


def test_the_contract_does_what_its_model_does(machine: type[PayingContractMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            # Making a failure shorter would take minutes; the steps that led to it are printed as they were.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
