"""`weldserve rollout ...`, and the same as `kubectl weld ...`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weld_api.action import Verb
from weld_cli.failures import failures_in_a_sentence

if TYPE_CHECKING:
    from weld_cli.rollout_picture import Course

app = typer.Typer(
    help="Preview rollouts, watch them, and tell them what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The WeldModel's.")]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Left out: the context's, or default.")
]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Left out: KUBECONFIG, or ~/.kube/config.")
]
Context = Annotated[str, typer.Option("--context", metavar="NAME", help="Left out: the kubeconfig's current one.")]

ACTS: dict[Verb, str] = {
    "promote": "Approve of the candidate: it no longer waits for approval. Its gates must still pass; none is skipped.",
    "pause": "Let its clocks stand; its share of the requests stays as it is, and a gate that fails still rolls back.",
    "resume": "Let a paused trial go on where it was.",
    "abort": "Roll the candidate back now; it is not tried again until the spec asks for another bundle.",
    "retry": "Forget that the bundle which the spec asks for was rolled back, and begin its trial anew.",
}


def kubectl_weld() -> None:
    """Entry point of the kubectl plugin: `kubectl weld status NAME` and so on."""
    app(prog_name="kubectl weld")


@app.command()
def plan(
    file: Annotated[Path, typer.Option("--filename", "-f", metavar="FILE", help="YAML or JSON; - for standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in seconds.")] = False,
) -> None:
    """Say in words and times what the rollout of each WeldModel in a file will do; needs no cluster."""
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.rollout_file import read_models
        from weld_cli.rollout_plan import plan_as_json, plan_in_words

        models = read_models(file)
        if as_json:
            typer.echo(json.dumps([plan_as_json(model) for model in models], indent=2, ensure_ascii=False))
            return
        typer.echo("\n\n".join("\n".join(plan_in_words(model)) for model in models))


@app.command()
def status(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Renew it until the trial is over.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="With --watch: give up after so long; 0 for never.")
    ] = 0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
) -> None:
    """Show the trial: phase, weights, gates with their evidence, time left.

    Exit code 1 if the bundle that the spec asks for was rolled back or does not start, otherwise 0.
    """
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.rollout_cluster import Access
        from weld_cli.rollout_watch import show_status, watch_status

        access = Access(namespace, kubeconfig, context)
        course: Course = asyncio.run(watch_status(name, access, timeout) if watch else show_status(name, access))
        if course in ("RolledBack", "Failed"):
            raise typer.Exit(1)


@app.command()
def explain(name: Name, namespace: Namespace = "", kubeconfig: Kubeconfig = None, context: Context = "") -> None:
    """Say in plain words why it has not moved, what would let it, by when, and who must act."""
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.rollout_cluster import Access
        from weld_cli.rollout_reading import print_explanation

        asyncio.run(print_explanation(name, Access(namespace, kubeconfig, context)))


@app.command()
def history(name: Name, namespace: Namespace = "", kubeconfig: Kubeconfig = None, context: Context = "") -> None:
    """List the trials that are over: outcome, times, who and why; and what Events still tell."""
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.rollout_cluster import Access
        from weld_cli.rollout_reading import print_history

        asyncio.run(print_history(name, Access(namespace, kubeconfig, context)))


def _add(verb: Verb, about: str) -> None:
    @app.command(verb, help=about)
    def tell(
        name: Name,
        why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept with your name in status and Events.")],
        timeout: Annotated[
            float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the operator to take it up.")
        ] = 30,
        namespace: Namespace = "",
        kubeconfig: Kubeconfig = None,
        context: Context = "",
    ) -> None:
        with failures_in_a_sentence(extra="operator"):
            from weld_cli.rollout_acting import act
            from weld_cli.rollout_cluster import Access

            typer.echo(asyncio.run(act(verb, name, why, Access(namespace, kubeconfig, context), timeout)))


for _verb, _about in ACTS.items():
    _add(_verb, _about)
