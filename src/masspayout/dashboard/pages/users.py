"""Users, for admins: who may come in, as what; links that sign somebody in once; passwords; keeping somebody out."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.forms import ask, form_card
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.components.secrets import show_secret
from masspayout.dashboard.formats import when, words
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import User
from masspayout.kernel.roles import Permission, Role
from masspayout.service import access

ROLES = {
    Role.VIEWER: "Viewer: views everything but the audit trail",
    Role.OPERATOR: "Operator: also imports, plans and pays",
    Role.APPROVER: "Approver: also approves, and reads the audit trail",
    Role.ADMIN: "Admin: also manages users, tokens and webhooks",
}
_MANAGE = Permission.MANAGE_ACCESS


_WAITS = " It takes effect once another person approves it on the page Policy."


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/users", "Users", section="users", permission=_MANAGE)
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The users while an admin looks at them."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        page_head("Users", "Users are deactivated, never deleted, because the audit trail names them.")
        self._list = ui.element("div").classes("stack")
        with form_card("Add a user", "Add", self._page_context.handler(_MANAGE, self._add)):
            self._name = ui.input("Name").props("outlined dense autocomplete=off")
            self._role = ui.select(ROLES, value=Role.OPERATOR, label="Role").props("outlined dense")
            self._password = ui.input("Password (optional)", password=True).props(
                'outlined dense autocomplete=new-password bottom-slots hint="Without one, a link signs them in."'
            )
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            users = await work.users.find_in_order()
        self._list.clear()
        with self._list:
            for user in users:
                self._one(user)

    def _one(self, user: User) -> None:
        is_self = user.id == self._page_context.identity.id
        with card():
            with ui.element("div").classes("between"):
                state = _state(user)
                html(join(h("h2", user.name, " ", state), h("p", "This is you.", class_="note") if is_self else None))
                with ui.element("div").classes("row"):
                    self._button("Sign-in link", partial(self._link, user))
                    self._button("Password …", partial(self._set_password, user))
                    if not is_self:
                        self._button("Role …", partial(self._set_role, user))
                        label = "Reactivate" if user.disabled else "Deactivate …"
                        self._button(label, partial(self._set_disabled, user), danger=not user.disabled)
            html(
                facts(
                    ("Signs in with", _ways(user)),
                    ("Since", when(user.created_at, "date")),
                )
            )

    def _button(self, label: str, action: Callable[[], Awaitable[None]], *, danger: bool = False) -> None:
        button(label, self._page_context.handler(_MANAGE, action), small=True, danger=danger)

    async def _add(self) -> None:
        async with self._page_context.unit_of_work() as work:
            user = await access.add_user(
                work, self._name.value or "", role=self._role.value, password=self._password.value or None
            )
        self._name.value = self._password.value = ""
        added = "Proposed" if user.disabled else "Added"
        messages.notify(f"{added} {user.name} ({user.role}).{_WAITS if user.disabled else ''}")
        await self._refresh()

    async def _link(self, user: User) -> None:
        async with self._page_context.unit_of_work() as work:
            secret, proposal = await access.make_login_link(work, user)
        settings = self._page_context.context.settings
        base = settings.public_url or str(self._page_context.request.base_url).rstrip("/")
        show_secret(
            f"Sign-in link for {user.name}",
            f"{base}/sign-in/{secret}",
            f"It works once, within 15 minutes. Send it to this user only.{_WAITS if proposal else ''}",
        )

    async def _set_password(self, user: User) -> None:
        password = await ask(
            f"New password for {user.name}",
            "All their sessions end.",
            lambda: ui.input("New password", password=True).props("outlined dense autocomplete=new-password autofocus"),
            yes="Set password",
        )
        if password is None:
            return
        async with self._page_context.unit_of_work() as work:
            proposal = await access.set_password(work, await work.users.get(user.id), password)
        messages.notify(f"Proposed.{_WAITS}" if proposal else f"{user.name} has a new password.")

    async def _set_role(self, user: User) -> None:
        role = await ask(
            f"Role of {user.name}",
            "It applies from their next request on.",
            lambda: ui.select(ROLES, value=user.role, label="Role").props("outlined dense"),
            yes="Set role",
        )
        if role is None:
            return
        async with self._page_context.unit_of_work() as work:
            proposal = await access.set_role(work, await work.users.get(user.id), Role(role))
        messages.notify(f"Proposed.{_WAITS}" if proposal else f"{user.name} is {role} now.")
        await self._refresh()

    async def _set_disabled(self, user: User) -> None:
        if not user.disabled:
            text = f"All sessions and tokens of {user.name} end at once. They can be reactivated later."
            if not await confirm(f"Deactivate {user.name}?", h("p", text), yes=f"Deactivate {user.name}", danger=True):
                return
        async with self._page_context.unit_of_work() as work:
            proposal = await access.set_disabled(work, await work.users.get(user.id), disabled=not user.disabled)
        done = f"{user.name} is {'active again' if user.disabled else 'deactivated'}."
        messages.notify(f"Proposed.{_WAITS}" if proposal else done)
        await self._refresh()


def _state(user: User) -> Html:
    if user.disabled:
        return chip("Deactivated", "bad")
    return chip("No role", "bad") if user.role_withdrawn_at else chip(words(user.role), "plain")


def _ways(user: User) -> str:
    ways = ["password"] if user.password_hash else []
    if user.oidc_issuer:
        ways.append(user.oidc_issuer)
    return ", ".join(ways) or "sign-in links only"
