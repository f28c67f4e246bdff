"""Puts the portal together: settings, URLs, the site, Celery, the local services."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
