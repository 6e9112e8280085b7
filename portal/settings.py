"""All settings, from the environment, with defaults that work at once on one machine.

Hides: where data lives, which database and broker are used. Every variable is listed in docs/operator.md (a test compares).
"""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool) -> bool:
    """Read a yes/no variable; anything else is refused aloud instead of being guessed."""
    value = os.environ.get(name, "1" if default else "0").lower()
    if value not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} 应为 1 或 0，现为 {value!r}。 {name} must be 1 or 0.")
    return value in {"1", "true", "yes"}


def number(name: str, default: int, most: int | None = None) -> int:
    """Read a whole, not negative number, not above ``most``, or refuse aloud."""
    value = os.environ.get(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} 应为整数，现为 {value!r}。 {name} must be a whole number.")
    if most is not None and int(value) > most:
        raise ImproperlyConfigured(f"{name} 不得大于 {most}，现为 {value}。 {name} must be at most {most}.")
    return int(value)


def kept_secret(directory: Path) -> str:
    """Return the secret key kept beside the data, made on the first start (two starters agree on one key)."""
    path = directory / "secret_key"
    directory.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Written beside it and linked whole: a second starter never reads half a key.
        with tempfile.NamedTemporaryFile("w", dir=directory) as draft:
            draft.write(secrets.token_urlsafe(50))
            draft.flush()
            with suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text()


def listed(name: str, default: str = "") -> list[str]:
    """Read names separated by commas; spaces around them are not part of them."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "data")).resolve()
DEBUG = flag("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or kept_secret(DATA_DIR)
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver")
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")
SITE_URL = os.environ.get("SITE_URL", "http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "portal",
    "communities",
    "experts",
    "evaluation",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "portal.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "my-work"
LOGOUT_REDIRECT_URL = "home"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shell",
            ],
            "builtins": ["portal.templatetags.portal", "django.templatetags.i18n", "django.templatetags.static"],
        },
    },
]

# --- database -----------------------------------------------------------------------------------------------------
DATABASE_URL = os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'portal.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        # Django's deferred transactions fail with "database is locked" as soon as two writers meet.
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
elif not DATABASES["default"]["ENGINE"].endswith("postgresql"):
    raise ImproperlyConfigured("DATABASE_URL 只支持 sqlite 与 postgres。 DATABASE_URL must be sqlite or postgres.")

# --- worker -------------------------------------------------------------------------------------------------------
REDIS_URL = os.environ.get("REDIS_URL") or f"unix://{DATA_DIR / 'redis.sock'}"
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the longest task, or a slow task would be run twice at once.
    "visibility_timeout": 600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 10,
    # The bell must never hold up an answer to a person (it did for six seconds without this): the row is the truth,
    # the sweep rings again.
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 30,
}
CELERY_TIMEZONE = "Asia/Shanghai"
SWEEP_SECONDS = number("SWEEP_SECONDS", 30)
WORK_LEASE_SECONDS = number("WORK_LEASE_SECONDS", 60)
WORK_ATTEMPTS = number("WORK_ATTEMPTS", 5)
CELERY_BEAT_SCHEDULE = {"sweep": {"task": "portal.tasks.sweep", "schedule": SWEEP_SECONDS}}

# --- files --------------------------------------------------------------------------------------------------------
MEDIA_ROOT = DATA_DIR / "files"
MAX_UPLOAD_MEGABYTES = number("MAX_UPLOAD_MEGABYTES", 100)
MAX_OBJECTION_MEGABYTES = number("MAX_OBJECTION_MEGABYTES", 100)
# Drawings (PDF, DWG) and films, when they come piece by piece and can be resumed.
MAX_DRAWING_MEGABYTES = number("MAX_DRAWING_MEGABYTES", 500)
UPLOAD_DIR = Path(os.environ.get("UPLOAD_DIR") or DATA_DIR / "uploads").resolve()
UPLOAD_DAYS = number("UPLOAD_DAYS", 7)
MAX_OPEN_UPLOADS = number("MAX_OPEN_UPLOADS", 100)
MAX_OPEN_UPLOAD_MEGABYTES = number("MAX_OPEN_UPLOAD_MEGABYTES", 5000)
# Pieces that one web process receives at once: fewer than its threads, so that slow lines never stop the pages.
UPLOADS_AT_ONCE = number("UPLOADS_AT_ONCE", 3)
# What one opening of a stranger's file may take, in a process of its own.
OPENING_SECONDS = number("OPENING_SECONDS", 60)
OPENING_MEGABYTES = number("OPENING_MEGABYTES", 1500)
PROTECTED_FILES_PREFIX = os.environ.get("PROTECTED_FILES_PREFIX", "")
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

# --- people, languages, time --------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("中文")), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True

# --- messages -----------------------------------------------------------------------------------------------------
EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = number("EMAIL_PORT", 25)
# A mail server that falls silent holds up a worker no longer than this; less than WORK_LEASE_SECONDS.
EMAIL_TIMEOUT = number("EMAIL_TIMEOUT", 20)
DIGEST_HOUR = number("DIGEST_HOUR", 7, most=23)
# When the day's open data are written; later where the portal stood still at that hour.
OPEN_DATA_HOUR = number("OPEN_DATA_HOUR", 2, most=23)
CALENDAR_PER_HOUR = number("CALENDAR_PER_HOUR", 60)
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "portal@example.org")

# --- safety -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["portal.attempts.CountingBackend"]
# How many proxies of ours stand in front: only what they add to X-Forwarded-For is believed.
PROXIES = number("PROXIES", 0)
SIGN_IN_ATTEMPTS = number("SIGN_IN_ATTEMPTS", 10)
SIGN_IN_MINUTES = number("SIGN_IN_MINUTES", 15)
# Of one user name from all addresses together; browsers in which the person has signed in before do not count.
SIGN_IN_NAME_ATTEMPTS = number("SIGN_IN_NAME_ATTEMPTS", 20)
REGISTRATIONS_PER_HOUR = number("REGISTRATIONS_PER_HOUR", 30)
OBJECTIONS_PER_HOUR = number("OBJECTIONS_PER_HOUR", 10)
# How long the link holds by which a person of an imported pool sets a password, and how often it is sent again.
FIRST_PASSWORD_DAYS = number("FIRST_PASSWORD_DAYS", 14)
FIRST_PASSWORD_MAILS_PER_HOUR = number("FIRST_PASSWORD_MAILS_PER_HOUR", 3)
# The private keys that seal certificates: never in the database, read by the workers alone.
ISSUER_KEYS = Path(os.environ.get("ISSUER_KEYS") or DATA_DIR / "issuer-keys").resolve()
# Numbers of certificates that do not exist, asked for from one address; then no number is looked up for it.
UNKNOWN_CERTIFICATES_PER_HOUR = number("UNKNOWN_CERTIFICATES_PER_HOUR", 30)
PASSWORD_RESET_TIMEOUT = FIRST_PASSWORD_DAYS * 24 * 3600  # seconds; passwords that were set are not reset
HTTPS = flag("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 8 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, since it names the scheme that a 401 answers with.
        "portal.api_access.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "portal.api_access.WithinScope"],
    "DEFAULT_SCHEMA_CLASS": "portal.api_schema.Schema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "portal.api.refusal",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "智慧小区建设管理平台 API",
    "DESCRIPTION": "每一页能做的事，这里都能做；拒绝的理由与页面相同。",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "OrganisationKind": "communities.models.Organisation.Kind",
        "FindingKind": "evaluation.models.Finding.Kind",
        "ObjectionKind": "evaluation.models.Objection.Kind",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING").upper()},
}
