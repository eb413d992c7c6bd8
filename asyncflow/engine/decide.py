"""decide(flow, run, event, context): the one door of the engine.

Rules: it reads no clock, draws no id, does nothing. What it cannot know, it asks for: then it returns `Needs`,
and is called again with the answers. The same arguments always give the same decision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from asyncflow.engine.edges import fire_edges_of, fire_starting_edges
from asyncflow.engine.evolve import evolve
from asyncflow.engine.failures import error_of_run, errors_of_run, start_fallbacks
from asyncflow.engine.nodes import publish_attempt, queue_of
from asyncflow.engine.pausing import pause, resume, resume_before_end, resume_superseded
from asyncflow.engine.propagation import report_of
from asyncflow.engine.retries import is_retried, retry_after, wait_before_retry
from asyncflow.engine.step import UNANSWERED, FunctionRaisedError, Step
from asyncflow.engine.succession import is_behind, migrate
from asyncflow.engine.waits import hand_over, no_duration, receive, wait_timeout
from asyncflow.model import events as e
from asyncflow.model import facts as f
from asyncflow.model.commands import CancelChildRun, EndRun, ForgetAttempts, SetTimer
from asyncflow.model.decision import Context, Decision, Needs, ResultOf
from asyncflow.model.flow import Flow, Task
from asyncflow.model.names import NodeName, TaskId
from asyncflow.model.run import Active, NodeKind, Run, TaskError


def decide(flow: Flow, run: Run | None, event: e.Event, context: Context) -> Decision | Needs:
    """What follows from an event. A repeated, late or contradictory one decides nothing: no facts, no commands.

    Raises SignalRefusedError for a signal that the run cannot take.
    """
    if run is None:
        assert isinstance(event, e.RunRequested), f"{type(event).__name__} for a run that was never requested"
        return _begin(flow, event, context)
    if run.version != flow.version and not run.status.is_terminal:
        return _go_on_by(flow, run, event, context)
    return _follow(flow, run, event, context)


def _follow(flow: Flow, run: Run, event: e.Event, context: Context) -> Decision | Needs:
    step = Step(flow, run, event.at, context)
    try:
        _apply(step, event)
        return step.outcome()
    except FunctionRaisedError as exc:
        return _fail_at_once(Step(flow, run, event.at, context), event, str(exc))


def _go_on_by(flow: Flow, run: Run, event: e.Event, context: Context) -> Decision | Needs:
    """The flow has been defined anew since the run moved last: first of all the run takes that over."""
    step = Step(flow, run, event.at, context)
    migrate(step)
    taken_over = step.outcome()
    if isinstance(taken_over, Needs):
        return taken_over
    decision = _follow(flow, step.run, event, context)
    if isinstance(decision, Needs) or not decision.facts:
        return decision if isinstance(decision, Needs) else Decision(run=run)
    return replace(decision, facts=(*taken_over.facts, *decision.facts))


def _begin(flow: Flow, event: e.RunRequested, context: Context) -> Decision | Needs:
    started = f.RunStarted(
        run_id=event.run_id,
        flow=event.flow,
        version=flow.version,
        root_id=event.root_id,
        node_args=event.node_args,
        parent=event.parent,
        parent_node=event.parent_node,
        selection=event.selection,
        reports=event.reports,
        labels=event.labels,
        kept=event.kept,
        priority=event.priority,
    )
    step = Step(flow, evolve(None, started, event.at), event.at, context)
    try:
        if is_behind(flow, step.run):  # only its selection can be
            migrate(step)
        if flow.timeout is not None:
            due = event.at + flow.timeout
            step.commands.append(SetTimer(run_id=event.run_id, kind=e.TimerKind.RUN_TIMEOUT, due=due))
        if event.due is not None and event.due > event.at:
            _wait_to_start(step, f.RunDelayed(due=event.due))
        else:
            fire_starting_edges(step)
            _settle(step)
    except FunctionRaisedError as exc:
        step = Step(flow, evolve(None, started, event.at), event.at, context)
        _end(step, f.RunFailed(error=_dispatcher_failure(str(exc))))
    outcome = step.outcome()
    if isinstance(outcome, Needs):
        return outcome
    return Decision(run=outcome.run, facts=(started, *outcome.facts), commands=outcome.commands)


def _apply(step: Step, event: e.Event) -> None:
    match event:
        case e.RunRequested():
            pass  # a start that was delivered twice
        case e.AttemptSucceeded():
            _succeed(step, event.id, f.NodeSucceeded(id=event.id, where=event.where))
        case e.AttemptFailed():
            _fail_attempt(step, event)
        case e.ChildRunEnded():
            if event.error is None:
                _succeed(step, event.id, f.NodeSucceeded(id=event.id, report=event.report))
            else:
                _fail(step, f.NodeFailed(id=event.id, error=event.error, report=event.report))
        case e.TimerDue():
            _time_out(step, event)
        case e.SignalReceived():
            receive(step, event)
        case e.SignalSought():
            hand_over(step, event)
        case e.CancelRequested():
            _cancel(step, event.reason)
        case e.PauseRequested():
            pause(step)
        case e.ResumeRequested():
            _resume(step)
        case _:
            assert_never(event)


def _resume(step: Step) -> None:
    waited = step.run.waited
    resume(step)
    if step.run.waited < waited:  # it held nodes that the flow has no longer
        _settle(step)


def _succeed(step: Step, id: TaskId, fact: f.NodeSucceeded) -> None:
    node = step.run.active.get(id)
    if node is None:
        return
    is_first_of_run = not step.run.finished
    is_first = node.name not in step.run.finished
    step.record(fact)
    if not node.waited or step.run.status.is_terminal:
        return
    if step.flow.node_args_from_first and is_first_of_run and not step.run.waited and node.edge is not None:
        _replace_node_args(step, node.name, id)
    fire_edges_of(step, node.name, id, is_first=is_first)
    _settle(step)


def _replace_node_args(step: Step, name: NodeName, id: TaskId) -> None:
    """R18: when the starting task finishes alone, never from its fallback."""
    result = step.ask(ResultOf(step.flow.name, name, id))
    if result is not UNANSWERED:
        step.record(f.NodeArgsReplaced(node_args=result))


def _finish_reused(step: Step) -> None:
    """Nodes that are reused finish in the same step, and so do those that they lead to (R4)."""
    while step.reused and not step.is_open:
        fact = step.next_reused()
        is_alone = not (step.run.finished or step.run.waited or step.reused)
        is_first = fact.name not in step.run.finished
        step.record(fact)
        if not fact.waited:
            continue
        if step.run.kept and step.flow.node_args_from_first and is_alone:
            _replace_node_args(step, fact.name, fact.id)
        fire_edges_of(step, fact.name, fact.id, is_first=is_first)


def _fail_attempt(step: Step, event: e.AttemptFailed) -> None:
    id, error = event.id, event.error
    node = step.run.active.get(id)
    if node is None:
        return
    task = step.flow.nodes.get(node.name)
    wait = retry_after(task, node, error, event.blame, id) if isinstance(task, Task) else None
    # A flow that was defined anew may have lost the task, or made a sub-flow of it: what is gone is not begun again.
    if not isinstance(task, Task) or wait is None or (node.waited and step.run.status.is_terminal):
        _fail(step, f.NodeFailed(id=id, error=error, where=event.where))
        return
    next_id = step.context.new_id(step.run.id, node.name, node.number, node.attempt + 1)
    due = step.at + wait
    step.record(
        f.AttemptRetried(
            id=id,
            next_id=next_id,
            error=error,
            due=due,
            counts=event.blame is e.Blame.TASK,
            where=event.where,
            queue=queue_of(step, task),
        )
    )
    publish_attempt(step, next_id, task, due=due if wait else None)


def _fail(step: Step, fact: f.NodeFailed) -> None:
    node = step.run.active.get(fact.id)
    if node is None:
        return
    step.record(fact)
    if not node.waited or step.run.status.is_terminal:
        return
    if node.name in step.flow.eager_failures:
        _fail_run(step, error_of_run(step))
    else:
        _settle(step)


def _settle(step: Step) -> None:
    """When nothing is active any more: fallbacks, then the end."""
    _finish_reused(step)
    if _waits(step):
        return
    if step.run.failed:
        start_fallbacks(step)
        if _waits(step):
            return
    if step.run.failed or step.run.must_fail:
        _fail_run(step, error_of_run(step))
    else:
        _end(step, f.RunSucceeded())


def _waits(step: Step) -> bool:
    return step.is_open or step.run.waited > 0


def _fail_run(step: Step, error: TaskError) -> None:
    """A whole-flow retry if there is one left (R30) and every failure is one to retry on, else the end."""
    run, retries = step.run, step.flow.retries
    if run.attempt > retries.most or not all(is_retried(retries, each) for each in errors_of_run(step)):
        _end(step, f.RunFailed(error=error))
        return
    due = step.at + wait_before_retry(retries, run.attempt, run.id)
    _forget_active(step)
    resume_superseded(step)
    _wait_to_start(step, f.RunRetried(attempt=run.attempt + 1, due=due, error=error))


def _wait_to_start(step: Step, fact: f.RunDelayed | f.RunRetried) -> None:
    step.record(fact)
    run = step.run
    step.commands.append(SetTimer(run_id=run.id, kind=e.TimerKind.RESTART, due=fact.due, attempt=run.attempt))


def _forget_active(step: Step) -> None:
    tasks = tuple(id for id, node in _in_order(step.run) if node.kind is NodeKind.TASK and node.waited)
    if tasks:
        step.commands.append(ForgetAttempts(run_id=step.run.id, ids=tasks, verdict="superseded"))


def _end(step: Step, fact: f.RunSucceeded | f.RunFailed | f.RunCancelled) -> None:
    resume_before_end(step)
    step.record(fact)
    run = step.run
    report = report_of(step.flow, run) if run.reports else None
    step.commands.append(EndRun(run_id=run.id, status=run.status, error=run.error, report=report))


def _time_out(step: Step, event: e.TimerDue) -> None:
    run = step.run
    match event.kind:
        case e.TimerKind.RESTART:
            if run.restarting and run.attempt == event.attempt and not run.status.is_terminal:
                step.record(f.RunRestarted())
                fire_starting_edges(step)
                _settle(step)
        case e.TimerKind.NODE_TIMEOUT:
            if event.id is not None and event.id in run.active:
                _time_out_attempt(step, event, event.id)
        case e.TimerKind.NODE_DONE:
            if event.id is not None:
                _succeed(step, event.id, f.NodeSucceeded(id=event.id))
        case e.TimerKind.RUN_TIMEOUT:
            if not run.status.is_terminal:
                error = _timeout_error("FlowTimeout", "over", step.flow.timeout)
                _stop_active(step, "timed out")
                _end(step, f.RunFailed(error=error))
        case _:
            assert_never(event.kind)


def _time_out_attempt(step: Step, event: e.TimerDue, id: TaskId) -> None:
    node = step.run.active[id]
    if node.kind is NodeKind.WAIT:
        if not node.released:
            _fail(step, f.NodeFailed(id=id, error=wait_timeout(step.flow, node)))
        return
    if node.kind is NodeKind.DELAY:
        error = no_duration(step, node)
        if error is not UNANSWERED:
            _fail(step, f.NodeFailed(id=id, error=error))
        return
    task = step.flow.nodes.get(node.name)
    seconds = task.timeout if isinstance(task, Task) else None
    step.commands.append(ForgetAttempts(run_id=step.run.id, ids=(id,), verdict="timed out", terminate=True))
    error = _timeout_error("NodeTimeout", "completed", seconds)
    _fail_attempt(step, e.AttemptFailed(at=event.at, run_id=event.run_id, id=id, error=error, where=event.where))


def _timeout_error(type: str, what: str, seconds: float | None) -> TaskError:
    within = "in time" if seconds is None else f"within {seconds:g} s"  # the limit may be gone since it was set
    return TaskError(type=type, message=f"not {what} {within}", module="asyncflow")


def _cancel(step: Step, reason: str) -> None:
    if step.run.status.is_terminal:
        return
    _stop_active(step, "cancelled")
    _end(step, f.RunCancelled(reason=reason))


def _stop_active(step: Step, verdict: str) -> None:
    """Revoke what runs, cancel child runs; their late results find nothing to change."""
    active = _in_order(step.run)
    tasks = tuple(id for id, node in active if node.kind is NodeKind.TASK)
    if tasks:
        step.commands.append(ForgetAttempts(run_id=step.run.id, ids=tasks, verdict=verdict))
    for id, node in active:
        # What a signal has released has succeeded already, but for its last step.
        step.record(f.NodeSucceeded(id=id) if node.released else f.NodeCancelled(id=id))
        if node.kind is NodeKind.FLOW:
            step.commands.append(CancelChildRun(run_id=step.run.id, id=id))


def _in_order(run: Run) -> list[tuple[TaskId, Active]]:
    """The active nodes as they were started; the map has them in any order, and decisions must not."""
    return sorted(run.active.items(), key=lambda item: item[1].number)


def _fail_at_once(step: Step, event: e.Event, message: str) -> Decision:
    """A user's function raised: the node's own end stands, and the run fails, whatever its retries (R31)."""
    where = event.where if isinstance(event, e.AttemptSucceeded | e.AttemptFailed) else None
    match event:
        case e.AttemptSucceeded() | e.ChildRunEnded(error=None) if event.id in step.run.active:
            step.record(f.NodeSucceeded(id=event.id, where=where))
        case e.AttemptFailed() | e.ChildRunEnded() if event.id in step.run.active and event.error is not None:
            step.record(f.NodeFailed(id=event.id, error=event.error, where=where))
    if not step.run.status.is_terminal:
        _end(step, f.RunFailed(error=_dispatcher_failure(message)))
    outcome = step.outcome()
    assert isinstance(outcome, Decision)
    return outcome


def _dispatcher_failure(message: str) -> TaskError:
    return TaskError(type="DispatcherFailure", message=message, module="asyncflow")
