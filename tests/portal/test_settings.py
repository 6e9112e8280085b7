"""The settings: defaults that work at once, nonsense refused aloud, one secret key however many start."""

from __future__ import annotations

import os
import runpy
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]
SETTINGS = BASE_DIR / "portal" / "settings.py"
OURS = (
    "ALLOWED_HOSTS", "CALENDAR_PER_HOUR", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "DEFAULT_FROM_EMAIL", "DIGEST_HOUR",
    "EMAIL_BACKEND", "EMAIL_HOST",
    "EMAIL_PORT", "HTTPS", "ISSUER_KEYS", "LOG_LEVEL", "MAX_OBJECTION_MEGABYTES", "MAX_UPLOAD_MEGABYTES", "OBJECTIONS_PER_HOUR",
    "PROTECTED_FILES_PREFIX", "PROXIES", "REDIS_URL", "REGISTRATIONS_PER_HOUR", "SECRET_KEY", "SIGN_IN_ATTEMPTS",
    "SIGN_IN_MINUTES", "SIGN_IN_NAME_ATTEMPTS", "SITE_URL",
    "SWEEP_SECONDS", "UNKNOWN_CERTIFICATES_PER_HOUR", "WORK_ATTEMPTS", "WORK_LEASE_SECONDS",
)  # fmt: skip


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Read the settings as a new process with these variables would."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))

    def read(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return read


def test_the_defaults_work_on_one_machine_and_show_no_traces_to_strangers(load, tmp_path):
    found, data = load(), (tmp_path / "data").resolve()
    assert (found["DATA_DIR"], found["DEBUG"], found["HTTPS"]) == (data, False, False)
    assert found["DATABASES"]["default"]["NAME"] == str(data / "portal.sqlite3")
    assert found["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert found["CELERY_BROKER_URL"] == f"redis+socket://{data / 'redis.sock'}"
    assert (found["MEDIA_ROOT"], found["EMAIL_FILE_PATH"]) == (data / "files", data / "mail")
    assert found["ISSUER_KEYS"] == data / "issuer-keys"
    assert (found["LANGUAGE_CODE"], found["TIME_ZONE"], found["USE_TZ"]) == ("zh-hans", "Asia/Shanghai", True)


@pytest.mark.parametrize("name", ["DEBUG", "HTTPS"])
@pytest.mark.parametrize("value,expected", [("1", True), ("True", True), ("yes", True), ("0", False), ("No", False)])
def test_a_flag_is_read_in_any_usual_spelling(load, name, value, expected):
    assert load(**{name: value})[name] is expected


@pytest.mark.parametrize("name", ["DEBUG", "HTTPS"])
@pytest.mark.parametrize("value", ["", "2", "on ", "falsch", "否"])
def test_a_flag_that_is_neither_is_refused_by_name(load, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be 1 or 0"):
        load(**{name: value})


NUMBERS = [
    "CALENDAR_PER_HOUR", "DIGEST_HOUR", "EMAIL_PORT", "MAX_OBJECTION_MEGABYTES", "MAX_UPLOAD_MEGABYTES",
    "OBJECTIONS_PER_HOUR", "PROXIES", "REGISTRATIONS_PER_HOUR", "SIGN_IN_ATTEMPTS", "SIGN_IN_MINUTES",
    "SIGN_IN_NAME_ATTEMPTS", "SWEEP_SECONDS", "UNKNOWN_CERTIFICATES_PER_HOUR", "WORK_ATTEMPTS", "WORK_LEASE_SECONDS",
]  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["", "-1", "1.5", "ten", "1e3", "²"])
def test_a_number_that_is_none_is_refused_by_name(load, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be a whole number"):
        load(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken(load, name):
    assert load(**{name: "7"})[name] == 7


def test_an_hour_that_no_day_has_is_refused_by_name(load):
    assert load(DIGEST_HOUR="23")["DIGEST_HOUR"] == 23
    with pytest.raises(ImproperlyConfigured, match="DIGEST_HOUR must be at most 23"):
        load(DIGEST_HOUR="24")


@pytest.mark.parametrize("url", ["mysql://x/y", "oracle://x/y"])
def test_a_database_that_is_not_supported_is_refused(load, url):
    with pytest.raises(ImproperlyConfigured, match="must be sqlite or postgres"):
        load(DATABASE_URL=url)


def test_a_database_on_a_socket_is_understood(load):
    found = load(DATABASE_URL="postgres://portal@%2Ftmp%2Fsocket/city")["DATABASES"]["default"]
    assert (found["ENGINE"], found["HOST"], found["NAME"]) == ("django.db.backends.postgresql", "/tmp/socket", "city")
    assert "OPTIONS" not in found  # those are SQLite's


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("ALLOWED_HOSTS", "a.example.org, b.example.org ,", ["a.example.org", "b.example.org"]),
        ("CSRF_TRUSTED_ORIGINS", "", []),
        ("CSRF_TRUSTED_ORIGINS", " https://a.example.org", ["https://a.example.org"]),
        ("SITE_URL", "https://stars.example.org/", "https://stars.example.org"),
        ("REDIS_URL", "redis://queue:6379/1", "redis://queue:6379/1"),
    ],
)
def test_names_are_read_without_what_does_not_belong_to_them(load, name, value, expected):
    assert load(**{name: value})[name] == expected


def test_https_makes_every_cookie_secure(load):
    plain, secure = load(), load(HTTPS="1")
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert [plain[name] for name in names] == [False, False]
    assert [secure[name] for name in names] == [True, True]
    assert secure["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert "SECURE_PROXY_SSL_HEADER" not in plain  # or anybody could claim to have come by https


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(load, tmp_path):
    first, second = load()["SECRET_KEY"], load()["SECRET_KEY"]
    kept = tmp_path / "data" / "secret_key"
    assert first == second == kept.read_text()
    assert len(first) >= 50
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]
    assert load(SECRET_KEY="given")["SECRET_KEY"] == "given"


def test_many_who_start_at_once_agree_on_one_key(load, tmp_path):
    kept_secret = load(SECRET_KEY="given")["kept_secret"]
    with ThreadPoolExecutor(16) as starters:
        found = set(starters.map(kept_secret, [tmp_path / "fresh"] * 64))
    assert found == {(tmp_path / "fresh" / "secret_key").read_text()}


def test_a_process_with_nonsense_does_not_start_and_says_why(tmp_path):
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DEBUG": "perhaps"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DEBUG 应为 1 或 0，现为 'perhaps'。" in done.stderr
