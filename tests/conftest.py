"""Fixtures that several kinds of tests share."""

from tests.support.mariadb import mariadb, outbox

__all__ = ["mariadb", "outbox"]
