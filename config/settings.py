"""Settings, from the environment.

A production start needs DATABASE_URL, REDIS_URL, SECRET_KEY and ALLOWED_HOSTS, and says which one is
missing. `make demo` and `make test` set them for the servers that they start, and PORTAL_DEMO=1,
which allows plain HTTP on this machine and the published demo passwords.
"""

from ipaddress import ip_network
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def required(name: str) -> str:
    """The environment variable `name`; raises ImproperlyConfigured with a sentence that names it."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: the portal does not start without it. "
            f"Set {name} in the environment, or try the portal with `make demo`."
        )
    return value


DEMO = env.bool("PORTAL_DEMO", default=False)
DEBUG = False
SECRET_KEY = required("SECRET_KEY")
required("ALLOWED_HOSTS")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
required("DATABASE_URL")
DATABASE = env.db("DATABASE_URL")
DATABASES = {
    "default": {
        **DATABASE,
        "ENGINE": "django.db.backends.postgresql",
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # A reading holds endings up until its transaction is over (access.clock): none stays idle.
            "options": "-c statement_timeout=15s -c lock_timeout=10s "
            "-c idle_in_transaction_session_timeout=20s",
            **DATABASE.get("OPTIONS", {}),
        },
    }
}
REDIS_URL = required("REDIS_URL")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.forms",
    "django_htmx",
    "config",
    "guardian",
    "auditlog",
    "csp",
    "customers",
    "audit",
    "access",
]

MIDDLEWARE = [
    "config.proxies.TrustedProxies",
    "config.access_log.AccessLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "audit.middleware.WhoIsActing",
    "access.middleware.PolicyGate",
    "config.streams.FewStreams",
]

ROOT_URLCONF = "config.urls"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
WSGI_APPLICATION = "config.wsgi.application"
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
                "access.band.band",
            ]
        },
    }
]

# People, sessions, permissions
AUTH_USER_MODEL = "access.Person"
AUTHENTICATION_BACKENDS = [
    "access.backends.RoleBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
#: How long a code is good by which somebody chooses their password (access.codes), in seconds.
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
LOGIN_URL = "portal:login"
LOGIN_REDIRECT_URL = "portal:index"
SESSION_ENGINE = "access.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "portal_session"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

# One history
AUDITLOG_LOGENTRY_MODEL = "audit.LogEntry"
AUDITLOG_CID_GETTER = "audit.acting.correlation_id"
AUDITLOG_USE_FK_STRING_REPRESENTATION = True
AUDITLOG_DISABLE_ON_RAW_SAVE = False

# Seals of the history (audit.signing): the private key is a file, and no part of the database. A head
# goes to each of SEAL_HEADS as it is made: file:///path, syslog://host:514 or mailto:somebody@example.jp.
SEAL_KEY_FILE = env.str("SEAL_KEY_FILE", default="")
SEAL_PUBLIC_KEYS = env.list("SEAL_PUBLIC_KEYS", default=[])
SEAL_HEADS = env.list("SEAL_HEADS", default=[])
SEAL_MAIL_HOURS = env.int("SEAL_MAIL_HOURS", default=24)

# Years for which entries of each kind are kept in the database; older months may be archived and dropped.
HISTORY_YEARS = {
    "disclosure": 10, "lookup": 10, "denial": 10, "decision": 10, "change": 10, "session": 5,
} | {kind: int(years) for kind, years in env.dict("HISTORY_YEARS", default={}).items()}  # fmt: skip

# Languages, time
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "portal_language"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Tokyo"
FORMAT_MODULE_PATH = ["config.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Files. One that is sent stays in memory, for customers' data lie on no disk; a larger one is not taken.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
# Fields of a form: a mark for each of the people on some rosters.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 25 * 1024 * 1024
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

# Celery on Redis. A unix-socket URL is spelt otherwise by redis-py than by kombu.
CELERY_BROKER_URL = (
    REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    }
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5}
CELERY_TIMEZONE = "UTC"
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=2.0)
CELERY_BEAT_SCHEDULE = {
    # expires: a sweep that waited for a dead worker is worth nothing; the next one sees the same facts
    "sweep": {
        "task": "access.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": 30},
    },
    "seal": {
        "task": "audit.tasks.seal",
        "schedule": 5 * SWEEP_SECONDS,
        "options": {"expires": 30},
    },
    "errands": {
        "task": "audit.tasks.do_errands",
        "schedule": 5 * SWEEP_SECONDS,
        "options": {"expires": 30},
    },
    "email": {
        "task": "access.tasks.email_notices",
        "schedule": 5 * SWEEP_SECONDS,
        "options": {"expires": 30},
    },
}

# Email: what people are told (access.notices). EMAIL_URL as django-environ reads it, for example
# smtp+tls://user:password@mail.example.jp:587; without one the messages go into the log.
vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
PORTAL_ADDRESS = env.str("PORTAL_ADDRESS", default=f"https://{ALLOWED_HOSTS[0]}").rstrip("/")
PORTAL_HOST = ALLOWED_HOSTS[0].lstrip(".*") or "localhost"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"portal@{PORTAL_HOST}")

# The browser: nothing inline, nothing from elsewhere
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"

# What a monitor shows /readyz, as `Authorization: Bearer …`, to learn what is missing. Without one nobody may.
HEALTH_TOKEN = env.str("HEALTH_TOKEN", default="")

# Who may say whose request it is: addresses or networks of proxies. Nobody, unless they are named.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
for proxy in TRUSTED_PROXIES:
    try:
        ip_network(proxy, strict=False)
    except ValueError:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: “{proxy}” is no address and no network.") from None
# A server that takes a request to a thread before all of it has arrived needs a proxy that waits for it.
BUFFERED_BY_PROXY = env.bool("BUFFERED_BY_PROXY", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if not DEMO:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    if env.bool("BEHIND_TLS_PROXY", default=False):
        if not TRUSTED_PROXIES:
            raise ImproperlyConfigured(
                "BEHIND_TLS_PROXY is set and TRUSTED_PROXIES is not: name the proxy's address there, "
                "or anybody could claim to have come by TLS."
            )
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What is this operator's: places inside the four prefectures that it does not serve (another
# operator does): whole municipalities by JIS X 0402 code, and towns by the beginning of their name.
UNSERVED_MUNICIPALITIES = env.list("UNSERVED_MUNICIPALITIES", default=["37322", "37324", "37364", "38356"])
UNSERVED_TOWNS = {
    "38202": ["吉海町", "宮窪町", "伯方町", "上浦町", "大三島町", "関前"],
}
EMERGENCY_MAX_HOURS = 72
# How many lookups of one person in ten minutes are slowed, and how many stopped. (A contractor's are the contract's.)
LOOKUPS_IN_TEN_MINUTES = {
    "operator": env.list("OPERATOR_LOOKUPS", cast=int, default=[90, 240]),
    "retailer": env.list("RETAILER_LOOKUPS", cast=int, default=[60, 180]),
}
# Reviews: days until one is overdue, and a contract is granted by two; entries that are drawn to be judged.
REVIEW_DAYS = env.int("REVIEW_DAYS", default=14)
REVIEW_SAMPLE = env.int("REVIEW_SAMPLE", default=20)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A request's line holds its path alone: a lookup's words travel in the body, never in a URL.
    "loggers": {"django.db.backends": {"level": "WARNING"}},
}
