"""Where a conversation stands, as a table: what is not listed cannot happen, and raises.

The diagram in the documentation is made from this table by `diagram()`.
"""

from enum import Enum


class State(Enum):
    LISTENING = "nobody speaks"
    HEARING = "the caller speaks"
    TRANSCRIBING = "the turn has ended; its words are awaited"
    THINKING = "the words are known; the reply's first sound is awaited"
    SPEAKING = "the reply is heard"
    HELD = "a sound of the caller holds the reply; were it words?"
    ENDED = "over"


class Trigger(Enum):
    CALLER_BEGAN = "the caller begins to speak"
    CALLER_STOPPED = "the turn ends"
    WORDS_KNOWN = "words are known"
    NO_WORDS = "there were no words"
    REPLY_BEGAN = "the first sound is sent"
    REPLY_HEARD = "the reply has been heard"
    SOUND = "the caller makes a sound"
    INTERRUPTED = "it was words"
    REPLY_EMPTY = "there is nothing to say"
    FAILED = "a stage failed"
    TYPED = "the caller typed a turn"
    ASKED = "the client asks for a reply"
    UNANSWERED = "nobody wants an answer"
    SET_ASIDE = "the turn is only written down"
    GREETED = "the greeting begins"
    TIME_UP = "we say goodbye"
    STOPPED = "the caller asked for silence"
    HUNG_UP = "the conversation is over"


_L, _H, _TR, _TH, _S, _HE, _E = State

TABLE: dict[tuple[State, Trigger], State] = {
    (_L, Trigger.CALLER_BEGAN): _H,
    (_L, Trigger.TYPED): _TH,
    (_L, Trigger.GREETED): _TH,
    (_L, Trigger.ASKED): _TH,
    (_L, Trigger.STOPPED): _L,
    (_H, Trigger.CALLER_STOPPED): _TR,
    (_H, Trigger.TYPED): _TH,
    (_H, Trigger.SET_ASIDE): _L,
    (_H, Trigger.STOPPED): _H,
    (_TR, Trigger.WORDS_KNOWN): _TH,
    (_TR, Trigger.NO_WORDS): _L,
    (_TR, Trigger.UNANSWERED): _L,
    (_TR, Trigger.SET_ASIDE): _L,
    (_TR, Trigger.FAILED): _L,
    (_TR, Trigger.CALLER_BEGAN): _H,
    (_TR, Trigger.TYPED): _TH,
    (_TR, Trigger.STOPPED): _L,
    (_TH, Trigger.REPLY_BEGAN): _S,
    (_TH, Trigger.REPLY_EMPTY): _L,
    (_TH, Trigger.FAILED): _L,
    (_TH, Trigger.CALLER_BEGAN): _H,
    (_TH, Trigger.TYPED): _TH,
    (_TH, Trigger.STOPPED): _L,
    (_S, Trigger.REPLY_HEARD): _L,
    (_S, Trigger.CALLER_BEGAN): _H,
    (_S, Trigger.TYPED): _TH,
    (_S, Trigger.STOPPED): _L,
    (_S, Trigger.SOUND): _HE,
    (_HE, Trigger.INTERRUPTED): _H,
    (_HE, Trigger.NO_WORDS): _S,
    (_HE, Trigger.TYPED): _TH,
    **{(state, Trigger.TIME_UP): _TH for state in State if state is not _E},
    **{(state, Trigger.HUNG_UP): _E for state in State},
}


def after(state: State, trigger: Trigger) -> State:
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise AssertionError(f"{trigger.name} cannot happen in {state.name}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    rows = [f"    {source.name} --> {target.name}: {trigger.value}" for (source, trigger), target in TABLE.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> LISTENING", *rows])
