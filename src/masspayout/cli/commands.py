"""The table of commands: the name of each, the first paragraph of its help, and the module that defines it.

A module is imported when one of its commands is invoked or asked for its help. ``masspayout --help``, the help of a
group and the completion of names need the table alone. A test compares it with the modules.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class _Command(NamedTuple):
    """A command as the table has it: its module in ``masspayout.cli``, and the first paragraph of its help."""

    module: str
    help: str


class _Group(NamedTuple):
    """Commands under a name of their own."""

    help: str
    commands: Mapping[str, _Command]


_TABLE: Mapping[str, _Command | _Group] = {
    "demo": _Command(
        "demo", "Show the whole story on the sandbox: import, plan, pay, see failures, mend, retry, prove."
    ),
    "up": _Command("serve", "Run everything in one process, until told to stop: API, dashboard and worker."),
    "serve": _Command("serve", "Serve API and dashboard, until told to stop."),
    "pay": _Command(
        "payout",
        "Pay a payout list: check it, pay it, and prove it. Run again after a crash, it goes on where it stopped.",
    ),
    "reconcile": _Command(
        "payout", "Compare the ledger's books with the database, account by account. Exit status 1 unless they agree."
    ),
    "recover": _Command(
        "recover", "Read what the ledger shows of the payers, and write down what the database had forgotten."
    ),
    "doctor": _Command(
        "doctor", "Check database, worker, ledger and funds, and change nothing. Exit status 1 when there is a problem."
    ),
    "asset": _Group(
        "Tokens to pay on, and who holds them.",
        {
            "import": _Command(
                "asset", "Import a token from the ledger and read who holds it. Importing again renews what is known."
            ),
            "list": _Command("asset", "List the imported assets, newest first."),
            "show": _Command("asset", "Show one asset."),
            "sync": _Command("asset", "Read again who holds an asset; or have it read on a timer, or no more."),
            "holders": _Command("asset", "List who holds an asset, by account id."),
        },
    ),
    "distribution": _Group(
        "Payouts: plan, review, pay, prove.",
        {
            "create": _Command(
                "creation",
                "Create a distribution, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series "
                "of them.",
            ),
            "approve": _Command(
                "approval",
                "Approve of exactly what a distribution will pay. Its creator cannot, and everybody counts once.",
            ),
            "preview": _Command(
                "distribution",
                "Say what executing would do: who gets how much, who could not, whether the funds suffice, what "
                "it costs.",
            ),
            "list": _Command("distribution_list", "List distributions, newest first."),
            "show": _Command("distribution", "Show one distribution and how far it is."),
            "execute": _Command(
                "distribution", "Start paying. Workers do it; with --wait this command does it itself."
            ),
            "retry": _Command("distribution", "Try again to pay those who are still unpaid, and nobody else."),
            "cancel": _Command("distribution", "Call off a distribution that has not been executed."),
            "holders": _Command("distribution", "List who is owed what, and whether they got it."),
            "batches": _Command("distribution", "List the batches with their transactions."),
        },
    ),
    "series": _Group(
        "Payouts that run by themselves: on a calendar, or on deposits.",
        {
            "list": _Command("series", "List series, newest first, each with when its next distribution is due."),
            "show": _Command("series", "Show one series, its next distribution and the latest ones."),
            "pause": _Command("series", "Let nothing of a series begin until it is resumed."),
            "resume": _Command(
                "series", "Let a series go on. What fell due meanwhile is paid, as far as the catch-up window reaches."
            ),
            "cancel": _Command("series", "Stop a series for good, with whatever of it has not begun."),
        },
    ),
    "listener": _Group(
        "Read what contracts report: deposits, transfers, pauses, another payment token.",
        {
            "add": _Command("listener", "Begin to listen. A worker reads what is new every second."),
            "list": _Command(
                "listener", "List the listeners: how far each has read, what it handled, and what it set aside and why."
            ),
            "enable": _Command("listener", "Switch a listener on. It goes on where it stopped."),
            "disable": _Command("listener", "Switch a listener off. Its cursor stays."),
            "poll": _Command("listener", "Read and handle now what is new, without waiting for a worker."),
            "replay": _Command(
                "listener", "Handle again the events that were set aside, when what was wrong is mended."
            ),
        },
    ),
    "payer": _Group(
        "Accounts that payouts are paid from, and what the ledger shows of them.",
        {
            "list": _Command(
                "payer", "List the payers: whether they may be signed for, and how far their statements are read."
            ),
            "show": _Command(
                "payer",
                "Show one payer: its state, what its statement comes to, and the payments that nobody can explain.",
            ),
            "statement": _Command("payer", "Show the latest debits of a payer, and the payout that each one paid."),
        },
    ),
    "user": _Group(
        "Who may log in, and what they may do.",
        {
            "add": _Command("user", "Add a user, with a password."),
            "list": _Command("user", "List the users."),
            "disable": _Command(
                "user", "Keep a user out at once, with every session and token. The user stays on record."
            ),
            "enable": _Command("user", "Let a user in again who was disabled."),
            "role": _Command("user", "Give a user another role."),
            "password": _Command(
                "user", "Give a user another password, and end all sessions that began with the old one."
            ),
            "link": _Command("user", "Print the end of a link that logs a user in once, within a quarter of an hour."),
        },
    ),
    "token": _Group(
        "What programs show to be let in over HTTP.",
        {
            "create": _Command("token", "Make an API token. It is shown once, and kept nowhere."),
            "list": _Command("token", "List the tokens, newest first, without their secrets."),
            "revoke": _Command("token", "Let a token never come in again."),
        },
    ),
    "worker": _Command("worker", "Do the work that was started elsewhere, until told to stop; or see how it stands."),
    "audit": _Group(
        "Who did what, from where; and whether the record of it is whole.",
        {
            "list": _Command("audit", "List what was done, the latest first."),
            "verify": _Command(
                "audit", "Find entries that were changed, deleted, inserted or moved. Exit status 1 when there are any."
            ),
        },
    ),
    "webhook": _Group(
        "Tell other systems what becomes of payouts.",
        {
            "add": _Command(
                "webhook", "Begin to tell a target of events. Its secret, to check signatures with, is shown this once."
            ),
            "list": _Command("webhook", "List the targets, with how many deliveries wait and how many were given up."),
            "enable": _Command("webhook", "Switch a target on: what waits for it is sent."),
            "disable": _Command(
                "webhook",
                "Switch a target off: what waits for it is kept, and what happens meanwhile it does not hear of.",
            ),
            "remove": _Command("webhook", "Tell a target nothing any more, and forget its log."),
            "test": _Command(
                "webhook", "Send a test event now and show the answer. Exit status 1 when the target did not take it."
            ),
            "deliveries": _Command("webhook", "List what was sent, the latest first, with the answers."),
            "redeliver": _Command("webhook", "Send an event once more, with the same id and number."),
        },
    ),
    "db": _Group(
        "Migrate the database and see where it stands.",
        {
            "upgrade": _Command(
                "database",
                "Migrate the database up. One that holds the five tables already is taken over with every row.",
            ),
            "downgrade": _Command("database", "Take migrations back, with the data in what they had added."),
            "generate": _Command("database", "Write a migration with what the entities have and the database lacks."),
            "create": _Command("database", "Write an empty migration."),
            "history": _Command("database", "List all migrations, oldest first."),
            "current": _Command("database", "Show where the database stands."),
            "check": _Command(
                "database", "Compare entities, migrations and database to the letter. Exit status 1 when they differ."
            ),
        },
    ),
    "evm": _Group(
        "Make, fund, pause and empty the contract that pays on an EVM chain.",
        {
            "deploy": _Command("evm", "Make a contract that pays in a token."),
            "fund": _Command("evm", "Move payment tokens from the sender's account to the contract."),
            "pause": _Command("evm", "Stop all payments of the contract until further notice."),
            "unpause": _Command("evm", "Undo pause."),
            "withdraw": _Command("evm", "Take payment tokens out of the contract, also while it is paused."),
            "plan": _Command("evm", "Plan a payout that the asset's LifeCycleCashFlow contract pays by its own rule."),
            "cancel": _Command(
                "evm", "Free the nonce of a transaction that gets into no block. Its holders are paid with another one."
            ),
        },
    ),
    "sandbox": _Group(
        "Set up and steer the sandbox ledger.",
        {
            "init": _Command("sandbox", "Create the sandbox, or empty it with --reset."),
            "token": _Command("sandbox", "Create a token and hand it out."),
            "deposit": _Command("sandbox", "Mint tokens into an account, or let another account pay them."),
            "emit": _Command("sandbox", "Have a contract report an event, for a listener to read."),
            "freeze": _Command("sandbox", "Freeze an account: it neither receives nor sends the token."),
            "unfreeze": _Command("sandbox", "Undo freeze."),
            "associate": _Command(
                "sandbox", "Associate an account with a token. New accounts need it not: their first transfer does it."
            ),
            "dissociate": _Command(
                "sandbox", "Dissociate an account from a token: it refuses transfers. It keeps what it holds."
            ),
            "delete": _Command(
                "sandbox",
                "Delete an account, for ever. A deleted account has no token left, so TOKEN_ID is only checked.",
            ),
            "account": _Command(
                "sandbox",
                "Show what the sandbox knows of an account. Accounts come into being with their first transfer.",
            ),
            "balance": _Command("sandbox", "Show what an account holds of a token."),
            "transactions": _Command("sandbox", "List the newest transactions."),
            "faults": _Command(
                "sandbox", "Make the ledger misbehave: set what is named, keep the rest, and show what is set."
            ),
            "advance": _Command("sandbox", "Move the ledger's clock ahead, for every process."),
            "pause": _Command("sandbox", "Pause a token: nobody can move it."),
            "unpause": _Command("sandbox", "Undo pause."),
        },
    ),
}


class LazyCommand(TyperCommand):
    """A command whose module is imported when it is invoked or asked for its help.

    Args:
        name: Its name, in the table and in the module's ``app``.
        entry: Its entry in the table.
    """

    def __init__(self, name: str, entry: _Command) -> None:
        super().__init__(name, help=entry.help)
        self.module = f"{__package__}.{entry.module}"

    def load(self) -> TyperCommand | TyperGroup:
        """Import the module and return the command that it defines."""
        with _garbage_collection_paused(self.module):
            app: typer.Typer = importlib.import_module(self.module).app
        # A command takes the style of its help from the application above it, as in any other Typer application.
        above = typer.Typer(rich_markup_mode=None)
        above.add_typer(app, name="app")
        group: Any = typer.main.get_group(above).commands["app"]
        command: TyperCommand | TyperGroup = group.commands[self.name]
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command that the module defines: that is the one that is invoked."""
        return self.load().make_context(info_name, args, parent, **extra)


class _TableGroup(TyperGroup):
    """Commands under one name, all of them from the table."""

    def __init__(self, **attributes: Any) -> None:
        # Typer gives its own options no default, and loads Pydantic to convert the value that is missing.
        not_given = {"default_map": dict.fromkeys(("help", "install_completion", "show_completion"), False)}
        super().__init__(**attributes | {"context_settings": not_given})


class CommandTable(_TableGroup):
    """``masspayout`` itself, with the commands of the table."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": {name: _made(name, entry) for name, entry in _TABLE.items()}})


def _made(name: str, entry: _Command | _Group) -> LazyCommand | TyperGroup:
    if isinstance(entry, _Command):
        return LazyCommand(name, entry)
    commands = {each: LazyCommand(each, its_entry) for each, its_entry in entry.commands.items()}
    return _TableGroup(name=name, help=entry.help, commands=commands, no_args_is_help=True, rich_markup_mode=None)


@contextmanager
def _garbage_collection_paused(module: str) -> Iterator[None]:
    """Pause the garbage collector while a module is imported for the first time.

    Modules are no garbage, and traversing them takes a fifth of the time that it takes to import them. They stay until
    the process ends, so they are frozen: later collections do not traverse them either.
    """
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
