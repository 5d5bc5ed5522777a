"""Next steps as data: actions with their subjects, and fields. Each edge words them in its own way.

The wording here is the command line's, for logs and for actions that only an operator can take.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Action(Enum):
    """An action that an error proposes. The value is its command; each ``{}`` stands for a subject."""

    LIST_ASSETS = "asset list"
    LIST_HOLDERS = "asset holders {}"
    IMPORT_ASSET = "asset import {}"
    NAME_PAYMENT_TOKEN = "asset import {} --payment-token ID"
    NAME_CONTRACT = "asset import {} --lifecycle-contract ID"
    SYNC_REGISTER = "asset sync {}"

    CREATE_DISTRIBUTION = "distribution create"
    LIST_DISTRIBUTIONS = "distribution list"
    SHOW_DISTRIBUTION = "distribution show {}"
    EXECUTE_DISTRIBUTION = "distribution execute {}"
    APPROVE_DISTRIBUTION = "distribution approve {}"
    RETRY_DISTRIBUTION = "distribution retry {}"
    CANCEL_DISTRIBUTION = "distribution cancel {}"
    PAUSE_DISTRIBUTION = "distribution pause {}"
    RESUME_DISTRIBUTION = "distribution resume {}"
    RESUME_ASSET = "resume --asset {}"
    RESUME_INSTALLATION = "resume"
    SEND_BACK = "distribution send-back {} --reason TEXT"
    RESUBMIT = "distribution resubmit {}"
    LIST_UNPAID = "distribution holders {} --failed"
    LIST_BATCHES = "distribution batches {}"
    PAY_LIST = "pay"
    PAY_NEW_LIST = "pay FILE.csv --payment-token ID"
    RECONCILE = "reconcile {}"
    LIST_SERIES = "series list"
    SHOW_SERIES = "series show {}"

    SET_BOND = "bond set {}"
    SHOW_CALENDAR = "calendar show {} --year {}"
    ADD_CALENDAR_DAY = "calendar add-day {} DATE TEXT"

    LIST_LISTENERS = "listener list"
    ADD_LISTENER = "listener add {}"
    ENABLE_LISTENER = "listener enable {}"
    POLL_LISTENER = "listener poll {}"
    REPLAY_EVENTS = "listener replay {}"

    SHOW_POLICY = "policy show"
    PROPOSE_POLICY = "policy propose FILE"
    LIST_PROPOSALS = "proposal list"
    SHOW_PROPOSAL = "proposal show {}"
    APPROVE_PROPOSAL = "proposal approve {}"
    REFUSE_PROPOSAL = "proposal refuse {}"
    WITHDRAW_PROPOSAL = "proposal withdraw {}"

    LIST_USERS = "user list"
    ADD_ADMIN = "user add NAME --role admin"
    CHANGE_PASSWORD = "user password {}"
    RENAME_USER = "user rename {} NEW-NAME"
    CONNECT_USER = "user connect {} --subject {}"
    MAKE_LOGIN_LINK = "user link NAME"
    LIST_TOKENS = "token list"
    CREATE_TOKEN = "token create NAME"
    CREATE_TOKEN_OF = "token create NAME --role ROLE --user USER"
    LIST_WEBHOOKS = "webhook list"
    LIST_DELIVERIES = "webhook deliveries"
    TRY_WEBHOOK = "webhook test {}"
    ENABLE_WEBHOOK = "webhook enable {}"
    SEND_DELIVERY_AGAIN = "webhook redeliver DELIVERY"

    LIST_PAYERS = "payer list"
    SHOW_PAYER = "payer show {}"
    RECOVER = "recover"
    RECOVER_PAYER = "recover --payer {}"
    FIX_HASHES = "recover --hashes {}"
    EXAMINE = "doctor"
    START_WORKER = "worker"
    SEE_DEMO = "demo"
    VERIFY_AUDIT = "audit verify"
    VERIFY_AUDIT_AGAINST = "audit verify --against {}"
    SHOW_AUDIT_HEAD = "audit head"

    UPGRADE_DATABASE = "db upgrade"
    DOWNGRADE_DATABASE = "db downgrade"
    CHECK_DATABASE = "db check"
    SHOW_REVISION = "db current"
    LIST_REVISIONS = "db history"
    CREATE_MIGRATION = 'db create -m "{}"'

    PLAN_BY_CONTRACT = "evm plan"
    DEPLOY_CONTRACT = "evm deploy"
    FREE_NONCE = "evm cancel {}"
    UNPAUSE_CONTRACT = "evm unpause --contract {}"

    CREATE_SANDBOX_TOKEN = "sandbox token {} --name NAME --symbol SYMBOL --decimals N"
    SHOW_SANDBOX_BALANCE = "sandbox balance {} {}"
    DEPOSIT_ON_SANDBOX = "sandbox deposit {} {} --to {}"
    UNPAUSE_ON_SANDBOX = "sandbox unpause {}"
    UNFREEZE_ON_SANDBOX = "sandbox unfreeze {} {}"
    ASSOCIATE_ON_SANDBOX = "sandbox associate {} {}"
    RESET_SANDBOX = "sandbox init --reset"

    def on(self, *subjects: object) -> "Step":
        """Return the action with its subjects: ids, accounts, names."""
        return Step(self, tuple(map(str, subjects)))


class Field(Enum):
    """A field that an error asks for. The value is the option of the command line for it."""

    PAYOUT_TYPE = "--payout"
    AMOUNT = "--amount"
    SCHEDULED_TIME = "--at"
    EXECUTION_TYPE = "--execution"
    CONCEPT = "--concept"
    REFERENCE = "--reference"
    AGAIN = "--again"
    ALLOW_UNPAYABLE = "--allow-unpayable"
    LIFECYCLE_CONTRACT = "--lifecycle-contract"
    REASON = "--reason"
    USER = "--user"
    SINCE = "--since"
    ADMIN = "--admin"
    PAYER = "--payer"
    SNAPSHOT = "--snapshot"
    DIVIDEND = "--dividend"
    COUPON = "--coupon"
    REDEMPTION = "--redemption"
    HOST = "--host"
    PORT = "--port"
    PAR = "--par"
    RATE = "--rate"
    COUPONS_A_YEAR = "--frequency"
    ISSUE_DATE = "--issue"
    FIRST_COUPON_DATE = "--first-coupon"
    LAST_COUPON_DATE = "--last-coupon"
    MATURITY_DATE = "--maturity"
    FACTOR = "--factor"
    RECORD_RULE = "--record-rule"


@dataclass(frozen=True, slots=True)
class Step:
    """An action with its subjects."""

    action: Action
    subjects: tuple[str, ...] = ()


Word = Callable[[Step | Field], str]


def as_command(part: Step | Field) -> str:
    """Return an action or a field as an operator types it."""
    if isinstance(part, Field):
        return part.value
    return f"masspayout {_filled(part.action.value, part.subjects)}"


def wording(actions: Mapping[Action, str], fields: Mapping[Field, str]) -> Word:
    """Return the words of an edge for actions and fields: its own templates, and for all others the command.

    Args:
        actions: The edge's words for actions that are possible there; each ``{}`` stands for a subject.
        fields: The edge's names for fields.
    """

    def word(part: Step | Field) -> str:
        if isinstance(part, Field):
            return fields.get(part, as_command(part))
        template = actions.get(part.action)
        return f"{as_command(part)} (on the server)" if template is None else _filled(template, part.subjects)

    return word


def _filled(template: str, subjects: Sequence[str]) -> str:
    """Put subjects into the places of a template; ``ID`` stands where there are none."""
    first, *others = template.split("{}")
    given = [*subjects, *["ID"] * (len(others) - len(subjects))]
    return first + "".join(subject + text for subject, text in zip(given, others, strict=False))


@dataclass(frozen=True, slots=True, init=False)
class NextStep:
    """One sentence that says what to do next: text with actions and fields in it."""

    parts: tuple[str | Step | Field, ...]

    def __init__(self, *parts: "Part") -> None:
        object.__setattr__(self, "parts", tuple(_flat(parts)))

    def __bool__(self) -> bool:
        return any(self.parts)

    def __str__(self) -> str:
        return self.said(as_command)

    def said(self, word: Word) -> str:
        """Return the sentence in the words of an edge."""
        return "".join(part if isinstance(part, str) else word(part) for part in self.parts)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields to fill in differently."""
        return tuple(part for part in self.parts if isinstance(part, Field))

    def to_json(self) -> list[Any]:
        """Return the stored form: texts, actions with their subjects, and fields."""
        return [_json_of(part) for part in self.parts]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "NextStep":
        """Return the next step of a stored form."""
        return cls(*map(_part_of, stored))


Part = str | Action | Step | Field | NextStep


def _flat(parts: Sequence[Part]) -> Iterator[str | Step | Field]:
    for part in parts:
        if isinstance(part, NextStep):
            yield from part.parts
        else:
            yield Step(part) if isinstance(part, Action) else part


def _json_of(part: str | Step | Field) -> str | dict[str, Any]:
    if isinstance(part, str):
        return part
    if isinstance(part, Field):
        return {"field": part.name, "typed": as_command(part)}
    return {"action": part.action.name, "subjects": list(part.subjects), "typed": as_command(part)}


def _part_of(stored: Any) -> Part:
    """Return a stored part; for a name that only another version knows, the command or option stored with it."""
    if isinstance(stored, str):
        return stored
    if stored.get("field") in Field.__members__:
        return Field[stored["field"]]
    if stored.get("action") in Action.__members__:
        return Action[stored["action"]].on(*stored["subjects"])
    return str(stored["typed"])
