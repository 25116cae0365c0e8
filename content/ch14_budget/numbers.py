"""The numbers of chapter 14's texts."""

import math

from reference.ch14_budget.amdahl import amdahl
from reference.ch14_budget.budget_share import budget_share
from reference.ch14_budget.dual_rate import dual_rate
from reference.ch14_budget.latency_sheet import latency_sheet
from reference.ch14_budget.tracking_error import tracking_error

README = "README.md of Isaac-GR00T, N1.5"
REPORT = "GR00T N1, arXiv:2503.14734"
OLD_README = "README.md of Isaac-GR00T, N1, commit 04452fa7"
GUIDE = "getting_started/hardware_recommendation.md of Isaac-GR00T, commit ea93829e"
SOURCE = "chapter 1 of the source"
GIVEN = {
    "100 µs": "the delay that the source speaks of",
    "500 Hz": "unitree_rl_gym, deploy_mujoco/configs/g1.yaml: simulation_dt 0.002",
    "100 Hz": "an input of the simulation",
    "0.5 rad": "an input of the simulation",
    "0.0628 rad": "an input of the worked example",
    "kp = 40,000 /s²": "an input of the simulation",
    "kp / inertia = 40,000 /s²": "an input of the simulation",
    "kd = 400 /s": "an input of the simulation",
    "0.1 ms if every target comes 100 µs late": "100 µs in ms",
    "23.18 ms": README,
    "24.7 ms": README,
    "47.88 ms": README,
    "24.7 ms of 47.88": README,
    "4 × 6.18 = 24.7 ms": README,
    "22.92, 39.61 and 62.53 ms": OLD_README,
    "63.9 ms for a chunk of 16 actions": REPORT,
    "120 Hz": REPORT,
    "35.9 runs per second on an H100": GUIDE,
    "6.6 on an Orin": GUIDE,
    "23.2 ms in its backbone": README,
    "15 to 20 %": SOURCE,
    "15-20 %": SOURCE,
    "With P = 100 ms and A = 20 ms": "an input of dual_rate",
    "3.35 TB/s": "data sheet of the H100 SXM",
    "once in 200 ticks": "a step at 50 Hz in ticks of 100 µs",
    "with 512 tokens": "an input of latency_sheet",
    "200 small operations": "an input of latency_sheet",
    "200 operations": "an input of latency_sheet",
    "200 launches of 5 µs": "an input of latency_sheet",
    "Attention takes 20 % of a forward pass": "an input of the question",
    "a share of 10 %": "an input of amdahl",
    "take 10 % of the time": "an input of amdahl",
    "1.8 times: 0.8 · 1 + 0.2 · 5": "a wrong answer",
    "1.16 times, since 16 % of the time": "a wrong answer",
}

SECOND = 10_000  # ticks
KP, KD, DT = 40_000.0, 400.0, 1e-4
SWING = [0.5 * math.sin(2 * math.pi * tick / SECOND) for tick in range(2 * SECOND)]
SPEED = 0.5 * 2 * math.pi / math.sqrt(2)  # rad/s, rms


def numbers():
    yield from _loop()
    yield from _shares()
    yield from _joint()
    yield from _swing()
    yield from _by_hand()
    yield from _model()
    yield from _halves()
    yield from _groot()


def _loop():
    camera, run, step, lag = 1000 / 30, 47.88, 1000 / 50, 1000 * KD / KP
    best, worst = [0, 0, run, 0, lag], [camera, run, run, step, lag]
    for low, high in zip(best, worst, strict=True):
        yield f"| {f'{low:.1f}' if low else 0} ms | {high:.1f} ms |"
    yield f"| together | {sum(best):.1f} ms | {sum(worst):.1f} ms |"
    yield f"a picture that is {sum(worst):.0f} ms old"
    yield f"the best case becomes {100 * 0.1 / sum(best):.2f} % shorter"


def _shares():
    for hertz, loop in ((50, "policy at 50 Hz"), (500, ""), (1000, ""), (10_000, "PD controller at 10 kHz")):
        share = budget_share({"attention": 100.0}, float(hertz))["attention"]
        if hertz in (50, 10_000):
            yield f"| {loop} | {1000 / hertz:g} ms | {share:g} % |"
        else:
            yield f"| {share:g} % |"
    of = [budget_share({"attention": 100.0}, rate)["attention"] for rate in (50.0, 1000.0, 10_000.0)]
    yield "{:g} %, {:g} % and {:g} %. A step has {:,.0f}, {:,.0f} and {:.0f} µs".format(
        *of, 1e6 / 50, 1e6 / 1e3, 1e6 / 1e4
    )
    yield f"100 µs: {of[0]:g} % of a step at 50 Hz, {of[1]:g} % at 1 kHz"
    yield f"The same 100 µs are {of[0]:g} % of a policy's step"
    yield f"{of[0]:g} %: a step at 50 Hz has {1e6 / 50:,.0f} µs. At 10 kHz a step has {1e6 / 1e4:.0f} µs"
    yield f"100 µs are {of[0]:g} % of it"


