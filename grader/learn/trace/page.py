"""The HTML page of `koans trace`: the tensors step by step, bytes, which program reads what, and what L2 could do."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from grader.book.html import coded, document
from grader.learn.trace import drawing, reads_picture, words
from grader.learn.trace.model import Trace
from grader.learn.trace.report import Report
from grader.learn.trace.summary import share

MOST_STEPS = 400  # that are drawn; bytes and tables count all
MOST_PROGRAMS = 256  # that can be picked

SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
STYLE = """
.both{display:grid;grid-template-columns:minmax(0,1fr);gap:0 2.5rem}
@media(min-width:60rem){.both{grid-template-columns:minmax(0,30rem) minmax(0,1fr);align-items:start}}
svg.trace{display:block;width:100%;height:auto;max-width:32rem}
p,li{overflow-wrap:anywhere}
figure{margin:.75rem 0}
figcaption{font-weight:600;margin-bottom:.25rem}
.controls{position:sticky;top:0;background:var(--bg);z-index:4;padding:.6rem 0;border-bottom:1px solid var(--line)}
.controls div{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center}
.controls input{flex:1 1 10rem;min-width:6rem;accent-color:var(--accent);height:1.75rem}
.controls button,.controls select{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);
border-radius:.4rem;padding:.25rem .7rem;min-height:2.25rem}
.controls button:disabled{color:var(--dim)}
:is(button,select,input):focus-visible{outline:2px solid var(--accent);outline-offset:2px}
#texts{list-style:none;margin:.5rem 0 0;padding:0;min-height:5.5rem}
#texts code{display:block;color:var(--dim);margin-top:.15rem}
.looks{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;margin:.5rem 0;font-size:.9rem}
.looks,.rules{color:var(--dim)}
.looks i{display:inline-block;width:1.1rem;height:.8rem;margin-right:.35rem;vertical-align:-.05rem;background:var(--c0);
border:1px solid transparent}
.looks .l1{opacity:.4}
.looks .l2{background:var(--past)}
.looks .l3{background:var(--cell);border-color:var(--edge)}
.looks .l4{background:var(--clash)}
.rules{list-style:none;padding:0;margin:.35rem 0;font-size:.9rem;color:var(--dim)}
.over{color:var(--f);font-weight:600}
@media(max-width:40rem){.wide :is(td,th){padding:.3rem .4rem;font-size:.85rem}}
[hidden]{display:none!important}
"""


def page(report: Report) -> str:
    """The whole page."""
    name = report.koan.partition("/")[2]
    config = ", ".join(f"{key} {value}" for key, value in report.config.items())
    body = [
        f"<h1>{escape(name)}, step by step</h1>",
        f'<p class="dim">{escape(report.file)} on {escape(report.inputs)}{escape(f"; {config}" if config else "")}</p>',
        *_failure(report),
        '<div class="both"><div>',
        *_steps(report),
        "</div><div>",
        *_bytes(report),
        *_reads(report),
        *_waves(report),
        "</div></div>",
    ]
    return document(
        f"{name}, step by step", body, style=drawing.STYLE + STYLE, script=SCRIPT if report.trace.steps else ""
    )


def _failure(report: Report) -> Iterator[str]:
    if report.failure is None:
        return
    line = report.failure.line
    where = f"<br>line {line}: <code>{escape(report.code.get(line, ''))}</code>" if line else ""
    message = coded(escape(report.failure.message).replace("\n", "<br>"))
    yield f'<p class="warn"><b>{escape(report.failure.kind)}</b>: {message}{where}</p>'
    for clash in report.clashes:
        who = f"Red: {words.count(clash.elements, 'element')} of <code>{escape(clash.argument)}</code>"
        yield f"<p>{who} that several programs use and at least one writes.</p>"


def _steps(report: Report) -> Iterator[str]:
    drawn = report.trace.steps[:MOST_STEPS]
    if not drawn:
        yield "<p>No access to memory.</p>"
        return
    most = max(launch.programs for launch in report.trace.launches)
    yield '<div class="controls script" hidden><div>'
    yield '<button type="button" id="back" aria-label="one step back">◀</button>'
    yield f'<input type="range" id="step" min="0" max="{len(drawn) - 1}" value="0" aria-label="step" '
    yield 'autocomplete="off">'
    yield '<button type="button" id="on" aria-label="one step on">▶</button>'
    yield '<select id="program" aria-label="program" autocomplete="off"><option value="">all programs</option>'
    yield from (f'<option value="{n}">program {n}</option>' for n in range(min(most, MOST_PROGRAMS)))
    yield '</select></div></div><ol id="texts" aria-live="polite">'
    for i, step in enumerate(drawn):
        code = f"{step.line}: {report.code[step.line]}" if step.line in report.code else ""
        yield (
            f"<li{' hidden' * bool(i)}><b>Step {i + 1} of {len(report.trace.steps)}</b>: {escape(words.step(step))}"
            f"<code>{escape(code)}</code></li>"
        )
    yield "</ol>"
    if len(drawn) < len(report.trace.steps):
        yield f'<p class="dim">The first {len(drawn)} of {len(report.trace.steps):,} steps are drawn.</p>'
    for launch, grid in enumerate(report.trace.launches):
        numbers = [i for i, step in enumerate(drawn) if step.launch == launch]
        if not numbers:
            continue
        parts, height = drawing.launch_picture(_cut(report), launch, 0, report.layout, report.clashes)
        label = f"the tensors of {grid.kernel}, with the tiles that its programs access"
        yield f'<figure data-from="{numbers[0]}" data-to="{numbers[-1]}"{" hidden" * (numbers[0] > 0)}>'
        yield f"<figcaption>{escape(grid.kernel)}, {words.count(grid.programs, 'program')} ({words.grid(grid)})"
        yield f"</figcaption>{drawing.svg(parts, height, label)}</figure>"
    looks = ["in this step", "held", "before", "not yet"] + ["race"] * bool(report.clashes)
    yield f'<ul class="looks">{"".join(f"<li><i class=l{i}></i>{look}</li>" for i, look in enumerate(looks))}</ul>'
    yield '<p class="dim">Each program has a color, its number modulo 8. ×4: four programs use the same tile. '
    yield "Held: the tile that a line loaded last.</p>"


def _cut(report: Report) -> Trace:
    trace = report.trace
    return Trace(trace.launches, trace.tensors, trace.steps[:MOST_STEPS])


def _bytes(report: Report) -> Iterator[str]:
    if not report.bytes:
        return
    yield "<h2>Bytes</h2>"
    yield '<p class="dim">The bytes that all programs move together, and the fewest bytes that this CONFIG needs.</p>'
    yield '<div class="wide"><table class="full"><thead><tr><th scope="col">argument</th>'
    for name in ("", "moved", "needed", "times"):
        yield f'<th scope="col"{" class=r" * bool(name)}>{name}</th>'
    yield "</tr></thead><tbody>"
    for row in report.bytes:
        needed = "–" if row.needed is None else f"{row.needed:,}"
        over = " over" * (row.needed is not None and row.bytes > row.needed)
        yield f'<tr><th scope="row">{escape(row.argument)}</th><td>{row.kind}</td>'
        yield f'<td class="r{over}">{row.bytes:,}</td><td class="r">{needed}</td>'
        yield f'<td class="r">{row.times:.3g}</td></tr>'
    yield "</tbody></table></div>"


def _reads(report: Report) -> Iterator[str]:
    for table in report.reads:
        parts, height = reads_picture.picture(table, report.trace)
        title = reads_picture.title(table)
        who = reads_picture.programs(table, report.trace)
        yield f"<h2>{escape(title)}</h2>"
        yield f'<p class="dim">{escape(who)}: each row is a program; each column is a block, named by its start.</p>'
        yield drawing.svg(parts, height, title)
        rules = "".join(f"<li>{escape(line)}</li>" for line in reads_picture.explained(table))
        yield f'<ul class="rules">{rules}</ul>' if rules else ""


def _waves(report: Report) -> Iterator[str]:
    for number, launch in enumerate(report.trace.launches):
        rows = [wave for wave in report.waves if wave.launch == number and wave.asked]
        if not rows or rows[-1].distinct == rows[-1].asked:
            continue
        yield f"<h2>What the L2 cache could save for {escape(launch.kernel)}</h2>"
        yield '<p class="dim">Programs that run at the same time and stay in step ask for some tiles together. Main '
        yield "memory must deliver each of these tiles only once; the cache delivers the others.</p>"
        yield '<div class="wide"><table class="full"><thead><tr><th scope="col">at once</th>'
        for name in ("bytes asked for", "of distinct tiles", "share", "most tiles in flight", "their bytes"):
            yield f'<th scope="col" class="r">{name}</th>'
        yield "</tr></thead><tbody>"
        for wave in rows:
            cells = (f"{wave.asked:,}", f"{wave.distinct:,}", share(wave), f"{wave.tiles:,}", f"{wave.in_flight:,}")
            yield f'<tr><th scope="row">{wave.programs}</th>{"".join(f"<td class=r>{c}</td>" for c in cells)}</tr>'
        yield "</tbody></table></div>"
