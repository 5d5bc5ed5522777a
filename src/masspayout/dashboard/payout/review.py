"""The review of what a payout will do: figures of a preview, who could not receive it, change against the last one."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from masspayout.dashboard.components.layout import callout, facts
from masspayout.dashboard.formats import amount, count, duration, percent, plural, when
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.next_steps import in_browser
from masspayout.db.entities import Distribution
from masspayout.distributions import Preview
from masspayout.kernel.money import subtract
from masspayout.ledger.failures import describe_failure

_NAMED = 5
_MINUS = "\N{MINUS SIGN}"


def describe_preview(preview: Preview, symbol: str | None, last: Distribution | None = None) -> Html:
    """Return what executing would do, in figures and in warnings."""
    rounded = preview.rounded_away_count
    return join(
        facts(
            ("Holders to pay", count(preview.payable_count)),
            ("Total", amount(preview.total_amount, symbol)),
            ("Largest", amount(preview.largest_amount, symbol)),
            ("Smallest", amount(preview.smallest_amount, symbol)),
            ("Rounded to zero", plural(rounded, "holder") if rounded else "none"),
            ("Remainder with payer", amount(preview.remainder_amount, symbol) if preview.remainder_amount else None),
            ("Transactions", count(preview.transaction_count)),
            ("Takes about", duration(preview.takes_seconds)),
            ("Estimated fees", amount(preview.fee_amount, preview.fee_symbol) if preview.fee_symbol else None),
            ("Funds available", amount(preview.funds_amount, symbol)),
            ledger=True,
        ),
        h(
            "div",
            _change(preview, symbol, last),
            _funds(preview, symbol),
            _unpayable(preview.unpayable, preview.payable_count, preview.unchecked_count),
            class_="stack",
            style="margin-top: var(--space-4)",
        ),
    )


def _funds(preview: Preview, symbol: str | None) -> Html:
    if preview.shortfall_amount:
        missing = amount(preview.shortfall_amount, symbol)
        return callout("bad", "Insufficient funds.", h("span", missing, " missing. Fund the payer first."))
    if preview.fee_funds_amount is not None and preview.fee_funds_amount < preview.fee_amount:
        missing = amount(subtract(preview.fee_amount, preview.fee_funds_amount), preview.fee_symbol)
        return callout("bad", "Insufficient funds for fees.", h("span", missing, " missing for the ledger's fees."))
    return callout("good", "Sufficient funds.")


def _unpayable(unpayable: Mapping[str, str], payable_count: int, unchecked_count: int) -> Html | None:
    unchecked = None
    if unchecked_count:
        checked = f"{payable_count - unchecked_count:,} of {payable_count:,} were checked."
        unchecked = f"{checked} The others are checked when they are paid."
    if not unpayable:
        everybody = "All checked holders can" if unchecked_count else "All holders can"
        return callout("good", f"{everybody} receive it now.", unchecked)
    lines = []
    for code, number in Counter(unpayable.values()).most_common():
        failure = describe_failure(code)
        named = [account for account, reason in sorted(unpayable.items()) if reason == code][:_NAMED]
        more = " …" if number > len(named) else ""
        lines.append(
            h(
                "li",
                f"{plural(number, 'holder')}: {failure.sentence} {failure.next_step.said(in_browser)} ",
                h("span", f"{', '.join(named)}{more}", class_="mono faint"),
            )
        )
    return h(
        "div",
        h("strong", f"{plural(len(unpayable), 'holder')} cannot receive it now."),
        h("p", "The others are paid. Retry these once fixed."),
        h("ul", lines),
        h("p", unchecked) if unchecked else None,
        class_="callout warn",
    )


def _change(preview: Preview, symbol: str | None, last: Distribution | None) -> Html | None:
    """Return the comparison with the asset's last payout."""
    if last is None or last.total_amount is None or last.payable_count is None:
        return None
    difference = subtract(preview.total_amount, last.total_amount)
    holders = preview.payable_count - last.payable_count
    sign = _sign(difference)
    more = f" ({sign}{percent(abs(difference), last.total_amount)})" if difference and last.total_amount else ""
    whom = f"{_sign(holders)}{plural(abs(holders), 'holder')}" if holders else "the same number of holders"
    return h(
        "p",
        "Compared with the last payout (",
        when(last.executed_at, "date"),
        "): ",
        h("strong", sign, amount(abs(difference), symbol)) if difference else "the same amount",
        f"{more}, {whom}.",
        class_="soft",
    )


def _sign(number: int | Decimal) -> str:
    return "+" if number >= 0 else _MINUS