def _joint():
    jump = 0.0628
    first = KP * jump
    speed = first * DT
    angle = speed * DT
    spring, brake = KP * (jump - angle), KD * speed
    yield f"40,000 · 0.0628 = {first:,.0f} rad/s². The speed becomes {speed:.3f} rad/s, the angle {angle:.6f} rad"
    yield f"40,000 · (0.0628 − {angle:.6f}) = {spring:,.0f}, the brake 400 · {speed:.3f} = {brake:.0f}"
    yield f"The acceleration is {spring - brake:,.0f} rad/s²"
    yield f"by {first:,.0f} in one tick. The next tick changes it by {first - spring + brake:.0f}"
    yield f"a lag of kd / kp = 400 / 40,000 s = {1000 * KD / KP:.0f} ms"
    place, moving, widest = 1.0, 0.0, 0.0
    for tick in range(SECOND):  # without a brake, moved with the old speed
        place, moving = place + moving * DT, moving - KP * place * DT
        widest = max(widest, abs(place)) if tick > 0.9 * SECOND else 0.0
    yield f"{widest:.1f} times as wide"


def _second(hold, delay):
    """Error in mrad and roughness in the second second."""
    first = tracking_error(SWING[:SECOND], hold, delay, KP, KD, DT)
    both = tracking_error(SWING, hold, delay, KP, KD, DT)
    error, rough = (math.sqrt(2 * b**2 - a**2) for a, b in zip(first, both, strict=True))
    return 1000 * error, rough


def _swing():
    rows = {"on time, at 50 Hz": (200, 0), "100 µs late": (200, 1), "5 ms late": (200, 50), "20 ms late": (200, 200)}
    rows["on time, at 100 Hz"] = (100, 0)
    found = {}
    for name, (hold, delay) in rows.items():
        error, rough = found[name] = _second(hold, delay)
        age = 1000 * KD / KP + hold / 20 + delay / 10
        yield f"| {name} | {age:g} ms | {SPEED * age:.2f} mrad | {error:.2f} mrad | {rough:.2f} rad/s² |"
    (base, rough), (late, same), (five, _), (missed, _), (often, smooth) = found.values()
    assert abs(same / rough - 1) < 1e-10  # "the same to ten digits"
    more, share = late - base, 100 * (late / base - 1)
    yield f"The error grows by {more:.2f} mrad, or {share:.1f} %"
    yield f"the error grows from {base:.2f} to {late:.2f} mrad, by {share:.1f} %"
    yield f"raises the error by {more:.2f} mrad"
    yield f"{100 * (five / base - 1):.0f} %. The motion is shifted by 5 ms"
    yield f"The roughness falls by {100 * (1 - smooth / rough):.0f} % and the error by {100 * (1 - often / base):.0f} %"
    yield f"the error falls by {100 * (1 - often / base):.0f} % and the roughness by {100 * (1 - smooth / rough):.0f} %"
    yield f"falls by {100 * (1 - smooth / rough):.0f} %, and its error by {100 * (1 - often / base):.0f} %"
    assert round(missed / base, 1) == 2
    yield f"from {base:.1f} mrad and doubles at 20 ms"
    yield f"its error is {base:.2f} mrad"
    yield f"With every target 100 µs late it is {late:.2f} mrad. That is {share:.1f} % or {more:.2f} mrad more"
    yield f"5 ms give {five:.0f} mrad, and a missed step of 20 ms gives {missed:.0f} mrad"
    yield f"from {base:.0f} to {missed:.0f} mrad. Otherwise 100 µs cost {share:.1f} %"
    yield f"error {base:.0f} to {missed:.0f} mrad"
    yield f"The error is {base:.1f} mrad"
    yield f"The error becomes {late:.1f} mrad, {share:.1f} % more"
    yield f"With targets 20 ms late the error is {missed:.0f} mrad"
    yield f"In the simulation the error falls by {share:.1f} %"
    yield from _first_second()


def _first_second():
    (error, rough), (error_late, _), (_, missed) = (
        tracking_error(SWING[:SECOND], 200, delay, KP, KD, DT) for delay in (0, 1, 200)
    )
    yield f"{1000 * error:.2f} mrad on time and {1000 * error_late:.2f} mrad with 100 µs"
    yield f"{1000 * error:.2f} and {1000 * error_late:.2f} mrad"
    yield f"{missed:.2f} instead of {rough:.2f}"
    on_time, late = len(range(200, SECOND, 200)), len(range(400, SECOND, 200))
    yield f"Late targets make {late} jumps in that second instead of {on_time}"


