"""An operator of payouts on an EVM chain, who types commands."""

from dataclasses import dataclass

import pytest

from anvil import Anvil
from chains import Contract, deploy
from command_line import CommandLine, Said


@dataclass
class Operator:
    """Somebody at a terminal who has a key with some of a token's coins."""

    run: CommandLine
    environment: pytest.MonkeyPatch
    anvil: Anvil
    token: Contract

    def say(self, *words: str) -> str:
        said = self.run(*words)
        assert said.status == 0, said.err
        return said.out

    def is_refused(self, *words: str) -> Said:
        sent = self.sent()
        said = self.run(*words)
        assert said.status != 0
        assert self.sent() == sent
        return said

    def sent(self) -> list[int]:
        return [
            int(self.anvil.call("eth_getTransactionCount", account, "latest"), 16) for account in self.anvil.accounts
        ]

    def deploy(self) -> str:
        address = self.say("evm", "deploy", self.token.address).split("The contract is at ")[1].split(".")[0]
        self.environment.setenv("PAYER_ACCOUNT_ID", address)
        return address

    def words_to_pay(self, file: str) -> tuple[str, ...]:
        """Return the command that pays a list on a bond."""
        bond = deploy(self.anvil, "token", "Green Bond", "GRB", 2)
        return ("pay", file, "--payment-token", self.token.address, "--asset", bond.address)

    def sign_as(self, number: int) -> None:
        self.environment.setenv("EVM_KEYS", self.anvil.private_keys[number])


def operator_on(anvil: Anvil, command_line: CommandLine, environment: pytest.MonkeyPatch) -> Operator:
    """Give somebody the first of a node's keys, and a thousand of a token of their own."""
    token = deploy(anvil, "token", "Test Dollar", "TUSD", 18, sender=anvil.accounts[9])
    token.send("mint", anvil.accounts[0], 1_000 * 10**18, sender=anvil.accounts[9])
    operator = Operator(command_line, environment, anvil, token)
    operator.sign_as(0)
    environment.setenv("LEDGER", "evm")
    environment.setenv("EVM_RPC_URL", anvil.url)
    environment.setenv("EVM_CONFIRMATIONS", "1")
    return operator
