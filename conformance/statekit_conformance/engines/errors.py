"""The one error that engines raise."""


class EngineError(RuntimeError):
    """An engine cannot be found, started or restarted; the message is one line that says why."""