def _by_hand():
    jump = 2 * 0.5 * math.sin(math.pi / 50) / math.sqrt(2)  # rms, from one target to the next
    yield f"0.5 · 2π / √2 = {SPEED:.2f} rad/s"
    yield f"{SPEED:.2f} rad/s · 20 ms = {SPEED * 20:.1f} mrad without a delay"
    yield f"With the delay, {SPEED:.2f} · 20.1 = {SPEED * 20.1:.1f} mrad"
    yield f"the swing moves by {1000 * jump:.1f} mrad (rms)"
    yield f"40,000 · {jump:.4f} = {KP * jump:,.0f} rad/s²"
    yield f"so the rms over all ticks is {KP * jump:,.0f} / √200 = {KP * jump / math.sqrt(200):.1f} rad/s²"
    yield f"its rms speed of {SPEED:.1f} rad/s"


def _block(tokens, width=4096, keys=1024, ffn=14_336, heads=32):
    """The five operations of a block of Llama-3-8B in bf16, unfused: (name, FLOPs, bytes), as in the koan's test."""
    values, weights = tokens * width, 2 * width * width + 2 * width * keys + 3 * width * ffn
    moved, scores = weights + 4 * (values + tokens * ffn), heads * tokens * tokens
    return [
        ("matmul", 2.0 * tokens * weights, 2.0 * moved),
        ("attention", 4.0 * tokens * values, 2.0 * (4 * values + 2 * scores)),
        ("softmax", 5.0 * scores, 2.0 * 2 * scores),
        ("norm", 8.0 * values, 2.0 * 4 * values),
        ("residual", 2.0 * values, 2.0 * 6 * values),
    ]


def _model():
    peak, bandwidth = 989e12, 3.35e12
    ops = _block(512)
    lines, total = latency_sheet(ops, peak, bandwidth, 0.0)
    time = {name: micros for name, micros, _ in lines}
    says = {"compute": "arithmetic", "memory": "memory"}
    names = {
        "matmul": "products with weights",
        "attention": "attention's products",
        "softmax": "softmax",
        "residual": "residual adds",
        "norm": "norms",
    }
    for name, micros, why in lines:
        yield f"| {names[name]} | {micros:.{1 if name == 'residual' else 0}f} µs | {says[why]} |"
    flops = sum(op[1] for op in ops)
    light = sum(op[1] for op in ops[2:]) / flops
    slow = sum(line[1] for line in lines[2:]) / total
    yield f"{100 * light:.2f} % of the arithmetic and {100 * slow:.1f} % of the time"
    yield f"take {time['matmul']:.0f} of {total:.0f} µs ({100 * time['matmul'] / total:.0f} %)"
    yield f"attention's products {time['attention']:.0f} µs, softmax {time['softmax']:.0f} µs"
    yield f"residual adds {time['residual']:.1f} µs, norms {time['norm']:.0f} µs"
    yield f"The last three have {100 * light:.2f} % of the FLOPs"
    yield f"the products have {100 * (1 - light):.2f} % of the arithmetic"
    products = time["matmul"] + time["attention"]
    yield f"{100 * products / total:.0f} % of the {total:.0f} µs"
    yield f"With 512 tokens, the products with weights have {100 * ops[0][1] / flops:.0f} % of the arithmetic"
    one = _block(1)[0]
    micros = latency_sheet([one], peak, bandwidth, 0.0)[1]
    yield f"Reading the {one[2] / 1e6:.0f} MB of weights then takes {micros:.0f} µs"
    yield f"{one[2] / 1e6:.0f} MB of weights set the time, {micros:.0f} µs"
    yield f"{one[2] / 1e6:.0f} MB at 3.35 TB/s take {micros:.0f} µs"
    yield f"The arithmetic takes only {one[1] / peak * 1e6:.2f} µs"
    yield f"{one[2] / 1e6:.0f} MB of weights are {micros:.0f} µs, the arithmetic {one[1] / peak * 1e6:.2f}"
    projections = 2.0 * 512 * (2 * 4096 * 4096 + 2 * 4096 * 1024) / peak * 1e6
    share = (projections + time["attention"] + time["softmax"]) / total
    saved = 1 - 1 / amdahl({"attention": share, "rest": 1 - share}, {"attention": 2.0})
    yield f"{100 * share:.0f} %, if you count their projections. Then INT8 would save {100 * saved:.0f} %"
    yield from _gains()
    _, launches = latency_sheet([("op", 0.0, 1e6)] * 200, 1e15, 1e12, 5.0)
    yield f"{launches:,.0f} µs, and the launches take {200 * 5:,} µs of this"
    yield f"saves at most {launches - 200 * 5:.0f} µs"
    yield f"{launches:,.0f} µs; fuse them"


