"""The error tree: categories that each edge translates.

    MassPayoutError
    ├── NotFound              no such asset, distribution, token, file …
    ├── Conflict              the thing exists, but its state does not allow this now
    │   ├── InsufficientFunds the payer holds less than what is due; nothing started
    │   ├── ContractPaused    the asset's contract is paused; nothing started
    │   ├── PayoutPaused      somebody paused the payout, its asset or the installation; nothing new is signed
    │   ├── ApprovalsMissing  not enough people approved it; nothing started
    │   ├── PayerStopped      the ledger shows payments of the payer that the database does not know; nothing is signed
    │   ├── LimitExceeded     more than may be paid out, at once or in a day; nothing started
    │   ├── AnotherLedger     the asset or payout belongs to another ledger than the configured one; nothing was done
    │   └── ClockIsOff        the machine's, the database's and the ledger's clocks disagree; nothing was started
    ├── Invalid               the input is wrong; nothing was written
    │   ├── InvalidRows       a file with bad rows, all of them named
    │   └── NobodyEligible    no holder is owed anything
    ├── NotAuthenticated      the name, password, token or session is missing, wrong or expired
    ├── Forbidden             the actor is known, and their role does not allow this
    ├── TooManyRequests       the rate limit is used up; the same request may be sent again after a while
    ├── DatabaseUnavailable   PostgreSQL cannot be reached, or refuses us
    │   └── DatabaseForgot    a committed row is gone: the database was restored, or failed over
    ├── DatabaseMismatch      the schema is not the one this version works with
    └── LedgerError
        ├── LedgerRejected    the ledger gave a final no, with its code
        ├── LedgerUnavailable nothing was done, and the same call may work later
        └── LedgerUncertain   no answer: the call may or may not have had its effect; look it up

A message is one sentence that says what is wrong, with the value; a next step is one sentence that says what to do.
"""

from collections.abc import Sequence

from masspayout.kernel.next_steps import NextStep, Part


class MassPayoutError(Exception):
    """The root of every error that is meant for a person.

    Args:
        message: One sentence saying what is wrong, with the value.
        next_step: One sentence saying what to do next: text, with the actions and fields in it as data.
    """

    exit_code = 1

    def __init__(self, message: str, *next_step: Part) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = NextStep(*next_step)

    @property
    def hint(self) -> str:
        """The next step as an operator types it."""
        return str(self.next_step)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class NotFound(MassPayoutError):
    """The requested asset, distribution, token or file does not exist."""


class Conflict(MassPayoutError):
    """The present state does not allow this; another process may have been first."""


class InsufficientFunds(Conflict):
    """The payer holds less than the payout needs. Nothing was started."""


class ContractPaused(Conflict):
    """The contract of the asset is paused, so nobody is paid on it. Nothing was started."""


class PayoutPaused(Conflict):
    """Somebody paused the payout, its asset or the installation. Nothing was started, and nothing new is signed."""


class ApprovalsMissing(Conflict):
    """Too few people other than the creator approved the distribution. Nothing was started."""


class PayerStopped(Conflict):
    """The ledger shows payments of the payer that the database does not know. Nothing is signed for it."""


class LimitExceeded(Conflict):
    """The amount is more than may be paid out, at once or in a day. Nothing was started."""


class AnotherLedger(Conflict):
    """The asset or payout belongs to another ledger than the configured one. Nothing was done."""


class ClockIsOff(Conflict):
    """The machine's, the database's and the ledger's clocks are too far apart. Nothing was started or signed."""


class Invalid(MassPayoutError):
    """The input is wrong. Nothing was written."""

    exit_code = 2


class InvalidRows(Invalid):
    """A file has bad rows. ``problems`` names every one of them, with row and column."""

    def __init__(self, message: str, problems: Sequence[str], *next_step: Part) -> None:
        super().__init__(message, *next_step)
        self.problems = tuple(problems)


class NobodyEligible(Invalid):
    """No holder can be paid: all are excluded, or each one's share rounds down to nothing."""


class NotAuthenticated(MassPayoutError):
    """The credentials are missing, wrong or expired."""


class Forbidden(MassPayoutError):
    """The actor's role does not allow the request. Nothing was done."""


class TooManyRequests(MassPayoutError):
    """The rate limit is used up. The request may be sent again after ``retry_after_seconds``."""

    def __init__(self, message: str, *next_step: Part, retry_after_seconds: int) -> None:
        super().__init__(message, *next_step)
        self.retry_after_seconds = retry_after_seconds


class DatabaseUnavailable(MassPayoutError):
    """PostgreSQL cannot be reached, or refuses the connection."""


class DatabaseForgot(DatabaseUnavailable):
    """A row that is never deleted is gone: this is not the database that the row was committed to."""


class DatabaseMismatch(MassPayoutError):
    """The database is not in the state that this version of the software works with.

    ``problems`` names everything that stands in the way, where the message alone does not.
    """

    def __init__(self, message: str, *next_step: Part, problems: Sequence[str] = ()) -> None:
        super().__init__(message, *next_step)
        self.problems = tuple(problems)


class LedgerError(MassPayoutError):
    """The root of every answer of a ledger but success."""


class LedgerRejected(LedgerError):
    """The ledger refused, and that is final.

    Args:
        code: The failure code, one of ``masspayout.ledger.failures``.
    """

    def __init__(self, code: str, message: str, *next_step: Part) -> None:
        super().__init__(message, *next_step)
        self.code = code


class LedgerUnavailable(LedgerError):
    """The ledger did nothing, and the answer proves that; the same call may work later."""


class LedgerUncertain(LedgerError):
    """No answer came. The ledger may or may not have acted: only a lookup can show which."""
