"""The table of commands: the name of each, the first paragraph of its help, and the module that defines it.

``masspayout --help``, the help of a group and the completion of names need the table alone. A test compares it with the
modules.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Command(NamedTuple):
    """A command as the table has it: its module in ``masspayout.cli``, and the first paragraph of its help."""

    module: str
    help: str


class Group(NamedTuple):
    """Commands under a name of their own."""

    help: str
    commands: Mapping[str, Command]


TABLE: Mapping[str, Command | Group] = {
    "demo": Command("demo", "Run a demo on the sandbox: import, plan, pay, see failures, fix, retry, reconcile."),
    "up": Command("serve", "Run everything in one process, until told to stop: API, dashboard and worker."),
    "serve": Command("serve", "Serve API and dashboard, until told to stop."),
    "pay": Command(
        "payout",
        "Pay a payout list: check, pay, reconcile. Run again after a crash, it goes on where it stopped.",
    ),
    "reconcile": Command(
        "payout", "Compare the ledger's books with the database, account by account. Exit status 1 unless they agree."
    ),
    "recover": Command("recover", "Sync the statements of the payers, and adopt payments that the database had lost."),
    "pause": Command(
        "installation",
        "Pause all payouts of an asset, or of the installation: nothing begins, and no further batch does.",
    ),
    "resume": Command(
        "installation",
        "Resume an asset, or the installation: payouts go on, and those that fell due meanwhile start.",
    ),
    "doctor": Command(
        "doctor", "Check database, worker, ledger and funds, and change nothing. Exit status 1 when there is a problem."
    ),
    "asset": Group(
        "Assets and their holders.",
        {
            "import": Command(
                "asset", "Import a token from the ledger, with its register. Importing again updates it."
            ),
            "list": Command("asset", "List the imported assets, newest first."),
            "show": Command("asset", "Show one asset."),
            "sync": Command("asset", "Sync the register of an asset; or set how often a worker does."),
            "holders": Command("asset", "List the holders of an asset, by account id."),
        },
    ),
    "distribution": Group(
        "Payouts: plan, review, pay, reconcile.",
        {
            "create": Command(
                "creation",
                "Create a payout, for review: nothing is paid yet. RECURRING and AUTOMATIC create a series of them.",
            ),
            "approve": Command(
                "approval",
                "Approve a payout by its register hash. Its creator cannot, and each person counts once.",
            ),
            "send-back": Command(
                "holding", "Send a payout that waits for approval back to its creator. Its approvals are void."
            ),
            "resubmit": Command(
                "holding", "Ask for approval again of a payout that was sent back. It needs all its approvals anew."
            ),
            "preview": Command(
                "distribution",
                "Preview a payout: amounts, holders who cannot receive it, missing funds, fees and duration.",
            ),
            "list": Command("distribution_list", "List payouts, newest first."),
            "show": Command("distribution", "Show one payout and its progress."),
            "execute": Command("distribution", "Start paying. Workers do it; with --wait this command does it itself."),
            "retry": Command("distribution", "Retry the unpaid holders of a payout, and no others."),
            "pause": Command(
                "holding",
                "Pause a running payout: what was signed is settled, and no further batch begins until it is resumed.",
            ),
            "resume": Command(
                "holding", "Resume a paused payout: workers go on where it stopped, and pay nobody twice."
            ),
            "cancel": Command("distribution", "Cancel a payout that has not been executed."),
            "holders": Command("distribution", "List the holders of a payout, with the amount and state of each."),
            "batches": Command("distribution", "List the batches with their transactions."),
        },
    ),
    "bond": Group(
        "Bonds: terms, and the schedule that follows from them.",
        {
            "set": Command(
                "bond",
                "Set the terms of a bond, or change them. They are checked as a whole, by working out the schedule.",
            ),
            "show": Command("bond", "Show the terms of a bond, with the changes of its factor."),
            "schedule": Command("bond", "Show the payments of a bond: periods, dates, and amounts for one unit."),
            "factor": Command(
                "bond",
                "Have a part of the principal repaid on a coupon date; afterwards interest accrues on what is left.",
            ),
        },
    ),
    "calendar": Group(
        "Days without business, which move payment dates.",
        {
            "show": Command(
                "calendar", "Show the days of a year, besides weekends, on which a calendar does no business."
            ),
            "add-day": Command(
                "calendar",
                "Add a day without business to a calendar. A code that nobody knows begins a calendar of your own.",
            ),
            "remove-day": Command("calendar", "Remove a day that somebody added to a calendar."),
        },
    ),
    "series": Group(
        "Payouts that recur: on a calendar, or on deposits.",
        {
            "list": Command("series", "List series, newest first, each with the time of its next payout."),
            "show": Command("series", "Show one series, its next payout and the latest ones."),
            "pause": Command("series", "Pause a series: none of its payouts begins until it is resumed."),
            "resume": Command(
                "series",
                "Resume a series. Payouts that fell due meanwhile are paid, as far as the catch-up window reaches.",
            ),
            "cancel": Command("series", "Cancel a series for good, with its payouts that have not begun."),
        },
    ),
    "listener": Group(
        "Read what contracts report: deposits, transfers, pauses, another payment token.",
        {
            "add": Command("listener", "Add a listener. A worker polls it every second."),
            "list": Command(
                "listener", "List the listeners: how far each has read, what it handled, and what it set aside and why."
            ),
            "enable": Command("listener", "Switch a listener on. It goes on where it stopped."),
            "disable": Command("listener", "Switch a listener off. Its cursor stays."),
            "poll": Command("listener", "Poll for new events now, without waiting for a worker."),
            "replay": Command("listener", "Handle again the events that were set aside, once their cause is fixed."),
        },
    ),
    "payer": Group(
        "Accounts that payouts are paid from, and their statements on the ledger.",
        {
            "list": Command(
                "payer", "List the payers: whether they may be signed for, and how far their statements are read."
            ),
            "show": Command(
                "payer",
                "Show one payer: its state, the balances by its statement, and its unexplained payments.",
            ),
            "statement": Command("payer", "Show the latest debits of a payer, and the payout that each one paid."),
        },
    ),
    "policy": Group(
        "Who has to approve what, and how much may be paid out.",
        {
            "show": Command(
                "policy", "Show the policy in force, in sentences; with --json as data that propose takes."
            ),
            "propose": Command(
                "policy", "Change the policy. Where it is guarded, this is a proposal, which another person approves."
            ),
            "approve": Command("policy", "Approve a proposed policy: short for proposal approve."),
            "history": Command("policy", "List the versions of the policy, the latest first."),
        },
    ),
    "proposal": Group(
        "Changes that one person makes and another approves.",
        {
            "list": Command("proposal", "List the proposals, newest first."),
            "show": Command("proposal", "Show a proposal, with what is before and what is to be after it."),
            "approve": Command("proposal", "Approve a proposal of another person, which does what it proposes."),
            "refuse": Command("proposal", "Refuse a proposal of another person."),
            "withdraw": Command("proposal", "Withdraw a proposal of your own."),
        },
    ),
    "user": Group(
        "Users and their roles.",
        {
            "add": Command("user", "Add a user, with a password."),
            "list": Command("user", "List the users."),
            "disable": Command("user", "Deactivate a user, with all sessions and tokens. The user stays on record."),
            "enable": Command("user", "Reactivate a user."),
            "role": Command("user", "Give a user another role."),
            "password": Command(
                "user", "Give a user another password, and end all sessions that began with the old one."
            ),
            "rename": Command("user", "Give a user another name. The audit trail keeps the names of its time."),
            "connect": Command(
                "user", "Have a person of the OpenID Connect provider sign in as this user; of two users, one is left."
            ),
            "link": Command("user", "Print the path of a link that signs a user in once, within 15 minutes."),
        },
    ),
    "token": Group(
        "Tokens that programs use to call the API.",
        {
            "create": Command("token", "Create an API token. It is shown once, and stored nowhere."),
            "list": Command("token", "List the tokens, newest first, without their secrets."),
            "revoke": Command("token", "Revoke a token for good."),
        },
    ),
    "worker": Command("worker", "Run background jobs until told to stop; or show workers and jobs."),
    "audit": Group(
        "The audit trail: list it, and verify its chain of hashes.",
        {
            "list": Command("audit", "List audit entries, the latest first."),
            "head": Command("audit", "Print the last entry's number, hash and time, to be kept elsewhere."),
            "verify": Command(
                "audit", "Find entries that were changed, deleted, inserted or moved. Exit status 1 when there are any."
            ),
        },
    ),
    "webhook": Group(
        "Send events of payouts to other systems.",
        {
            "add": Command("webhook", "Add a webhook. Its secret, which verifies signatures, is shown only once."),
            "list": Command("webhook", "List webhooks, with their queued and given-up deliveries."),
            "enable": Command("webhook", "Switch a webhook on: its queued events are sent."),
            "disable": Command(
                "webhook",
                "Switch a webhook off: queued events are kept, and later ones are not queued for it.",
            ),
            "remove": Command("webhook", "Remove a webhook and its log."),
            "test": Command(
                "webhook",
                "Send a test event now and show the response. Exit status 1 when the target did not accept it.",
            ),
            "deliveries": Command("webhook", "List deliveries, the latest first, with the responses."),
            "redeliver": Command("webhook", "Send an event once more, with the same id and number."),
        },
    ),
    "db": Group(
        "Migrate the database and see where it stands.",
        {
            "upgrade": Command(
                "database",
                "Migrate the database up. One that holds the five tables already is taken over with every row.",
            ),
            "downgrade": Command("database", "Take migrations back, with the data in what they had added."),
            "generate": Command("database", "Write a migration with what the entities have and the database lacks."),
            "create": Command("database", "Write an empty migration."),
            "history": Command("database", "List all migrations, oldest first."),
            "current": Command("database", "Show where the database stands."),
            "check": Command(
                "database", "Compare entities, migrations and database to the letter. Exit status 1 when they differ."
            ),
        },
    ),
    "evm": Group(
        "Make, fund, pause and empty the contract that pays on an EVM chain.",
        {
            "deploy": Command("evm", "Make a contract that pays in a token."),
            "fund": Command("evm", "Move payment tokens from the sender's account to the contract."),
            "pause": Command("evm", "Stop all payments of the contract until further notice."),
            "unpause": Command("evm", "Undo pause."),
            "withdraw": Command("evm", "Take payment tokens out of the contract, also while it is paused."),
            "plan": Command("evm", "Plan a payout that the asset's LifeCycleCashFlow contract pays by its own rule."),
            "cancel": Command(
                "evm", "Free the nonce of a transaction that gets into no block. Its holders are paid with another one."
            ),
        },
    ),
    "sandbox": Group(
        "Set up and steer the sandbox ledger.",
        {
            "init": Command("sandbox", "Create the sandbox, or empty it with --reset."),
            "token": Command("sandbox", "Create a token and hand it out."),
            "deposit": Command("sandbox", "Mint tokens into an account, or let another account pay them."),
            "emit": Command("sandbox", "Emit an event of a contract, for a listener to read."),
            "freeze": Command("sandbox_accounts", "Freeze an account: it neither receives nor sends the token."),
            "unfreeze": Command("sandbox_accounts", "Undo freeze."),
            "associate": Command(
                "sandbox_accounts",
                "Associate an account with a token. New accounts need it not: their first transfer does it.",
            ),
            "dissociate": Command(
                "sandbox_accounts", "Dissociate an account from a token: it refuses transfers. It keeps what it holds."
            ),
            "delete": Command(
                "sandbox_accounts",
                "Delete an account, for ever. A deleted account has no token left, so TOKEN_ID is only checked.",
            ),
            "account": Command(
                "sandbox_accounts",
                "Show an account of the sandbox. Accounts are created by their first transfer.",
            ),
            "balance": Command("sandbox_accounts", "Show the balance of an account in a token."),
            "transactions": Command("sandbox", "List the newest transactions."),
            "faults": Command(
                "sandbox", "Set faults of the ledger: those named change, the others stay, and all are shown."
            ),
            "advance": Command("sandbox", "Move the ledger's clock ahead, for every process."),
            "pause": Command("sandbox_accounts", "Pause a token: it cannot be transferred."),
            "unpause": Command("sandbox_accounts", "Undo pause."),
        },
    ),
}
