"""The reference: the portal's database and session, Django's default middleware, and one bare view."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.reference"
WSGI_APPLICATION = "tests.bench.reference.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
