"""Addresses of engines: which are meant, and which are refused because a connection would not be encrypted."""

import socket
import threading

import pytest

from grader.book.errors import KoansError
from grader.course.engine import addresses, certificates
from grader.course.engine.addresses import Local, Remote, parse


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("local", Local()),
        ("local:4", Local(4)),
        ("tcp://127.0.0.1", Remote("tcp", "127.0.0.1", 8786)),
        ("tcp://127.3.2.1:9000", Remote("tcp", "127.3.2.1", 9000)),
        ("tcp://localhost:1", Remote("tcp", "localhost", 1)),
        ("tcp://[::1]:9000", Remote("tcp", "::1", 9000)),
        ("tls://node1", Remote("tls", "node1", 8786)),
        ("tls://10.0.0.5:9000", Remote("tls", "10.0.0.5", 9000)),
        ("tls://[fd00::5]", Remote("tls", "fd00::5", 8786)),
    ],
)
def test_an_address_is_read_and_written_in_one_way(text, meant):
    assert parse(text) == meant
    assert parse(str(meant)) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "node1", "node1:8786", "http://node1", "tls:/node1", "tls://", "tls://node1:", "tls://node1:0", "local:"),
        *("tls://node1:65536", "tls://a b", "tls://me@node1", "tls://node1/x", "tls://::1", "tls://[node1]", "local:0"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text):
    with pytest.raises(KoansError, match=r"^[^\n]+$"):
        parse(text)


@pytest.mark.parametrize(
    "host", ["node1", "10.0.0.5", "0.0.0.0", "[::]", "128.0.0.1", "localhost.example.org", "127.1"]
)
def test_a_connection_to_another_machine_must_be_encrypted(host):
    with pytest.raises(KoansError, match="without encryption, everybody in the network could run code"):
        parse(f"tcp://{host}:8786")


def test_a_scheduler_on_loopback_needs_no_certificates_and_any_other_needs_them():
    assert addresses.certificates_for(Remote("tcp", "127.0.0.1"), None) is None
    with pytest.raises(
        KoansError, match=r"tls://localhost:8786 needs certificates: give --certificates DIR, or set KOAN"
    ):
        addresses.certificates_for(Remote("tls", "localhost"), None)


def test_local_workers_are_no_scheduler():
    with pytest.raises(KoansError, match="give the address of a scheduler"):
        addresses.scheduler_at("local:4")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def test_a_port_that_is_in_use_is_one_line_that_says_which_option_chooses_another(listener):
    port = listener.getsockname()[1]
    with pytest.raises(
        KoansError, match=rf"^cannot listen at 127.0.0.1:{port} \(address already in use\): --port PORT"
    ):
        addresses.check_free("127.0.0.1", port, "--port PORT")


def test_a_scheduler_that_is_not_there_is_one_line(listener):
    missing = Remote("tcp", "127.0.0.1", listener.getsockname()[1])
    listener.close()
    waits = []
    with pytest.raises(KoansError, match=rf"^no scheduler at {missing} \(connection refused\): does `koans engine sch"):
        addresses.wait_for(missing, None, patience=0, on_wait=lambda: waits.append(1))
    assert waits == []
    unknown = Remote("tcp", "no-such-host.invalid")
    with pytest.raises(KoansError, match=rf"^no scheduler at {unknown} \("):
        addresses.wait_for(unknown, None, patience=0)


def test_a_worker_waits_for_a_scheduler_that_starts_later(listener):
    port = listener.getsockname()[1]
    listener.close()
    opened = []
    addresses.wait_for(
        Remote("tcp", "127.0.0.1", port),
        None,
        patience=60,
        on_wait=lambda: opened.append(socket.create_server(("127.0.0.1", port))),
    )
    assert len(opened) == 1
    opened[0].close()


def test_a_scheduler_with_other_certificates_is_one_line(listener, tmp_path):
    own, other = (certificates.make(tmp_path / name) for name in ("own", "other"))
    address = Remote("tls", "127.0.0.1", listener.getsockname()[1])
    context = certificates.security(other).get_listen_args("scheduler")["ssl_context"]

    def answer():
        for _ in range(2):
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    answers = threading.Thread(target=answer)
    answers.start()
    addresses.wait_for(address, other, patience=0)
    with pytest.raises(KoansError, match=rf"^{address} does not use the certificates in {own.folder}: copy the same"):
        addresses.wait_for(address, own, patience=0)
    answers.join()


def test_without_dask_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(addresses, "find_spec", lambda name: None if name == "bokeh" else name)
    with pytest.raises(
        KoansError, match=r"^grading on Dask needs libraries that are not installed: pip install bokeh \("
    ):
        addresses.require_dask()
