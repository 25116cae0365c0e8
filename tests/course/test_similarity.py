"""Answers that are written alike have one normal form, whatever a copier changes first. Nothing that was handed in ends
the run, and the page is safe."""

import ast
import json
import random
import re

import pytest

from benchmarks import _similar_class as classes
from grader.book.stubs import strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.course.intake.submission import Submission
from grader.course.similarity.answers import LARGEST, given, read
from grader.course.similarity.fingerprints import RUN, WINDOW, Token, fingerprints, winnowed
from grader.course.similarity.page import page
from grader.course.similarity.shipped import shipped
from grader.course.similarity.survey import Handed, survey, unnamed
from tests.classes import EVERYTHING, HOSTILE
from tests.conftest import ROOT

BOOK = Workbook(ROOT)
STUB = 'import torch\n\n\ndef f(x, y, dim=-1):\n    """Doc."""\n    raise NotImplementedError("your turn")\n'
START = STUB.replace('    raise NotImplementedError("your turn")\n', "")


def _form(body, before=""):
    """The normal form of a function `f` with this body, after these lines."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    answer = read(before + START + lines, given(STUB))
    assert not answer.problem
    return answer.parts["f"].form


def _answers():
    """Answers of three made-up students and all solutions that the workbook has to these koans."""
    made = classes.made_up(BOOK, 5, students=3, earlier=0, kinds=())
    for student, texts in made.students.items():
        for koan, text in texts.items():
            yield f"{student} {koan}", koan, text
    for koan in BOOK.koans.values():
        if koan.kind == "function":
            yield f"solution {koan.id}", koan.id, strip_markers(BOOK.solution(koan).read_text())


ANSWERS = [pytest.param(koan, text, id=name) for name, koan, text in _answers()]
OF_MADE_UP = [param for param in ANSWERS if not param.id.startswith("solution")]


def _forms(koan, text):
    answer = read(text, given(stub_of(BOOK, BOOK.koans[koan])))
    assert answer.parts, answer.problem
    return {function: part.form for function, part in answer.parts.items()}


EDITS = (classes.reformatted, classes.operands_swapped, classes.reordered, classes.typed, classes.inlined)


@pytest.mark.parametrize("koan, text", ANSWERS)
def test_format_comments_types_and_the_order_of_operands_and_statements_change_nothing(koan, text):
    forms = _forms(koan, text)
    for edit in EDITS[:4]:
        assert _forms(koan, edit(text, random.Random(1))) == forms, edit.__name__


@pytest.mark.parametrize("koan, text", OF_MADE_UP)
def test_new_names_and_temporary_variables_change_nothing(koan, text):
    forms = _forms(koan, text)
    for edit in (classes.renamed, classes.inlined):
        assert _forms(koan, edit(text, random.Random(1))) == forms, edit.__name__


class _Other(ast.NodeTransformer):
    """Changes the meaning of one place: number `at` of all places that it can change."""

    def __init__(self, at):
        self.at, self.seen = at, 0

    def _hit(self):
        self.seen += 1
        return self.seen - 1 == self.at

    def visit_Raise(self, node):
        return node  # messages do not count

    def visit_Expr(self, node):
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)  # docstrings neither

    def visit_Constant(self, node):
        if type(node.value) in (int, float) and self._hit():
            return ast.Constant(node.value + 3)
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow) and self._hit():
            if ast.dump(node.left) != ast.dump(node.right):
                node.left, node.right = node.right, node.left
            else:
                node.op = ast.FloorDiv()
        elif isinstance(node.op, ast.Add | ast.Mult) and self._hit():
            node.op = ast.Sub()
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if node.attr in ("exp", "sum", "sqrt", "mean", "amax", "log") and self._hit():
            node.attr = "cos"
        return node


@pytest.mark.parametrize("koan, text", OF_MADE_UP)
def test_another_constant_operator_function_or_order_of_operands_is_another_form(koan, text):
    forms = _forms(koan, text)
    bodies = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    changed = 0
    for at in range(1000):
        other = _Other(at)
        tree = ast.parse(text)
        for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
            function.body = [other.visit(statement) for statement in function.body]
        if other.seen <= at:
            break
        changed += 1
        found = _forms(koan, ast.unparse(ast.fix_missing_locations(tree)))
        assert found != forms, f"place {at} of {ast.unparse(ast.Module(bodies, []))}"
    assert changed or len(text) < 3000


@pytest.mark.parametrize(
    "one, other",
    [
        ("return torch.exp(x - y)", "return (x - y).exp()"),
        ("return x.sum(-1, keepdim=True)", "return torch.sum(x, dim=-1, keepdim=True)"),
        ("return x.float()", "return x.to(dtype=torch.float32)"),
        ("return x.transpose(-1, -2) @ y", "return torch.matmul(x.mT, y)"),
        ("return x / y ** 0.5", "return torch.div(x, torch.sqrt(y))"),
        ("return x == -torch.inf", "return float('-inf') == x"),
        ("if x > y: return x\nreturn y", "return x if y < x else y"),
        ("z = 2.0 * x\nreturn z + y", "return y + x * 2"),
        (
            "a = x\nb = y\nfor i in range(3):\n    a += i\n    b = b - a\nreturn a, b",
            "q = y\np = x\nfor k in range(3):\n    p = k + p\n    q = q - p\nreturn p, q",
        ),
        (
            "out = []\nfor a in x:\n    out.append(a + y)\nreturn out",
            "r = []\nfor b in x:\n    r.append(y + b)\nreturn r",
        ),
        ("if dim: raise ValueError('a')\nreturn x", "if dim:\n    raise ValueError\nreturn x"),
        ("return [a * y for a in x if a]", "return [y * other for other in x if other]"),
        ("s = x\nif dim:\n    s = y\nreturn s", "return y if dim else x"),
    ],
)
def test_two_spellings_of_one_computation_have_one_form(one, other):
    assert _form(one) == _form(other)


def test_helper_functions_constants_and_import_names_change_nothing():
    plain = _form("top = x.amax(dim, keepdim=True)\nreturn torch.exp(x - top) * 1e-5")
    helper = (
        "from torch import exp as e\nEPS = 1e-5\n\n\ndef moved(a, d):\n    return a - a.amax(d, keepdim=True)\n\n\n"
    )
    assert _form("return EPS * e(moved(x, dim))", helper) == plain
    assert _form("shift = lambda t: t - x.amax(dim, keepdim=True)\nreturn 1e-5 * torch.exp(shift(x))") == plain
    assert _form("return EPS * e(moved(y, dim))", helper) != plain


@pytest.mark.parametrize(
    "one, other",
    [
        ("return x - y", "return y - x"),
        ("return [1] + x", "return x + [1]"),
        ("x[0] = y\nreturn x", "return x"),
        ("for i in range(3):\n    x = x + i\nreturn x", "for i in range(4):\n    x = x + i\nreturn x"),
        ("if x:\n    if y: return 1\n    x = 2\nreturn x", "if x:\n    if y: return 1\n    x = 2\nreturn y"),
        ("while x < y: x += 1\nreturn x", "while y < x: x += 1\nreturn x"),
        ("return x.sum(0)", "return x.sum(1)"),
        ("a = []\na.append(x)\na.append(y)\nreturn a", "a = []\na.append(y)\na.append(x)\nreturn a"),
        ("if x: return x\nreturn y", "if x: return y\nreturn x"),
    ],
)
def test_two_computations_have_two_forms(one, other):
    assert _form(one) != _form(other)


def test_winnowing_keeps_a_fingerprint_of_every_part_that_is_long_enough():
    chance = random.Random(3)
    for _ in range(200):
        shared = [Token(chance.choice("abcdefgh"), 1) for _ in range(RUN + WINDOW - 1)]
        one, other = ([Token(chance.choice("ijklmnop"), 2) for _ in range(chance.randrange(20))] for _ in range(2))
        assert fingerprints([*one, *shared, *other]).keys() & fingerprints([*other, *shared, *one]).keys()
    assert winnowed([77, 74, 42, 17, 98, 50, 17, 98, 8, 88, 67, 39, 77, 74, 42, 17, 98], 4) == [3, 6, 8, 11, 15]


def test_a_stub_and_what_it_gives_are_no_answer():
    for koan in BOOK.koans.values():
        stub = stub_of(BOOK, koan)
        assert dict(read(stub, given(stub)).parts) == {}, koan.id


def test_every_oracle_and_right_answer_is_compared():
    from grader.book.oracles import oracles

    missing = {}
    for koan in BOOK.koans.values():
        own = shipped(BOOK, koan, given(stub_of(BOOK, koan)))
        rights = {name for oracle in oracles(koan).values() for name in oracle.rights}
        found = {one.name.removeprefix("the right answer ") for one in own if one.kind == "right"}
        assert found <= rights
        if rights - found:
            missing[koan.id] = len(rights - found)
    assert missing == {"ch14_budget/pd_step": 1}  # one that is made by a loop, and has no text of its own


HOSTILE_TEXTS = {
    "deep": "def f(x, y, dim=-1):\n    return " + "(" * 150 + "x" + ")" * 150 + "\n",
    "chain": "def f(x, y, dim=-1):\n    return " + "+".join(["x"] * 9000) + "\n",
    "elif": "def f(x, y, dim=-1):\n    if x: y = 0\n" + "".join(f"    elif x == {i}: y = {i}\n" for i in range(900)),
    "huge": START + "    return x\n" + "# a comment\n" * LARGEST,
    "no Python": "def f(:\n",
    "null": START + "    return '\0'\n",
    "surrogate": START + "    return '\ud800'\n",
    "form feed": START.replace("\n    ", "\n\f    ") + "    a = x\x0c\n    return a\n",
    "big number": START + "    return 0x" + "f" * 20_000 + "\n",
    "doubling": START + "".join("    x = x + x * x\n" for _ in range(900)) + "    return x\n",
    "loops": START
    + "".join("    " * i + f"for a{i} in x:\n" for i in range(1, 60))
    + "    " * 60
    + "x = a1\n    return x\n",
    "helpers": "".join(f"def h{i}(x):\n    return {'+'.join([f'h{i + 1}(x)'] * 9)}\n" for i in range(20))
    + "def h20(x):\n    return x\n"
    + START
    + "    return h0(x)\n",
    "recursion": "def g(x):\n    return g(x) + f(x, x)\n" + START + "    return g(f(x, y))\n",
    "itself": START + "    def g():\n        return g\n    if x:\n        g = 1\n    return g\n",
    "dead code": START + "    return x\n    return y\n    x = 1\n",
    "everything": START + f"    return {ascii(EVERYTHING)[:60_000]}\n",
    "two": STUB + START + "    return y\n",
    "star": START + "    return f(*x, **y)\n    a, *b = x\n",
    "match": START + "    match x:\n        case [1, *_]: return y\n    global z\n    z = 1\n    del z\n",
    "async": "async def f(x, y, dim=-1):\n    return await x\n",
    "class": "class f:\n    x: int = 1\n",
    "cycle": "a = b\nb = a\n" + START + "    return a + b\n",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE_TEXTS.items()])
def test_no_text_ends_the_run(text):
    answer = read(text, given(STUB))
    assert answer.problem or isinstance(answer.parts, dict)


def test_texts_that_cannot_be_compared_are_named():
    problems = {name: read(text, given(STUB)).problem for name, text in HOSTILE_TEXTS.items()}
    assert problems["huge"] == "longer than 65,536 characters"
    assert problems["no Python"] == problems["null"] == "not Python"
    assert problems["chain"] == "nested too deeply or too long to compare"
    assert problems["doubling"] == problems["loops"] == problems["recursion"] == problems["everything"] == ""


# A class


def _handed(people):
    return [Handed(Submission(name, name, "", texts=texts), name) for name, texts in people.items()]


@pytest.fixture(scope="module")
def found():
    made = classes.made_up(BOOK, 0)
    return made, classes.look(BOOK, made)


def test_copies_are_found_and_honest_students_are_not(found):
    made, survey_ = found
    kinds, false = classes.outcome(made, survey_)
    assert kinds == set(classes.KINDS)
    assert len(false) <= 2


@pytest.mark.parametrize("popularity", [0.4, 0.65])
def test_copies_are_found_in_other_classes_too_but_perhaps_not_a_copy_of_half_of_so_few_koans(popularity):
    made = classes.made_up(BOOK, 3, popularity=popularity)
    kinds, false = classes.outcome(made, classes.look(BOOK, made))
    assert set(classes.KINDS) - kinds <= {"half of the koans"}
    assert len(false) <= 2


def test_who_has_the_workbooks_own_answers_comes_first(found):
    made, survey_ = found
    kinds = [pair.kind for pair in survey_.pairs]
    assert kinds[:3] == ["reference", "reference", "solution"]
    oracle = next(plant.student for plant in made.plants if plant.kind == "oracle")
    first = {survey_.people[pair.one].name: pair for pair in survey_.pairs[:2]}
    assert sum(match.text_of == "the oracle" for match in first[oracle].matches) >= 20


def test_what_half_of_the_class_writes_says_nothing():
    koan = BOOK.koans["ch07_attention/causal_mask"]
    answer = strip_markers(BOOK.solution(koan).read_text())
    people = {f"s{i}": {koan.id: answer} for i in range(30)}
    result = survey(BOOK, [koan], _handed(people))
    assert result.pairs == ()
    assert result.answers == 30


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_who_pasted_the_oracles_is_told_of_even_if_much_of_the_class_did(share):
    made = classes.made_up(BOOK, 0, students=40, earlier=0, kinds=("oracle",))
    (plant,) = made.plants
    honest = [name for name in made.students if name != plant.student]
    copied = {plant.student, *honest[: round(share * 40) - 1]}
    people = {name: made.students[plant.student if name in copied else name] for name in made.students}
    result = survey(BOOK, [BOOK.koans[k] for k in classes.KOANS], _handed(people))
    assert {result.people[pair.one].name for pair in result.pairs if pair.kind == "reference"} == copied
    assert len(result.pairs) <= len(copied) + 1  # two of the few honest students may look alike


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_small_class_of_honest_students_has_no_pairs(size):
    made = classes.made_up(BOOK, 77, students=40, earlier=0, kinds=(), popularity=0.65)
    names = list(made.students)
    for start in range(0, 40, size * 2):
        people = {name: made.students[name] for name in names[start : start + size]}
        assert classes.look(BOOK, classes.MadeUp(people, {}, ())).pairs == ()


def test_a_team_is_no_pair():
    made = classes.made_up(BOOK, 2, students=20, earlier=0, kinds=("renamed",))
    (plant,) = made.plants
    alone = survey(BOOK, [BOOK.koans[k] for k in classes.KOANS], _handed(made.students))
    assert len(alone.pairs) == 1
    team = [
        Handed(one.submission, one.name, "team" if one.name in (plant.student, plant.source) else "")
        for one in _handed(made.students)
    ]
    assert survey(BOOK, [BOOK.koans[k] for k in classes.KOANS], team).pairs == ()


def test_one_submission_alone_is_compared_with_the_workbook():
    made = classes.made_up(BOOK, 4, students=14, earlier=0, kinds=("oracle", "solution"))
    koans = [BOOK.koans[k] for k in classes.KOANS]
    for plant in made.plants:
        (pair, *more) = survey(BOOK, koans, _handed({"a": made.students[plant.student]})).pairs
        assert pair.kind == ("reference" if plant.kind == "oracle" else "solution")
        assert more == []
    honest = [name for name in made.students if name not in {plant.student for plant in made.plants}]
    for name in honest:
        assert survey(BOOK, koans, _handed({"a": made.students[name]})).pairs == ()


def test_the_page_escapes_what_was_handed_in_and_loads_nothing():
    koans = [BOOK.koans[koan] for koan in classes.KOANS]
    made = classes.made_up(BOOK, 2, students=20, earlier=0, kinds=("renamed",))
    names = {name: f"{name} {HOSTILE[i % len(HOSTILE)]}" for i, name in enumerate(made.students)}
    evil = "\n    # " + HOSTILE[0] + "\n    return "
    people = {n: {k: t.replace("\n    return ", evil) for k, t in texts.items()} for n, texts in made.students.items()}
    handed = [Handed(Submission(n, n, "", texts=texts), names[n]) for n, texts in people.items()]
    result = survey(BOOK, koans, handed)
    assert len(result.pairs) == 1
    text = "".join(page(BOOK, result, HOSTILE[0]))
    body = text.partition("</style>")[2]
    assert "<script" not in text
    assert "<img" not in body
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)
    assert "default-src &#x27;none&#x27;" in text
    assert "&lt;script&gt;alert" in body
    assert "<mark>" in body
    assert "never a penalty" in body


def test_names_can_be_hidden(found):
    _, survey_ = found
    hidden = unnamed(survey_)
    text = "".join(page(BOOK, hidden, "class"))
    for person in (*survey_.people, *survey_.earlier):
        assert not re.search(rf"\b{person.name}\b", text)
    assert "student 98" in text


# The command


def _write(folder, people):
    for name, texts in people.items():
        for koan, text in texts.items():
            file = folder / name / "exercises" / f"{koan}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return folder


@pytest.fixture
def handed_in(tmp_path):
    made = classes.made_up(BOOK, 6, students=16, earlier=8, kinds=("combined", "oracle", "last year"))
    return made, _write(tmp_path / "now", made.students), _write(tmp_path / "before", made.earlier)


def test_the_command_names_pairs_writes_a_page_and_prints_json(small, handed_in, tmp_path):
    made, now, before = handed_in
    of = {plant.kind: plant for plant in made.plants}
    options = ("--workbook", str(ROOT), "--last-year", str(before))
    run = small.says("similarity", str(now), *options, "--html", str(tmp_path / "similar.html"))
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == f"{of['oracle'].student} and the workbook's oracles and right answers"
    copy = of["combined"]
    assert f"{copy.source} and {copy.student}" in lines
    assert f"{of['last year'].student} and {of['last year'].source} (earlier class)" in lines
    assert any(
        line.startswith("3 pairs to look at; compared: 16 submissions and 8 of an earlier class") for line in lines
    )
    assert "never a penalty" in " ".join(lines)
    assert all(len(line) <= 80 for line in lines)
    text = (tmp_path / "similar.html").read_text()
    assert copy.source in text
    run = small.says("similarity", str(now), *options, "--json")
    data = json.loads(run.stdout)
    assert [pair["kind"] for pair in data["pairs"]] == ["reference", "student", "earlier"]
    assert data["pairs"][1]["names"] == [copy.source, copy.student]
    assert data["pairs"][0]["other"] is None
    assert data["pairs"][0]["strength"] == "very strong"
    assert {match["level"] for match in data["pairs"][1]["matches"]} <= {"exactly", "word for word"}


def test_results_are_shown_even_if_the_page_cannot_be_written(small, handed_in, tmp_path):
    _, now, _ = handed_in
    run = small.says("similarity", str(now), "--workbook", str(ROOT), "--html", str(tmp_path / "nowhere" / "a.html"))
    assert run.returncode == 2
    assert "2 pairs to look at" in run.stdout
    assert "its folder does not exist" in run.stderr


def test_the_command_hides_names(small, handed_in):
    made, now, _ = handed_in
    run = small.says("similarity", str(now), "--workbook", str(ROOT), "--hide-names", "--json")
    assert run.returncode == 0, run.stderr
    assert not any(name in run.stdout for name in made.students)
    assert len(json.loads(run.stdout)["pairs"]) == 2


def test_one_chapter_can_be_compared_alone(small, tmp_path):
    koan = small.workbook.koans["ch07_attention/causal_mask"]
    text = strip_markers(small.workbook.solution(koan).read_text())
    _write(tmp_path / "now", {"ada": {koan.id: text}, "ben": {koan.id: text}, "cyd": {koan.id: "def causal_mask(:"}})
    run = small.says("similarity", str(tmp_path / "now"), "--only", "ch07")
    assert run.returncode == 0, run.stderr
    assert "nobody is more alike than chance explains" in run.stdout
    assert "cyd: not compared, because the text is not Python: ch07_attention/causal_mask" in run.stdout
    run = small.says("similarity", str(tmp_path / "now"), "--only", "ch07", "--json")
    assert json.loads(run.stdout)["koans"] == len([k for k in small.workbook.koans if k.startswith("ch07")])


@pytest.mark.parametrize(
    "args, says",
    [
        (("nowhere",), "nowhere: does not exist"),
        ((".", "--only", "nonesuch"), "no koan is called 'nonesuch'"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(small, args, says):
    run = small.says("similarity", *args)
    assert run.returncode == 2
    assert says in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
