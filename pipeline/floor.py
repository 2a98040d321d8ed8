"""Where one conversation stands: what all of its parts see and move.

Parts of a conversation (pipeline.listening, pipeline.answering, pipeline.requests) share one floor, and put on it what they
want done.
"""

from pipeline.commands import Abandon, Command, Tell
from pipeline.config import Config
from pipeline.history import History
from pipeline.latency import TurnClock
from pipeline.manner import Manner
from pipeline.memento import Memento, Told
from pipeline.notices import Notice
from pipeline.ports import LISTENING_RATE
from pipeline.quiet import Quiet
from pipeline.speculation import Books
from pipeline.states import State, Trigger, after
from pipeline.work import Work


class Floor:
    def __init__(self, config: Config, manner: Manner, name: str) -> None:
        self.config = config
        self.manner = manner
        self.state = State.LISTENING
        self.now = self.opened_at = 0.0
        self.out: list[Command] = []
        """What is to be done."""
        self.turn = 0
        """Number of the newest turn."""
        self.clock: TurnClock | None = None
        """What the present turn takes, from its end until it is answered."""
        self.history = History(config.conversation.history_messages, name)
        self.quiet = Quiet(config.quiet, config.server.longest_conversation_s)
        self.quiet.adjust(manner)
        self.books = Books()
        self.under_load = False
        """Whether the server has no time to spare for replies that may not be needed."""
        self._attempts = 0
        self.changed = False
        """Whether the newest memento is out of date."""

    def go(self, trigger: Trigger) -> None:
        self.state = after(self.state, trigger)
        if self.state in (State.LISTENING, State.THINKING):
            self.changed = True
        if self.state is State.LISTENING:
            self.quiet.rest(self.now)

    def tell(self, notice: Notice) -> None:
        self.out.append(Tell(notice))

    def abandon(self, work: list[Work]) -> None:
        self.out += [Abandon(one) for one in work]

    def new_turn(self) -> int:
        self.turn += 1
        return self.turn

    def new_work(self, turn: int) -> Work:
        self._attempts += 1
        return Work(turn, self._attempts)

    @property
    def attempts(self) -> int:
        return self._attempts

    def restore(self, memento: Memento, told: Told, state: State) -> None:
        """Goes on where another floor was left, as long ago as the caller's audio since is long."""
        now = self.now
        start, stop = told.again
        self.state, self.opened_at = state, now - memento.age_s - (stop - start) / LISTENING_RATE
        self.turn, self._attempts = memento.turn, memento.attempts
        self.history.restore(memento.items, memento.names)
        self.quiet.begin(self.opened_at)
        self.quiet.rest(now)
        self.quiet.restore(memento.asked, leaving=memento.leaving, now=now)

    def shown(self, item: str) -> str:
        """The name of an item, for clients that keep items."""
        return item if self.manner.keeps_items else ""
