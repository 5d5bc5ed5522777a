"""``masspayout serve`` and ``masspayout up``: API and dashboard, alone or with a worker in one process."""

from typing import TYPE_CHECKING, Annotated

import typer

from masspayout.cli.session import with_context
from masspayout.context import Context
from masspayout.kernel.deferred import deferred

if TYPE_CHECKING:
    from masspayout.cli import serving
else:
    # The web frameworks take as long to load as everything else together, so only who serves loads them.
    serving = deferred("masspayout.cli.serving")

app = typer.Typer()

HostOption = Annotated[
    str | None, typer.Option(help="The address to listen on; unless given, HTTP_HOST: this machine alone.")
]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The port to listen on; unless given, HTTP_PORT.")
]


@app.command()
def serve(host: HostOption = None, port: PortOption = None) -> None:
    """Serve API and dashboard, until told to stop."""

    async def work(context: Context) -> None:
        await serving.serve_alone(context, host, port)

    with_context(work)


@app.command()
def up(host: HostOption = None, port: PortOption = None) -> None:
    """Run everything in one process, until told to stop: API, dashboard and worker."""

    async def work(context: Context) -> None:
        await serving.serve_everything(context, host, port)

    with_context(work)
