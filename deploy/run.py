"""`make run`: the whole portal on one machine, from a fresh clone to a page that answers, until Ctrl-C.

Hides: the order in which things are built and started, where each keeps its files, and how all of them end together.
The parts: `environment` (.venv), `broker` (Redis), `processes` (children), `console` (words).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.broker import socket_in, start_redis
from deploy.console import Trouble, say, step
from deploy.environment import ROOT, ensure_environment, is_a_full_disk, refuse_a_full_disk
from deploy.processes import Child, Stopped, start, stop, stop_on_signals, tail
from deploy.translations import stale

DATA_MEGABYTES = 300
START_SECONDS = 60
STOP_SECONDS = 12
LOG_BYTES = 5_000_000
EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - recognised, never bound unless the person asked for it


@dataclass(frozen=True)
class Options:
    """What the person chose: address, data folder, and services of their own, if any ("" means ours)."""

    host: str
    port: int
    data: Path
    database_url: str
    redis_url: str

    @property
    def address(self) -> str:
        """Return the address to open in a browser on this machine."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def read_options(environment: Mapping[str, str]) -> Options:
    """Read HOST, PORT, DATA, DATABASE_URL and REDIS_URL; raise Trouble for a port that is none."""
    port = environment.get("PORT") or "8000"
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise Trouble(
            f"PORT 应为 1 至 65535 的整数，现为 {port!r}，例如 make run PORT=8001。",
            f"PORT must be a whole number from 1 to 65535, not {port!r}; for example make run PORT=8001.",
        )
    data = environment.get("DATA") or environment.get("DATA_DIR") or str(ROOT / "data")
    return Options(
        host=environment.get("HOST") or "127.0.0.1",
        port=int(port),
        data=Path(data).expanduser().resolve(),
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
    )


