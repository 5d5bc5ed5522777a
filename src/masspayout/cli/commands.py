"""The table of commands: the name of each, the first paragraph of its help, and the module that defines it.

A module is imported when one of its commands is invoked or asked for its help. ``masspayout --help``, the help of a
group and the completion of names need the table alone. A test compares it with the modules.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from masspayout.kernel.deferred import deferred

if TYPE_CHECKING:
    from masspayout.cli import usage
else:
    usage = deferred("masspayout.cli.usage")


class _Command(NamedTuple):
    """A command as the table has it: its module in ``masspayout.cli``, and the first paragraph of its help."""

    module: str
    help: str


class _Group(NamedTuple):
    """Commands under a name of their own."""

    help: str
    commands: Mapping[str, _Command]


_TABLE: Mapping[str, _Command | _Group] = {
    "demo": _Command("demo", "Run a demo on the sandbox: import, plan, pay, see failures, fix, retry, reconcile."),
    "up": _Command("serve", "Run everything in one process, until told to stop: API, dashboard and worker."),
    "serve": _Command("serve", "Serve API and dashboard, until told to stop."),
    "pay": _Command(
        "payout",
        "Pay a payout list: check, pay, reconcile. Run again after a crash, it goes on where it stopped.",
    ),
    "reconcile": _Command(
        "payout", "Compare the ledger's books with the database, account by account. Exit status 1 unless they agree."
    ),
    "recover": _Command("recover", "Sync the statements of the payers, and adopt payments that the database had lost."),
    "pause": _Command(
        "installation",
        "Pause all payouts of an asset, or of the installation: nothing begins, and no further batch does.",
    ),
    "resume": _Command(
        "installation",
        "Resume an asset, or the installation: payouts go on, and those that fell due meanwhile start.",
    ),
    "doctor": _Command(
        "doctor", "Check database, worker, ledger and funds, and change nothing. Exit status 1 when there is a problem."
    ),
    "asset": _Group(
        "Assets and their holders.",
        {
            "import": _Command(
                "asset", "Import a token from the ledger, with its register. Importing again updates it."
            ),
            "list": _Command("asset", "List the imported assets, newest first."),
            "show": _Command("asset", "Show one asset."),
            "sync": _Command("asset", "Sync the register of an asset; or set how often a worker does."),
            "holders": _Command("asset", "List the holders of an asset, by account id."),
        },
    ),
    "distribution": _Group(
        "Payouts: plan, review, pay, reconcile.",
        {
            "create": _Command(
                "creation",
                "Create a payout, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them.",
            ),
            "approve": _Command(
                "approval",
                "Approve a payout by its register hash. Its creator cannot, and each person counts once.",
            ),
            "send-back": _Command(
                "holding", "Send a payout that waits for approval back to its creator. Its approvals are void."
            ),
            "resubmit": _Command(
                "holding", "Ask for approval again of a payout that was sent back. It needs all its approvals anew."
            ),
            "preview": _Command(
                "distribution",
                "Preview a payout: amounts, holders who cannot receive it, missing funds, fees and duration.",
            ),
            "list": _Command("distribution_list", "List payouts, newest first."),
            "show": _Command("distribution", "Show one payout and its progress."),
            "execute": _Command(
                "distribution", "Start paying. Workers do it; with --wait this command does it itself."
            ),
            "retry": _Command("distribution", "Retry the unpaid holders of a payout, and no others."),
            "pause": _Command(
                "holding",
                "Pause a running payout: what was signed is settled, and no further batch begins until it is resumed.",
            ),
            "resume": _Command(
                "holding", "Resume a paused payout: workers go on where it stopped, and pay nobody twice."
            ),
            "cancel": _Command("distribution", "Cancel a payout that has not been executed."),
            "holders": _Command("distribution", "List the holders of a payout, with the amount and state of each."),
            "batches": _Command("distribution", "List the batches with their transactions."),
        },
    ),
    "bond": _Group(
        "Bonds: terms, and the schedule that follows from them.",
        {
            "set": _Command(
                "bond",
                "Set the terms of a bond, or change them. They are checked as a whole, by working out the schedule.",
            ),
            "show": _Command("bond", "Show the terms of a bond, with the changes of its factor."),
            "schedule": _Command("bond", "Show the payments of a bond: periods, dates, and amounts for one unit."),
            "factor": _Command(
                "bond",
                "Have a part of the principal repaid on a coupon date; afterwards interest accrues on what is left.",
            ),
        },
    ),
    "calendar": _Group(
        "Days without business, which move payment dates.",
        {
            "show": _Command(
                "calendar", "Show the days of a year, besides weekends, on which a calendar does no business."
            ),
            "add-day": _Command(
                "calendar",
                "Add a day without business to a calendar. A code that nobody knows begins a calendar of your own.",
            ),
            "remove-day": _Command("calendar", "Remove a day that somebody added to a calendar."),
        },
    ),
    "series": _Group(
        "Payouts that recur: on a calendar, or on deposits.",
        {
            "list": _Command("series", "List series, newest first, each with the time of its next payout."),
            "show": _Command("series", "Show one series, its next payout and the latest ones."),
            "pause": _Command("series", "Pause a series: none of its payouts begins until it is resumed."),
            "resume": _Command(
                "series",
                "Resume a series. Payouts that fell due meanwhile are paid, as far as the catch-up window reaches.",
            ),
            "cancel": _Command("series", "Cancel a series for good, with its payouts that have not begun."),
        },
    ),
    "listener": _Group(
        "Read what contracts report: deposits, transfers, pauses, another payment token.",
        {
            "add": _Command("listener", "Add a listener. A worker polls it every second."),
            "list": _Command(
                "listener", "List the listeners: how far each has read, what it handled, and what it set aside and why."
            ),
            "enable": _Command("listener", "Switch a listener on. It goes on where it stopped."),
            "disable": _Command("listener", "Switch a listener off. Its cursor stays."),
            "poll": _Command("listener", "Poll for new events now, without waiting for a worker."),
            "replay": _Command("listener", "Handle again the events that were set aside, once their cause is fixed."),
        },
    ),
    "payer": _Group(
        "Accounts that payouts are paid from, and their statements on the ledger.",
        {
            "list": _Command(
                "payer", "List the payers: whether they may be signed for, and how far their statements are read."
            ),
            "show": _Command(
                "payer",
                "Show one payer: its state, the balances by its statement, and its unexplained payments.",
            ),
            "statement": _Command("payer", "Show the latest debits of a payer, and the payout that each one paid."),
        },
    ),
    "policy": _Group(
        "Who has to approve what, and how much may be paid out.",
        {
            "show": _Command(
                "policy", "Show the policy in force, in sentences; with --json as data that propose takes."
            ),
            "propose": _Command(
                "policy", "Change the policy. Where it is guarded, this is a proposal, which another person approves."
            ),
            "approve": _Command("policy", "Approve a proposed policy: short for proposal approve."),
            "history": _Command("policy", "List the versions of the policy, the latest first."),
        },
    ),
    "proposal": _Group(
        "Changes that one person makes and another approves.",
        {
            "list": _Command("proposal", "List the proposals, newest first."),
            "show": _Command("proposal", "Show a proposal, with what is before and what is to be after it."),
            "approve": _Command("proposal", "Approve a proposal of another person, which does what it proposes."),
            "refuse": _Command("proposal", "Refuse a proposal of another person."),
            "withdraw": _Command("proposal", "Withdraw a proposal of your own."),
        },
    ),
    "user": _Group(
        "Users and their roles.",
        {
            "add": _Command("user", "Add a user, with a password."),
            "list": _Command("user", "List the users."),
            "disable": _Command("user", "Deactivate a user, with all sessions and tokens. The user stays on record."),
            "enable": _Command("user", "Reactivate a user."),
            "role": _Command("user", "Give a user another role."),
            "password": _Command(
                "user", "Give a user another password, and end all sessions that began with the old one."
            ),
            "rename": _Command("user", "Give a user another name. The audit trail keeps the names of its time."),
            "connect": _Command(
                "user", "Have a person of the OpenID Connect provider sign in as this user; of two users, one is left."
            ),
            "link": _Command("user", "Print the path of a link that signs a user in once, within 15 minutes."),
        },
    ),
    "token": _Group(
        "Tokens that programs use to call the API.",
        {
            "create": _Command("token", "Create an API token. It is shown once, and stored nowhere."),
            "list": _Command("token", "List the tokens, newest first, without their secrets."),
            "revoke": _Command("token", "Revoke a token for good."),
        },
    ),
    "worker": _Command("worker", "Run background jobs until told to stop; or show workers and jobs."),
    "audit": _Group(
        "The audit trail: list it, and verify its chain of hashes.",
        {
            "list": _Command("audit", "List audit entries, the latest first."),
            "head": _Command("audit", "Print the last entry's number, hash and time, to be kept elsewhere."),
            "verify": _Command(
                "audit", "Find entries that were changed, deleted, inserted or moved. Exit status 1 when there are any."
            ),
        },
    ),
    "webhook": _Group(
        "Send events of payouts to other systems.",
        {
            "add": _Command("webhook", "Add a webhook. Its secret, which verifies signatures, is shown only once."),
            "list": _Command("webhook", "List webhooks, with their queued and given-up deliveries."),
            "enable": _Command("webhook", "Switch a webhook on: its queued events are sent."),
            "disable": _Command(
                "webhook",
                "Switch a webhook off: queued events are kept, and later ones are not queued for it.",
            ),
            "remove": _Command("webhook", "Remove a webhook and its log."),
            "test": _Command(
                "webhook",
                "Send a test event now and show the response. Exit status 1 when the target did not accept it.",
            ),
            "deliveries": _Command("webhook", "List deliveries, the latest first, with the responses."),
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
            "emit": _Command("sandbox", "Emit an event of a contract, for a listener to read."),
            "freeze": _Command("sandbox_accounts", "Freeze an account: it neither receives nor sends the token."),
            "unfreeze": _Command("sandbox_accounts", "Undo freeze."),
            "associate": _Command(
                "sandbox_accounts",
                "Associate an account with a token. New accounts need it not: their first transfer does it.",
            ),
            "dissociate": _Command(
                "sandbox_accounts", "Dissociate an account from a token: it refuses transfers. It keeps what it holds."
            ),
            "delete": _Command(
                "sandbox_accounts",
                "Delete an account, for ever. A deleted account has no token left, so TOKEN_ID is only checked.",
            ),
            "account": _Command(
                "sandbox_accounts",
                "Show an account of the sandbox. Accounts are created by their first transfer.",
            ),
            "balance": _Command("sandbox_accounts", "Show the balance of an account in a token."),
            "transactions": _Command("sandbox", "List the newest transactions."),
            "faults": _Command(
                "sandbox", "Set faults of the ledger: those named change, the others stay, and all are shown."
            ),
            "advance": _Command("sandbox", "Move the ledger's clock ahead, for every process."),
            "pause": _Command("sandbox_accounts", "Pause a token: it cannot be transferred."),
            "unpause": _Command("sandbox_accounts", "Undo pause."),
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
        for parameter in command.params:
            _take_any_case(parameter)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command that the module defines: that is the one that is invoked."""
        return self.load().make_context(info_name, args, parent, **extra)


class CommandGroup(TyperGroup):
    """Commands under one name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named first.

        Raises:
            Invalid: There is no such command.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            raise usage.no_such_command(name, ctx.command_path, get_close_matches(name, self.commands))
        return super().resolve_command(ctx, args)


class _TableGroup(CommandGroup):
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


def _take_any_case(parameter: Any) -> None:
    """Let a value of an enumeration be typed in any case. The help shows the values as they are."""
    described = parameter.type_descriptor
    if described.is_choice:
        parameter.metavar = parameter.metavar or f"[{'|'.join(map(str, described.choices))}]"
        described.parameter_info.case_sensitive = False


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
