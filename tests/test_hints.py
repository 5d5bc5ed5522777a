"""Hints: what they call a command where there are none."""

from itertools import chain

import pytest

from commands import commands, options_of
from masspayout.api.next_steps import over_http
from masspayout.dashboard.next_steps import in_browser
from masspayout.kernel.hints import Wording


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("List them with: masspayout distribution list", "List them with: the pages under Payouts"),
        (
            "See who is: masspayout distribution holders 01a2-b --failed",
            "See who is: “Holders” on the payout's page",
        ),
        (
            "Name one with: masspayout asset import 0.0.1 --payment-token ID",
            "Name one with: “Import an asset” on the page Assets",
        ),
        (
            "Pay that one: masspayout pay goes on with it. To pay it again, give another --concept.",
            "Pay that one: “Execute” on its page goes on with it. To pay it again, give another “What it is for”.",
        ),
        (
            "Ask an admin for a new one: masspayout user link NAME",
            "Ask an admin for a new one: “Sign-in link” on the page Users",
        ),
        ("Start one with: masspayout worker", "Start one with: masspayout worker"),
        ("Wait a moment and try again.", "Wait a moment and try again."),
    ],
)
def test_a_page_says_where_on_it_a_hint_is_followed(hint: str, said: str) -> None:
    assert in_browser(hint) == said


@pytest.mark.parametrize("wording", [over_http, in_browser])
def test_only_commands_and_options_that_there_are_have_a_wording(wording: Wording) -> None:
    assert set(wording.commands) <= set(commands())
    assert set(wording.options) <= set(chain.from_iterable(map(options_of, commands().values())))
