"""docs/CLUSTER.md and the files in docs/cluster: what they run is what the commands take."""

import re
import shlex
import subprocess

import pytest
import typer
import yaml

from grader import cli
from tests.conftest import ROOT

PAGE = (ROOT / "docs/CLUSTER.md").read_text("utf-8")
SCRIPT = ROOT / "docs/cluster/slurm.sh"
MANIFEST = (ROOT / "docs/cluster/kubernetes.yaml").read_text("utf-8")
OBJECTS = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(MANIFEST)}
PODS = {name: one["spec"]["template"]["spec"] for (kind, name), one in OBJECTS.items() if kind == "Deployment"}


def given(text):
    """The arguments of each `koans` in shell code. A word that the shell would replace stands for some word."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE))
    text = re.sub(r'"?\$\{?\w[^}"\s]*\}?"?|"\$@"', "1", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line.replace("'", " "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        while "koans" in words:
            words = words[words.index("koans") + 1 :]
            ends = (i for i, word in enumerate(words) if re.fullmatch(r"[;&|<>()]+", word))
            if words and re.fullmatch("[a-z]+", words[0]):
                yield words[: next(ends, len(words))]


def takes(arguments):
    """Raises an error of the command line if `koans` does not take these arguments."""
    command, context = typer.main.get_command(cli.app), None
    while True:
        context = command.make_context("koans", list(arguments), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])


BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
SHELL = [*BLOCK.findall(PAGE), SCRIPT.read_text("utf-8")]
COMMANDS = [words for code in SHELL for words in given(code)]
COMMANDS += [container["command"][1:] for pod in PODS.values() for container in pod["containers"]]
MENTIONS = [words for code in re.findall(r"`([^`]+)`", BLOCK.sub("", PAGE)) for words in given(code)]


def test_the_page_shows_every_command_of_an_engine():
    verbs = {tuple(words[:2]) for words in COMMANDS if words[0] == "engine"}
    assert verbs >= {("engine", "certificates"), ("engine", "scheduler"), ("engine", "worker")}
    assert sum(words[0] == "grade" for words in COMMANDS) >= 4


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command_line_takes_what_the_page_shows(words):
    takes(words)


@pytest.mark.parametrize("words", MENTIONS, ids=" ".join)
def test_the_command_line_has_what_the_page_mentions(words):
    try:
        takes(words)
    except Exception as error:
        if type(error).__name__ != "MissingParameter":
            raise


def test_a_command_that_is_wrong_would_be_noticed():
    [words] = given("nohup koans engine worker --gpu 2 &")
    with pytest.raises(Exception, match="No such option"):
        takes(words)


def test_the_page_quotes_the_script_for_slurm_whole():
    assert f"```sh\n{SCRIPT.read_text('utf-8')}```\n" in PAGE
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    assert SCRIPT.stat().st_mode & 0o111


def test_what_the_page_links_to_exists():
    places = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert places and all((ROOT / "docs" / place).is_file() for place in places)
    assert all((ROOT / place).is_file() for place in re.findall(r"docs/cluster/[\w.]+", PAGE))
    titles = {re.sub(r"\W+", "-", title.lower()) for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles


def test_the_parts_of_the_manifest_fit_together():
    assert set(OBJECTS) == {
        ("Service", "koans-scheduler"),
        ("Deployment", "koans-scheduler"),
        ("Deployment", "koans-worker"),
    }
    service = OBJECTS["Service", "koans-scheduler"]["spec"]
    for name in PODS:
        deployment = OBJECTS["Deployment", name]["spec"]
        assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
    assert service["selector"] == OBJECTS["Deployment", "koans-scheduler"]["spec"]["selector"]["matchLabels"]
    scheduler = PODS["koans-scheduler"]["containers"][0]
    assert [port["port"] for port in service["ports"]] == [port["containerPort"] for port in scheduler["ports"]]
    assert f"tls://koans-scheduler:{service['ports'][0]['port']}" in PODS["koans-worker"]["containers"][0]["command"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_the_certificates_and_no_right_that_it_does_not_need(name):
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    [volume] = pod["volumes"]
    assert volume["secret"]["defaultMode"] & 0o007 == 0
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        [mount] = container["volumeMounts"]
        assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
        assert container["command"][-2:] == ["--certificates", mount["mountPath"]]
    assert f"generic {volume['secret']['secretName']} --from-file=" in PAGE
