"""Walk along both clocks, one run at a time."""

from dataclasses import dataclass

from reference import oracle

Pair = tuple[int, int]


def _check(planner: int, policy: int, event: int) -> None:
    if planner < 1 or policy < 1 or event < 0:
        raise ValueError("no such runs")


def _first_run(length: int, since: int) -> int:
    """The end of the first run that starts at `since` or later."""
    start = since - since % length
    while start < since:
        start += length
    return start + length


@oracle
def dual_rate(planner: int, policy: int, event: int) -> Pair:
    _check(planner, policy, event)
    return _first_run(policy, event) - event, _first_run(policy, _first_run(planner, event)) - event


@dual_rate.right("by counting whole runs")
def by_counting(planner: int, policy: int, event: int) -> Pair:
    _check(planner, policy, event)
    runs = (event + planner - 1) // planner + 1
    acts = ((event + policy - 1) // policy + 1) * policy
    return acts - event, ((runs * planner + policy - 1) // policy + 1) * policy - event


@dual_rate.right("by the wait until the next start")
def by_waiting(planner: int, policy: int, event: int) -> Pair:
    _check(planner, policy, event)
    planned = event + (-event) % planner + planner
    return (-event) % policy + policy, planned + (-planned) % policy + policy - event


@dataclass(frozen=True)
class _How:
    """What a wrong answer does differently."""

    wait_for_planner: bool = True
    wait_for_policy: bool = True
    run_policy: bool = True
    run_planner: bool = True
    in_flight: bool = False
    misses_start: bool = False
    wait_for_event: bool = True


def _end(length: int, since: int, how: _How, wait: bool, run: bool) -> int:
    if how.in_flight:
        start = since // length * length
    elif how.misses_start:
        start = (since // length + 1) * length
    else:
        start = -(-since // length) * length if wait else since
    return start + (length if run else 0)


def _dual(planner: int, policy: int, event: int, how: _How) -> Pair:
    _check(planner, policy, event)
    acts = _end(policy, event, how, how.wait_for_event, True)
    planned = _end(planner, event, how, how.wait_for_planner, how.run_planner)
    through = _end(policy, planned, how, how.wait_for_policy, how.run_policy)
    return acts - event, through - event


@dual_rate.wrong(
    "the wait for the next start was left out: a run in progress began before the event and does not see it"
)
def no_waiting(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(wait_for_planner=False, wait_for_policy=False, wait_for_event=False))


@dual_rate.wrong(
    "the planner starts at the event: its current run began earlier, so the event waits for the planner's next start"
)
def planner_starts_at_once(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(wait_for_planner=False))


@dual_rate.wrong(
    "the policy starts as soon as the plan is done: its current run uses the old plan, so wait for its next start"
)
def policy_starts_at_once(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(wait_for_policy=False))


@dual_rate.wrong("the finished plan was counted as an action: the policy must still run with the new plan")
def plan_is_action(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(wait_for_policy=False, run_policy=False))


@dual_rate.wrong("the planner's own run was left out: add its `planner` µs")
def planner_takes_no_time(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(run_planner=False))


@dual_rate.wrong("the current run sees the event: a run sees only what happened before it started")
def run_in_progress_sees(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(in_flight=True))


@dual_rate.wrong("a run that starts exactly at the event misses the event: such a run must see it")
def misses_the_moment(planner: int, policy: int, event: int) -> Pair:
    return _dual(planner, policy, event, _How(misses_start=True))


@dual_rate.wrong("the times of the actions were returned: return how long after the event they come")
def absolute(planner: int, policy: int, event: int) -> Pair:
    a, b = dual_rate.fn(planner, policy, event)
    return a + event, b + event


@dual_rate.wrong(
    "planner and policy both start at the event, and the later result counts: the policy needs the plan first"
)
def side_by_side(planner: int, policy: int, event: int) -> Pair:
    _check(planner, policy, event)
    a, b = _first_run(policy, event) - event, _first_run(planner, event) - event
    return a, max(a, b)


@dual_rate.wrong("the two results are swapped: the policy alone comes first")
def swapped(planner: int, policy: int, event: int) -> Pair:
    a, b = dual_rate.fn(planner, policy, event)
    return b, a


@dual_rate.wrong("the times are floats: return whole microseconds as int")
def floats(planner: int, policy: int, event: int) -> tuple[float, float]:
    a, b = dual_rate.fn(planner, policy, event)
    return float(a), float(b)


@dual_rate.wrong("impossible times were accepted: raise ValueError")
def unchecked(planner: int, policy: int, event: int) -> Pair:
    planned = -(-event // max(planner, 1)) * planner + planner
    acts = -(-event // max(policy, 1)) * policy + policy
    return acts - event, -(-planned // max(policy, 1)) * policy + policy - event


@dual_rate.wrong(
    "a plan that is done exactly when a policy run starts waits for the next run: that run already uses it"
)
def plan_misses_the_moment(planner: int, policy: int, event: int) -> Pair:
    acts, _ = dual_rate.fn(planner, policy, event)
    return acts, (_first_run(planner, event) // policy + 2) * policy - event


@dual_rate.wrong("the planner's current run sees the event: a run sees only what happened before it started")
def plan_in_progress_sees(planner: int, policy: int, event: int) -> Pair:
    acts, _ = dual_rate.fn(planner, policy, event)
    return acts, _first_run(policy, event // planner * planner + planner) - event


@dual_rate.wrong("the policy's run after the plan was left out: add its `policy` µs")
def policy_takes_no_time_then(planner: int, policy: int, event: int) -> Pair:
    acts, through = dual_rate.fn(planner, policy, event)
    return acts, through - policy


@dual_rate.wrong("the planner waits for the policy's next start: it sees the event at its own next start")
def planner_waits_for_the_policy(planner: int, policy: int, event: int) -> Pair:
    acts, _ = dual_rate.fn(planner, policy, event)
    return acts, _first_run(policy, _first_run(planner, event + acts - policy)) - event


@dual_rate.wrong("an event before time 0 was accepted: raise ValueError")
def any_event(planner: int, policy: int, event: int) -> Pair:
    _check(planner, policy, 0)
    planned = -(-event // planner) * planner + planner
    return -(-event // policy) * policy + policy - event, -(-planned // policy) * policy + policy - event


@dual_rate.wrong("an event at time 0 was refused: only a negative time is an error")
def refuses_the_start(planner: int, policy: int, event: int) -> Pair:
    if event == 0:
        raise ValueError("no event")
    return dual_rate.fn(planner, policy, event)


@dual_rate.wrong("a planner that takes no time was accepted: raise ValueError")
def any_planner(planner: int, policy: int, event: int) -> Pair:
    _check(max(planner, 1), policy, event)
    planned = _first_run(planner, event) if planner else event
    return _first_run(policy, event) - event, _first_run(policy, planned) - event