def refuse_a_busy_port(host: str, port: int) -> None:
    """Raise Trouble unless a server can listen on this address now, naming another port to try."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            other = port + 1 if 1024 <= port < 65535 else 8000
            reasons = {
                errno.EADDRINUSE: ("已被占用", "is in use"),
                errno.EACCES: ("需要管理员权限", "needs administrator rights"),
            }
            chinese, english = reasons.get(error.errno or 0, ("不可用", f"cannot be used ({error.strerror or error})"))
            raise Trouble(
                f"{host} 的端口 {port} {chinese}，请换一个：make run PORT={other}",
                f"Port {port} of {host} {english}; choose another: make run PORT={other}",
            ) from error


@contextmanager
def sole_use(data: Path) -> Iterator[None]:
    """Hold the data folder for this start alone; raise Trouble when it cannot be written or another start has it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / "run.lock").open("w")
    except OSError as error:
        if is_a_full_disk(error):
            raise
        raise Trouble(
            f"无法写入数据目录 {data}（{error.strerror}），请换一个：make run DATA=/另一个/目录",
            f"The data folder {data} cannot be written ({error.strerror}); choose another: make run DATA=/other",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble(
                f"数据目录 {data} 正由另一个 make run 使用，请先停止它，或换一个：make run DATA=/另一个/目录",
                f"Another make run is using {data}; stop it, or choose another: make run DATA=/another/folder",
            ) from error
        yield


def own_addresses() -> list[str]:
    """Return the names and the IPv4 address under which other machines may know this one; sends nothing."""
    names = [socket.gethostname()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: only the route is looked up
            names.append(probe.getsockname()[0])
        except OSError:
            pass  # no network: the machine has no other address
    return names


def child_environment(options: Options, redis_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for every child: what was inherited, then what this start decides."""
    environment = {**inherited, "DATA_DIR": str(options.data), "REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}
    environment.setdefault("SITE_URL", options.address)
    if not inherited.get("ALLOWED_HOSTS"):
        hosts = ["localhost", "127.0.0.1", "[::1]"]
        if options.host in EVERYWHERE:
            hosts += own_addresses()
        elif options.host not in hosts:
            hosts.append(f"[{options.host}]" if ":" in options.host else options.host)
        environment["ALLOWED_HOSTS"] = ",".join(hosts)
    if not options.database_url:
        environment.pop("DATABASE_URL", None)
    return environment


def programs(python: Path, options: Options) -> dict[str, list[str]]:
    """Return name -> command line of the web server, the worker and the clock."""
    bind = f"[{options.host}]:{options.port}" if ":" in options.host else f"{options.host}:{options.port}"
    celery = [str(python), "-m", "celery", "--app", "portal"]
    web = [str(python), "-m", "gunicorn", "portal.wsgi:application", "--bind", bind, "--worker-class", "gthread"]
    return {
        "web": [*web, "--workers", "2", "--threads", "4", "--graceful-timeout", "8", "--no-control-socket"],
        "worker": [
            *celery,
            "worker",
            "--concurrency",
            "2",
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ],
        "beat": [*celery, "beat", "--schedule", str(options.data / "beat-schedule"), "--pidfile", ""],
    }


def manage(python: Path, environment: Mapping[str, str], *arguments: str, shown: bool = False) -> str:
    """Run one management command and return what it printed (nothing when shown); Trouble with its last lines."""
    command = [str(python), str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=ROOT,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "" if shown else "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        name = " ".join(arguments)
        raise Trouble(f"manage.py {name} 没有成功。", f"manage.py {name} failed.", said)
    return done.stdout or ""


def prepare_static_files(python: Path, environment: Mapping[str, str]) -> None:
    """Collect and compress css and js when they or the installed packages changed since the last time."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted((ROOT / "static").rglob("*")):
        status = path.stat()
        digest.update(f"{path.relative_to(ROOT)} {status.st_size} {status.st_mtime_ns}\n".encode())
    stamp = ROOT / "build" / "static.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    with step("整理样式与脚本", "collecting static files"):
        manage(python, environment, "collectstatic", "--no-input", "--verbosity", "0")
    stamp.write_text(digest.hexdigest())


def demo_is_due(options: Options) -> bool:
    """Tell whether the database is ours and new; one whose demo was cut short is put away first, to begin afresh.

    A database of the person's own (DATABASE_URL) never gets invented people without being asked.
    """
    begun, database = options.data / "demo.begun", options.data / "portal.sqlite3"
    if options.database_url:
        return False
    if begun.exists():
        say("· 上次演示数据没有建完，重新开始。", "the demo world was cut short last time; starting again.")
        for part in options.data.glob("portal.sqlite3*"):
            part.unlink()
        shutil.rmtree(options.data / "files", ignore_errors=True)
    return not database.exists()


def prepare(python: Path, environment: Mapping[str, str], options: Options) -> None:
    """Bring translations, static files, database and demo world up to date, each step shown with its time."""
    if stale(ROOT):
        with step("编译译文", "compiling translations"):
            subprocess.run([str(python), "-m", "deploy.translations"], cwd=ROOT, check=True)
    prepare_static_files(python, environment)
    due, begun = demo_is_due(options), options.data / "demo.begun"
    if due:
        begun.touch()
    with step("更新数据库", "migrating the database"):
        manage(python, environment, "migrate", "--no-input", "--verbosity", "0")
        if options.database_url:
            manage(python, environment, "configure")  # districts, programmes, limits; the demo world brings its own
    if due:
        with step("建立演示数据", "building the demo world"):
            manage(python, environment, "demo", shown=True)
        begun.unlink()


def keep_log_short(log: Path) -> Path:
    """Move a log that grew long aside (one old one is kept) and return the path to write to."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    return log


def refuse_a_dead_child(children: Sequence[Child]) -> None:
    """Raise Trouble with the name and last words of a child that ended."""
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise Trouble(
                f"{child.name} 意外结束（{code}），记录见 {child.log}：",
                f"{child.name} ended unexpectedly ({code}); its log is {child.log}:",
                tail(child.log),
            )


def page_answers(address: str) -> bool:
    """Tell whether the web server gives a page (anything but a server error counts)."""
    try:
        with urllib.request.urlopen(f"{address}/", timeout=5):  # noqa: S310 - always our own http address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def wait_for_page(address: str, children: Sequence[Child]) -> None:
    """Return once the page answers; raise Trouble when a child dies first or nothing answers in time."""
    deadline = time.monotonic() + START_SECONDS
    while not page_answers(address):
        refuse_a_dead_child(children)
        if time.monotonic() > deadline:
            web = next(child for child in children if child.name == "web")
            raise Trouble(
                f"{START_SECONDS} 秒内 {address} 没有给出页面，记录见 {web.log}：",
                f"No page at {address} within {START_SECONDS} seconds; the log is {web.log}:",
                tail(web.log),
            )
        time.sleep(0.1)


def demo_accounts(python: Path, environment: Mapping[str, str], options: Options) -> list[dict[str, str]]:
    """Return {"username", "password", "role", "try"} per demo account; none for a database of the person's own."""
    if options.database_url:
        return []
    accounts: list[dict[str, str]] = json.loads(manage(python, environment, "demo", "--accounts"))
    return accounts


def announce(options: Options, accounts: Sequence[Mapping[str, str]]) -> None:
    """Print where to go, as whom, how to stop, and where the logs are."""
    say(f"\n平台已启动：{options.address}/", "the portal is running")
    if accounts:
        say("\n演示账号（每个角色一个）：", "demo accounts, one per role:")
        for account in accounts:
            say(f"  {account['username']} / {account['password']}  {account['role']}：{account['try']}")
    else:
        say(
            "使用您自己的数据库，未建演示数据；需要时运行 make demo。",
            "your own database: run make demo for demo data.",
        )
    say(f"\n数据与记录：{options.data}", f"logs: {options.data / 'logs'}")
    say("按 Ctrl-C 停止。", "Ctrl-C stops everything.")


def broker_for(options: Options, stack: ExitStack) -> tuple[str, list[Child]]:
    """Return the URL of the person's own Redis, or of one started here (and its child), which the stack stops."""
    if options.redis_url:
        return options.redis_url, []
    path = stack.enter_context(socket_in(options.data))
    log = keep_log_short(options.data / "logs" / "redis.log")
    child = start_redis(path, options.data / "redis", log, os.environ)
    stack.callback(stop, [child], 5)
    return f"unix://{path}", [child]


def serve(python: Path, options: Options, stack: ExitStack) -> None:
    """Prepare and start everything, then watch it; returns only by an exception, and the stack stops the children."""
    redis_url, watched = broker_for(options, stack)
    environment = child_environment(options, redis_url, os.environ)
    prepare(python, environment, options)
    children: list[Child] = []
    stack.callback(stop, children, STOP_SECONDS)  # called before the broker is stopped, with what was started by then
    with step("启动网站、后台任务与定时器", "starting web, worker and beat"):
        for name, command in programs(python, options).items():
            log = keep_log_short(options.data / "logs" / f"{name}.log")
            children.append(start(name, command, log, environment, ROOT))
        watched += children
        accounts = demo_accounts(python, environment, options)
        wait_for_page(options.address, watched)
    announce(options, accounts)
    while True:
        time.sleep(0.5)
        refuse_a_dead_child(watched)


def main() -> int:
    """Run until stopped and return the exit code: 0 after Ctrl-C or SIGTERM, 1 with one clear sentence otherwise."""
    stop_on_signals()
    try:
        options = read_options(os.environ)
        refuse_a_busy_port(options.host, options.port)
        refuse_a_full_disk(options.data, DATA_MEGABYTES)
        with ExitStack() as stack:
            stack.enter_context(sole_use(options.data))
            python = ensure_environment()
            serve(python, options, stack)
    except Stopped:
        say("\n已全部停止，数据已保留。", "all stopped, the data is kept.")
        return 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
    except OSError as error:
        if not is_a_full_disk(error):
            raise
        print("\n磁盘已满，请清理后再试。\nThe disk is full; make room and try again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
