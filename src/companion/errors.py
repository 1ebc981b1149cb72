"""Errors that a reader can act on: what went wrong, what was expected, and what repairs it."""


class CompanionError(Exception):
    """Base of every error this library raises on purpose.

    Args:
        problem: One sentence that names the file or parameter and what is wrong with it.
        expected: What was expected instead.
        repair: The command or the action that mends it.
    """

    def __init__(self, problem: str, *, expected: str = "", repair: str = "") -> None:
        self.problem, self.expected, self.repair = printable(problem), printable(expected), printable(repair)
        lines = [self.problem]
        if expected:
            lines.append(f"  expected: {self.expected}")
        if repair:
            lines.append(f"  repair:   {self.repair}")
        super().__init__("\n".join(lines))


def printable(text: str) -> str:
    """The same text, with what is no Unicode as escapes: names of files may be any bytes.

    >>> printable("caf\\udce9.wav")
    'caf\\\\udce9.wav'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(name: str, longest: int = 80) -> str:
    """The same name, its middle left out where it is too long for a message.

    >>> shorten("a" * 50 + "b" * 50, longest=9)
    'aaaa…bbbb'
    """
    half = longest // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


class AudioError(CompanionError):
    """A recording cannot be used: unreadable, empty, not finite, or at an unexpected sample rate."""


class DataError(CompanionError):
    """A corpus, table or list is missing, incomplete or damaged."""


class ParameterError(CompanionError):
    """A parameter, profile or option does not exist or is out of range."""


class StoreError(CompanionError):
    """A file could not be written or read back: full disk, no permission, damaged entry."""


class CheckpointError(CompanionError):
    """Weights do not fit the network, or come from a file that is not safe to read."""


class DownloadError(CompanionError):
    """A download was interrupted or does not match its registered checksum."""
