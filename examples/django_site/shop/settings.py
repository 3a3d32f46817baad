"""A minimal site: users, templates, and sessions in statekit."""

from __future__ import annotations

import os
from pathlib import Path

import statekit

HERE = Path(__file__).parent.parent

SECRET_KEY = os.environ.get("SECRET_KEY", "for development only")
DEBUG = not os.environ.get("SECURE")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
ROOT_URLCONF = "shop.urls"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "users.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "statekit.integrations.django.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

STATEKIT = statekit.open()  # STATEKIT_URL, statekit.toml, or .statekit here
SESSION_ENGINE = "statekit.integrations.django"
if DEBUG:
    SESSION_COOKIE_SECURE = False  # runserver speaks http
else:
    SESSION_COOKIE_NAME = "__Host-sessionid"
