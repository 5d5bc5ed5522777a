"""Arguments and options that several commands take."""

from typing import Annotated

import typer

AssetArgument = Annotated[str, typer.Argument(metavar="ASSET", help="A token id or the asset's UUID.")]
DistributionArgument = Annotated[str, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id.")]
PageOption = Annotated[int, typer.Option(min=1, help="Which page of the list.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="Rows on a page.")]
