"""Entry point of the `weldserve` command."""

from __future__ import annotations

import typer

from weld_cli import (
    bundle_commands,
    bundle_target,
    crd_command,
    endpoint_commands,
    plan_command,
    reference_commands,
    region_commands,
    region_credentials,
    rollout_commands,
    try_commands,
)

app = typer.Typer(
    name="weldserve",
    help="Serve weld-inspection models on KServe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(bundle_commands.app, name="bundle")
app.add_typer(rollout_commands.app, name="rollout")
app.add_typer(region_commands.app, name="region")
region_commands.app.command("credentials")(region_credentials.credentials)
app.add_typer(endpoint_commands.app, name="endpoints")
app.add_typer(try_commands.app, name="try")
bundle_commands.app.command("target")(bundle_target.target)
bundle_commands.app.command("train-reference")(reference_commands.train_reference)
bundle_commands.app.command("report")(reference_commands.report)
app.command("evaluate")(reference_commands.evaluate)
app.command("plan")(plan_command.plan)
app.command("crd")(crd_command.crd)