def _gains():
    fifth = {"attention": 0.2, "rest": 0.8}
    three, five, all_ = (amdahl(fifth, {"attention": factor}) for factor in (3.0, 5.0, math.inf))
    yield f"1 / (0.8 + 0.2 / 3) = {three:.2f}"
    yield f"so the model is {three:.2f} times faster"
    yield f"the model would be {all_:.2f} times faster"
    yield f"{three:.2f}×, {five:.2f}× and {all_:.2f}×: 1 / (0.8 + 0.2/f)"
    yield f"1 / (0.8 + 0.2/f) is at most {all_:.2f}"
    yield f"makes the model {100 * (five - 1):.0f} % faster"
    yield f"more than {100 * (all_ - 1):.0f} % faster"
    yield f"{five:.2f} times"
    yield f"1 / (0.8 + 0.2/5) = 1 / {0.8 + 0.2 / 5:.2f}. Even an infinitely fast kernel gives only {all_:.2f}"
    yield f"The other {100 * fifth['rest']:.0f} % take"
    yield f"0.8 + 0.2/5 = {0.8 + 0.2 / 5:.2f} of the old time"
    yield f"{100 - 100 * (0.8 + 0.2 / 5):.0f} % less time means 1/{0.8 + 0.2 / 5:.2f} = {five:.2f} times as fast"
    yield f"{2 * 15} to {2 * 20} %"  # half of the share is saved
    yield f"saves {10 / 2:.0f} %"


def _halves():
    planner, policy = 100_000, 8333
    alone, through = dual_rate(planner, policy, 1)
    start = through + 1 - policy
    yield f"| 0 ms | {planner / 1000:.1f} ms |"
    yield f"| {planner / 1000:.1f} ms | {2 * planner / 1000:.1f} ms |"
    yield f"| {2 * planner / 1000:.1f} ms | {start / 1000:.1f} ms |"
    yield f"| {start / 1000:.1f} ms | {through / 1000:.1f} ms |"
    best = min(dual_rate(planner, policy, k * planner)[1] for k in range(policy))
    fast_alone, fast = dual_rate(planner, policy // 2, 1)
    _, quick = dual_rate(planner // 2, policy, 1)
    yield f"the robot reacts after {alone / 1000:.1f} ms"
    yield f"one run of the policy: {best / 1000:.1f} ms"
    yield f"comes {through / 1000:.1f} ms after it"
    yield f"the {through / 1000:.1f} ms become {fast / 1000:.1f} ms"
    yield f"they become {quick / 1000:.1f} ms"
    yield (
        f"{through / 1000:.1f} ms become {fast / 1000:.1f} ms with the faster policy and {quick / 1000:.1f} ms with the"
        f" faster planner. Through the policy alone, {alone / 1000:.1f} ms become {fast_alone / 1000:.1f} ms"
    )
    yield f"{best / 1000:.0f} ms at best and {through / 1000:.0f} ms at worst"
    yield f"the worst case becomes {(through - fast) / 1000:.0f} ms shorter"
    yield f"If the planner is twice as fast, it becomes {(through - quick) / 1000:.0f} ms shorter"
    low, high = dual_rate(100, 20, 0)[1], 2 * 100 + 2 * 20
    yield f"{low} to {high} ms"


def _groot():
    backbone, step, whole = 23.18, 6.18, 47.88
    head = 24.7  # 4 · step
    yield f"together {backbone + head:.2f} ms"
    yield f"{1000 / whole:.1f} runs per second"
    yield f"{1000 / whole:.1f} runs a second"
    times = {"backbone": backbone, "head": head}
    one, two = (amdahl(times, {part: 2.0}) for part in times)
    yield f"{one:.2f} times faster. If the action head is twice as fast, it is {two:.2f} times faster"
    half = 2 * step
    yield f"a run takes {backbone + head:.1f} ms, or {1000 / (backbone + head):.1f} Hz"
    gain = amdahl({"attention": 0.2, "rest": 0.8}, {"attention": 3.0})
    yield f"1 / (0.8 + 0.2/3) = {gain:.2f}, so {(backbone + head) / gain:.1f} ms"
    yield f"{backbone:.1f} + {half:.1f} = {backbone + half:.1f} ms"
    yield f"({half:.1f} ms)"
    yield f"takes {backbone:.1f} + {half:.1f} ms at best"
