"""What `make run` decides before it starts anything, and the sentences of its refusals."""

import errno
import fcntl
import socket
import sys
from pathlib import Path

import pytest

from deploy import run
from deploy.console import Trouble
from deploy.environment import ROOT
from deploy.processes import start, stop
from deploy.run import (
    Options,
    announce,
    child_environment,
    demo_is_due,
    keep_log_short,
    page_answers,
    programs,
    read_options,
    refuse_a_busy_port,
    refuse_a_dead_child,
    sole_use,
)


@pytest.fixture
def options(tmp_path):
    """Give the choices of somebody who chose only the folder."""
    return Options("127.0.0.1", 8000, tmp_path, "", "")


def test_without_any_variable_everything_has_a_default():
    assert read_options({}) == Options("127.0.0.1", 8000, ROOT / "data", "", "")


def test_every_variable_is_respected(tmp_path):
    given = {"HOST": "::1", "PORT": "8001", "DATA": str(tmp_path), "DATABASE_URL": "postgres:///p", "REDIS_URL": "r"}
    assert read_options(given) == Options("::1", 8001, tmp_path, "postgres:///p", "r")


def test_a_home_folder_in_data_is_expanded():
    assert read_options({"DATA": "~/portal"}).data == (Path.home() / "portal").resolve()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "8000.0", "八千", "8 000"])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(Trouble) as caught:
        read_options({"PORT": port})
    assert caught.value.chinese == f"PORT 应为 1 至 65535 的整数，现为 {port!r}，例如 make run PORT=8001。"


@pytest.mark.parametrize(
    "host, address",
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("portal.example.org", "http://portal.example.org:8000"),
    ],
)
def test_the_address_is_one_that_opens_on_this_machine(host, address, tmp_path):
    assert Options(host, 8000, tmp_path, "", "").address == address


def test_a_busy_port_is_refused_with_another_to_try():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Trouble) as caught:
            refuse_a_busy_port("127.0.0.1", port)
    suggested = port + 1 if port < 65535 else 8000
    assert caught.value.chinese == f"127.0.0.1 的端口 {port} 已被占用，请换一个：make run PORT={suggested}"
    assert caught.value.english == f"Port {port} of 127.0.0.1 is in use; choose another: make run PORT={suggested}"


def test_a_port_for_administrators_is_refused_with_the_reason(monkeypatch):
    def forbidden(self, address):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(Trouble) as caught:
        refuse_a_busy_port("127.0.0.1", 80)
    assert caught.value.chinese == "127.0.0.1 的端口 80 需要管理员权限，请换一个：make run PORT=8000"


def test_a_free_port_is_accepted():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    refuse_a_busy_port("127.0.0.1", port)


def test_a_data_folder_in_use_is_refused(tmp_path):
    with sole_use(tmp_path), pytest.raises(Trouble) as caught, sole_use(tmp_path):
        pass
    assert caught.value.english == (
        f"Another make run is using {tmp_path}; stop it, or choose another: make run DATA=/another/folder"
    )


def test_a_data_folder_is_free_again_after_use(tmp_path):
    with sole_use(tmp_path):
        pass
    with (tmp_path / "run.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Trouble) as caught, sole_use(tmp_path / "file" / "data"):
        pass
    assert caught.value.chinese.startswith(f"无法写入数据目录 {tmp_path / 'file' / 'data'}")


def test_children_learn_where_data_broker_and_site_are(options):
    assert child_environment(options, "unix:///r.sock", {"LANG": "C"}) == {
        "LANG": "C",
        "DATA_DIR": str(options.data),
        "REDIS_URL": "unix:///r.sock",
        "PYTHONUNBUFFERED": "1",
        "SITE_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    }


def test_what_the_person_set_wins_over_our_defaults(tmp_path):
    options = Options("127.0.0.1", 8000, tmp_path, "postgres:///p", "redis://r")
    given = {"SITE_URL": "https://portal.example.org", "ALLOWED_HOSTS": "a", "DATABASE_URL": "postgres:///p"}
    environment = child_environment(options, "redis://r", given)
    assert {name: environment[name] for name in given} == given


def test_a_server_for_every_address_is_allowed_under_the_names_of_this_machine(tmp_path):
    options = Options("0.0.0.0", 8000, tmp_path, "", "")  # noqa: S104
    assert socket.gethostname() in child_environment(options, "r", {})["ALLOWED_HOSTS"].split(",")


@pytest.mark.parametrize("host, bind", [("127.0.0.1", "127.0.0.1:8000"), ("::1", "[::1]:8000")])
def test_the_web_server_listens_where_it_was_asked_to(host, bind, tmp_path):
    command = programs(Path("python"), Options(host, 8000, tmp_path, "", ""))["web"]
    assert command[command.index("--bind") + 1] == bind


def test_a_new_folder_gets_the_demo_world(options):
    assert demo_is_due(options) is True


def test_a_database_that_is_there_is_left_alone(options):
    (options.data / "portal.sqlite3").write_text("cases")
    assert demo_is_due(options) is False
    assert (options.data / "portal.sqlite3").read_text() == "cases"


def test_a_demo_cut_short_is_put_away_and_built_again(options):
    for name in ("demo.begun", "portal.sqlite3", "portal.sqlite3-wal"):
        (options.data / name).touch()
    assert demo_is_due(options) is True
    assert [path.name for path in options.data.iterdir()] == ["demo.begun"]


def test_a_database_of_ones_own_never_gets_invented_people(tmp_path):
    assert demo_is_due(Options("127.0.0.1", 8000, tmp_path, "postgres:///p", "")) is False


def test_a_child_that_ended_is_named_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "print('no more room'); raise SystemExit(3)"]
    child = start("worker", command, tmp_path / "worker.log", {}, tmp_path)
    child.process.wait()
    with pytest.raises(Trouble) as caught:
        refuse_a_dead_child([child])
    assert caught.value.chinese == f"worker 意外结束（3），记录见 {tmp_path / 'worker.log'}："
    assert caught.value.detail == "no more room"


def test_a_child_that_runs_is_no_trouble(tmp_path):
    child = start("worker", [sys.executable, "-c", "input()"], tmp_path / "log", {}, tmp_path)
    running = start("clock", ["sleep", "60"], tmp_path / "log", {"PATH": "/usr/bin:/bin"}, tmp_path)
    refuse_a_dead_child([running])
    stop([child, running], 5)


def test_a_long_log_is_put_aside_once(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LOG_BYTES", 3)
    log = tmp_path / "web.log"
    log.write_text("long")
    assert keep_log_short(log) == log
    assert (log.exists(), (tmp_path / "web.old.log").read_text()) == (False, "long")


def test_an_address_without_a_server_gives_no_page():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        assert page_answers(f"http://127.0.0.1:{other.getsockname()[1]}") is False


def test_the_accounts_are_printed_with_what_each_can_try(options, capsys):
    announce(options, [{"username": "demo", "password": "secret", "role": "专家", "try": "逐条评分"}])
    assert "  demo / secret  专家：逐条评分\n" in capsys.readouterr().out
