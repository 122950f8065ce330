"""Errors: one class for each status of mtl.h."""

import enum


class Code(enum.IntEnum):
    """The statuses of mtl.h, by their names there without `MTL_ERROR_`."""

    OK = 0
    ARGUMENT = 1
    INPUT = 2
    IO = 3
    BUNDLE = 4
    INTEGRITY = 5
    LIMIT = 6
    ENGINE = 7
    PROVIDER = 8
    CANCELLED = 9
    DEADLINE = 10
    PANIC = 11
    POISONED = 12
    FORKED = 13
    UNSUPPORTED = 14


class Error(Exception):
    """What was wrong, where, and what to do about it."""

    code: Code = Code.UNSUPPORTED

    def __init__(self, message: str, place: str = "", remedy: str = "") -> None:
        #: What was wrong.
        self.message = message
        #: Where; may be empty.
        self.place = place
        #: What to do about it; may be empty.
        self.remedy = remedy
        super().__init__(message, place, remedy)

    def __str__(self) -> str:
        return (f"{self.place}: " if self.place else "") + self.message + (f"; {self.remedy}" if self.remedy else "")


class ArgumentError(Error, ValueError):
    """An argument is wrong: an unknown task, language or option, a model that is closed."""

    code = Code.ARGUMENT


class InputError(Error, ValueError):
    """The text that was given is malformed."""

    code = Code.INPUT


class IOFailure(Error):
    """The operating system refused: no such file, no permission, a full disk."""

    code = Code.IO


class BundleError(Error):
    """A bundle is malformed."""

    code = Code.BUNDLE


class IntegrityError(Error):
    """A bundle's bytes are not those that its manifest promises."""

    code = Code.INTEGRITY


class LimitError(Error):
    """A stated limit was exceeded."""

    code = Code.LIMIT


class EngineError(Error):
    """An engine could not be opened, or failed while it ran."""

    code = Code.ENGINE


class ProviderError(Error):
    """A required execution provider is not available."""

    code = Code.PROVIDER


class CancelledError(Error):
    """The call's `Cancel` was fired."""

    code = Code.CANCELLED


class DeadlineError(Error):
    """The call's timeout has passed."""

    code = Code.DEADLINE


class ForkedError(Error):
    """The object was made before `fork()`, and this is the child: open another one here."""

    code = Code.FORKED


class UnsupportedError(Error):
    """This version of libmtl cannot do it."""

    code = Code.UNSUPPORTED


_CLASSES: dict[Code, type[Error]] = {cls.code: cls for cls in Error.__subclasses__()}


def make(code: int, place: str, message: str, remedy: str) -> Error:
    """The exception for a status, which the bridge raises or hands out."""
    return _CLASSES.get(Code(code), Error)(message, place, remedy)
