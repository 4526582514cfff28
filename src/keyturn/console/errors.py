"""What the console refuses, one class per reason; :mod:`keyturn.console.problems` maps statuses."""

from __future__ import annotations

from keyturn.errors import KeyturnError


class NotSignedIn(KeyturnError):
    """You are not signed in, or your session has ended."""

    code = "not_signed_in"
    default_hint = "`keyturn console-link` prints a new sign-in link."


class BadLink(KeyturnError):
    """This sign-in link is not valid: it was used, it is too old, or Keyturn was started again."""

    code = "bad_link"
    default_hint = "`keyturn console-link` prints a new one."


class BadPassword(KeyturnError):
    """This is not the password."""

    code = "bad_password"
    default_hint = "`keyturn console-password` sets another; `keyturn console-link` needs none."


class TooManyAttempts(KeyturnError):
    """Too many attempts failed."""

    code = "too_many_attempts"

    def __init__(self, seconds: int) -> None:
        """``seconds`` from now another attempt is looked at."""
        super().__init__(f"Too many attempts failed; try again in {seconds} s.")
        self.seconds = seconds


class TooManyStreams(KeyturnError):
    """Too many pages are updated live at once; this one shows how things stood when it loaded."""

    code = "too_many_streams"
    default_hint = "Close pages of the console that you do not need."


class ForgedRequest(KeyturnError):
    """The request did not come from a page of this console, so nothing was done."""

    code = "forged_request"
    default_hint = "Open the page again and repeat the step."


class ReadOnly(KeyturnError):
    """This session may only look."""

    code = "read_only"
    default_hint = "Sign in with `keyturn console-link` without --read-only."


class BadRequest(KeyturnError):
    """The request cannot be understood."""

    code = "bad_request"


class TooLarge(KeyturnError):
    """The request is larger than anything that the console takes."""

    code = "too_large"


class NotFound(KeyturnError):
    """There is nothing here."""

    code = "not_found"
