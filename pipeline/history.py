"""What both sides said, as the caller heard it: what was never heard is not remembered, and what was cut off says so."""

from pipeline.ports import Message

CUT = " [interrupted]"
"""Stands in a prompt behind the last word that was heard of a reply which had more."""


class History:
    """The last messages of a conversation."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: list[Message] = []

    def caller_said(self, text: str) -> None:
        self._add(Message("user", text))

    def we_said(self, text: str, *, cut: bool = False) -> None:
        """What was heard of a reply, and whether there was more of it."""
        if text:
            self._add(Message("assistant", text + CUT if cut else text))

    def take_back(self) -> str:
        """The caller's last words, when they turn out to go on."""
        if self._messages and self._messages[-1].role == "user":
            return self._messages.pop().text
        return ""

    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def _add(self, message: Message) -> None:
        self._messages.append(message)
        del self._messages[: -self._limit]
