"""Our own Redis: where its socket lies and that it really answers there."""

import os
from pathlib import Path

import pytest

from deploy.broker import answers, redis_command, socket_in, start_redis
from deploy.processes import stop


def test_a_short_plain_folder_holds_its_own_socket():
    with socket_in(Path("/srv/portal")) as path:
        assert path == Path("/srv/portal/redis.sock")


@pytest.mark.parametrize("folder", ["/srv/" + "x" * 90, "/srv/智慧小区", "/srv/my data", "/srv/50%"])
def test_a_folder_that_no_socket_url_can_name_gets_a_short_one_elsewhere(folder):
    with socket_in(Path(folder)) as path:
        assert len(os.fsencode(path)) <= 100
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_redis_listens_on_no_port():
    command = redis_command(Path("redis-server"), Path("/r.sock"), Path("/data"))
    assert command[command.index("--port") + 1] == "0"


def test_redis_starts_over_a_stale_socket_and_answers(tmp_path):
    with socket_in(tmp_path / ("x" * 100)) as path:
        path.touch()
        assert answers(path) is False
        child = start_redis(path, tmp_path / "queue", tmp_path / "redis.log", os.environ)
        try:
            assert answers(path) is True
        finally:
            stop([child], 5)
        assert answers(path) is False
