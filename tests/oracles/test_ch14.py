"""The oracles of chapter 14 against closed forms, scipy's integrator, a simulated pair of clocks, and chapter 12's roofline.

Nothing here comes from the workbook but the oracles.
"""

import math

import numpy as np
import pytest

from reference.ch12_memory.roofline import roofline
from reference.ch14_budget.amdahl import amdahl
from reference.ch14_budget.budget_share import budget_share
from reference.ch14_budget.dual_rate import dual_rate
from reference.ch14_budget.latency_sheet import latency_sheet
from reference.ch14_budget.pd_step import pd_step
from reference.ch14_budget.tracking_error import tracking_error


def test_shares_and_what_is_left_make_a_whole_step():
    for rate in (1.0, 30.0, 50.0, 997.0):
        shares = budget_share({"a": 12.5, "b": 731.0, "c": 4e4}, rate)
        assert math.isclose(sum(shares.values()), 100, rel_tol=1e-12)
        assert math.isclose(shares["b"], 731e-6 * rate * 100, rel_tol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("factor", [0.5, 1.0, 7.0, 1e9])
def test_amdahls_law_is_his_formula(share, factor):
    gain = amdahl({"part": share, "rest": 1 - share}, {"part": factor})
    assert math.isclose(gain, 1 / ((1 - share) + share / factor), rel_tol=1e-12)


@pytest.mark.parametrize(("kp", "kd"), [(40.0, 2.0), (100.0, 20.0), (30.0, 40.0)])
def test_many_small_pd_steps_are_scipys_solution_of_the_equation_of_motion(kp, kd):
    from scipy.integrate import solve_ivp

    inertia, limit, target, dt, ticks = 1.5, 12.0, 0.7, 1e-5, 100_000

    def motion(_, state):
        torque = np.clip(kp * (target - state[0]) - kd * state[1], -limit, limit)
        return [state[1], torque / inertia]

    exact = solve_ivp(motion, (0, dt * ticks), [-0.3, 1.0], rtol=1e-9, atol=1e-11, max_step=1e-3).y[:, -1]
    angle, speed = -0.3, 1.0
    for _ in range(ticks // 10):  # ten times as long a step: its error is of first order
        angle, speed, _ = pd_step(angle, speed, target, kp, kd, limit, inertia, 10 * dt)
    assert abs(angle - exact[0]) < 2e-3 and abs(speed - exact[1]) < 2e-2


def test_the_torque_holds_what_the_motor_gives():
    assert pd_step(0.0, 0.0, 9.0, 8.0, 1.0, 10.0, 2.0, 0.1)[2] == 10.0
    assert pd_step(0.0, 0.0, -9.0, 8.0, 1.0, 10.0, 2.0, 0.1)[2] == -10.0


def test_a_ramp_is_followed_at_the_closed_forms_distance():
    # a joint behind a ramp of speed s lags by kd/kp · s once it has settled; a delay adds its own time
    kp, kd, dt, slope, n = 400.0, 40.0, 1e-3, 0.5, 4000
    ramp = [slope * tick * dt for tick in range(n)]
    for delay in (0, 1, 100):
        errors = [tracking_error(ramp[:m], 1, delay, kp, kd, dt)[0] ** 2 * m for m in (n - 1, n)]
        last = math.sqrt(errors[1] - errors[0])
        assert abs(last - slope * (kd / kp + delay * dt)) < 2 * slope * dt


def test_a_step_is_answered_as_the_equation_says():
    # critically damped, from 0 towards 1: 1 − (1 + ωt) exp(−ωt)
    omega, dt, n = 20.0, 1e-4, 3000
    wanted = [0.0] + [1.0] * n
    exact = [(1 + omega * i * dt) * math.exp(-omega * i * dt) for i in range(1, n + 1)]
    error = tracking_error(wanted, 1, 0, omega**2, 2 * omega, dt)[0]
    assert abs(error - math.sqrt(sum(e * e for e in exact) / (n + 1))) < 2e-3


@pytest.mark.parametrize(("planner", "policy"), [(100, 20), (7, 3), (3, 7), (50, 50), (1, 1)])
def test_the_two_clocks_are_those_of_a_simulation_tick_by_tick(planner, policy):
    for event in range(0, 2 * planner * policy // math.gcd(planner, policy), max(1, planner // 7)):
        plan = fast = slow = None
        seen_by_planner = sees = has_plan = False
        for now in range(event, event + 2 * planner + 2 * policy + 1):
            if now % planner == 0:
                if seen_by_planner and plan is None:
                    plan = now
                seen_by_planner = True
            if now % policy == 0:
                if sees and fast is None:
                    fast = now - event
                if has_plan and slow is None:
                    slow = now - event
                sees, has_plan = True, plan is not None and now >= plan
        assert dual_rate(planner, policy, event) == (fast, slow)


def test_the_floor_of_a_pair_is_one_run_of_each_and_the_ceiling_less_than_two():
    for planner, policy in [(100, 20), (83, 17), (12, 31)]:
        slow = [dual_rate(planner, policy, event)[1] for event in range(planner * policy)]
        assert min(slow) == planner + policy or math.gcd(planner, policy) > 1
        assert max(slow) < 2 * (planner + policy)


def test_a_line_of_the_sheet_without_a_launch_is_chapter_12s_roofline():
    peak, speed = 989e12, 3.35e12
    ops = [("a", 1e9, 1e6), ("b", 1e6, 1e9), ("c", 5e12, 3.0)]
    lines, total = latency_sheet(ops, peak, speed, 0.0)
    for (name, flops, moved), line in zip(ops, lines, strict=True):
        rate, why = roofline(int(flops), {"memory": int(moved)}, peak, {"memory": speed})
        assert line[0] == name and line[2] == why
        assert math.isclose(line[1], flops / rate * 1e6, rel_tol=1e-12)
    assert math.isclose(total, sum(line[1] for line in lines), rel_tol=1e-12)
    assert math.isclose(latency_sheet(ops, peak, speed, 7.0)[1], total + 21, rel_tol=1e-12)
