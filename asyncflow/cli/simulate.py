"""`simulate`: one run played by the dispatcher's rules and told, or many of them counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asyncflow.app.configuration import load_configuration
from asyncflow.cli.board import Board
from asyncflow.cli.console import data_console, print_json, talk_console
from asyncflow.cli.environment import settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.node_args import read_json, read_node_args
from asyncflow.cli.options import Dice, Output, Where
from asyncflow.cli.summary import exit_of_run, summarize
from asyncflow.cli.tally import ENDLESS, Tally, WayCount, ways_as_json
from asyncflow.cli.tree import drawn, mark, rows_of
from asyncflow.cli.words import one_line
from asyncflow.errors import EndlessRunError
from asyncflow.model.flow import Configuration
from asyncflow.model.history import run_json
from asyncflow.model.names import Json
from asyncflow.model.phrases import counted
from asyncflow.testing import SimulatedRun, Simulation


def simulate(flow: str, node_args: str | None, dice: Dice, where: Where, output: Output) -> int:
    """The body of `asyncflow simulate`."""
    given = read_node_args(node_args)
    answers = {name: read_json(text, f"--result {name}") for name, text in dice.result.items()}
    configuration = load_configuration(settings_of(where)).configuration
    stage = Stage(configuration=configuration, flow=flow, node_args=given, answers=answers, dice=dice)
    with logs_on(talk_console(), output):
        if dice.runs is None:
            return _tell_run(stage, output)
        return _tell_runs(stage, dice.runs, output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is played, again and again."""

    configuration: Configuration
    flow: str
    node_args: Json
    answers: Mapping[str, Json]
    dice: Dice

    def set(self) -> tuple[Simulation, SimulatedRun]:
        """A run that has begun. Raises UnknownFlowError, InvalidNodeArgsError."""
        simulation = Simulation(self.configuration, opaque=self.dice.opaque)
        return simulation, simulation.start(self.flow, self.node_args)

    def play(self, simulation: Simulation, seed: int) -> None:
        """Raises EndlessRunError, and RequestError for names that no flow has."""
        simulation.play_random(seed, fail=self.dice.fail, answers=self.answers, most=self.dice.most)


# --- One run ----------------------------------------------------------------------------------------------------------


def _tell_run(stage: Stage, output: Output) -> int:
    simulation, run = stage.set()
    stage.play(simulation, stage.dice.seed)
    tally = Tally(stage.configuration.flows, run.flow)
    tally.take(run, stage.dice.seed, run.status.value)
    report = _report(run, stage.answers)
    if output.json:
        edges = {"edges": ways_as_json(tally.edges), "fallbacks": ways_as_json(tally.fallbacks)}
        print_json({**report, "seed": stage.dice.seed, **edges})
    elif not output.quiet:
        _print_run(report, tally, data_console(), verbose=output.verbose > 0)
    return exit_of_run(report)


def _report(run: SimulatedRun, answers: Mapping[str, Json]) -> dict[str, Json]:
    """As `status --json` tells a run; what tasks were said to return stands for their results."""
    view = run.view
    told = run_json(view, {node.id: answers.get(node.name) for node in view.nodes.values()})
    inside = {str(child.id): child for child in run.children}
    for node in told["nodes"]:
        if node["state"] != "succeeded":
            node["result"] = None
        if node["id"] in inside:
            node["nodes"] = _report(inside[node["id"]], answers)["nodes"]
    return told


def _print_run(report: Mapping[str, Json], tally: Tally, console: Console, *, verbose: bool) -> None:
    board = Board(report)
    for line in drawn(rows_of(board, board.ended_at or board.started_at), console.width):
        console.print(line, soft_wrap=True)
    for way in (*tally.edges, *tally.fallbacks):
        for line in _ways(way, one_flow=len({each.flow for each in tally.nodes}) <= 1, verbose=verbose):
            console.print(line, soft_wrap=True)
    summarize(report, console)


def _ways(way: WayCount, *, one_flow: bool, verbose: bool) -> Iterator[Text]:
    """What did not fire for its condition; with -v what fired too."""
    name = one_line(str(way) if one_flow else f"{way.flow}: {way}")
    if way.fired and verbose:
        yield Text.assemble((f"fired {_times(way.fired)}", "dim"), f"  {name}")
    if way.refused:
        yield Text.assemble((f"did not fire {_times(way.refused)}", "dim"), f"  {name}")


def _times(number: int) -> str:
    return "once" if number == 1 else counted(number, "time")


# --- Many runs --------------------------------------------------------------------------------------------------------


def _tell_runs(stage: Stage, runs: int, output: Output) -> int:
    tally = _played(stage, runs)
    if output.json:
        print_json(
            {
                "flow": stage.flow,
                "runs": tally.runs,
                "seed": stage.dice.seed,
                "outcomes": dict(tally.outcomes),
                "first_seeds": tally.first_seeds,
                "nodes": [node.as_json() for node in tally.nodes],
                "edges": ways_as_json(tally.edges),
                "fallbacks": ways_as_json(tally.fallbacks),
            }
        )
    elif not output.quiet:
        _print_runs(stage, tally, data_console())
    return Exit.OK


def _played(stage: Stage, runs: int) -> Tally:
    first = stage.dice.seed
    _, run = stage.set()
    tally = Tally(stage.configuration.flows, run.flow)
    for seed in range(first, first + runs):
        simulation, run = stage.set()
        try:
            stage.play(simulation, seed)
        except EndlessRunError:
            tally.take(run, seed, ENDLESS)
        else:
            tally.take(run, seed, run.status.value)
    return tally


def _print_runs(stage: Stage, tally: Tally, console: Console) -> None:
    last = stage.dice.seed + tally.runs - 1
    console.print(
        Text.assemble(
            (one_line(stage.flow), "bold"), f"  {counted(tally.runs, 'run')}, seeds {stage.dice.seed} to {last}"
        )
    )
    for outcome, number in tally.outcomes.most_common():
        sign = Text("∞", "yellow") if outcome == ENDLESS else mark(outcome)
        said = f" {outcome:<9}  {number:>7,}  {_share(number, tally.runs):>7}"
        console.print(Text.assemble("  ", sign, said, (f"  such as --seed {tally.first_seeds[outcome]}", "dim")))
    several = len({node.flow for node in tally.nodes}) > 1
    nodes = _table("node", "in runs", "starts", "retries", "failures")
    for node in tally.nodes:
        name = f"{node.flow}/{node.name}" if several else node.name
        numbers = (node.ends["started"], node.ends["retried"], node.ends["failed"])
        nodes.add_row(one_line(name), _share(node.runs, tally.runs), *(f"{number:,}" for number in numbers))
    edges = _table("edge", "in runs", "fired", "not fired")
    for way in (*tally.edges, *tally.fallbacks):
        name = f"{way.flow}: {way}" if several else str(way)
        share = _share(way.runs, tally.runs)
        edges.add_row(one_line(name), share, f"{way.fired:,}", f"{way.refused:,}")
    for table in (nodes, edges):
        console.print()
        console.print(table)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, justify="left" if title == titles[0] else "right")
    return table


def _share(number: int, of: int) -> str:
    return f"{100 * number / of:.1f} %"
