"""Anything in any order: what holds of every conversation, whatever its caller and the stages do."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline import events as on
from pipeline.commands import Command, Play, Speak, Tell, Think, Transcribe
from pipeline.notices import AudioStarted, Interrupted, TurnReport
from pipeline.ports import FlowStep
from pipeline.work import Work
from tests.pipeline.talk import Talk

WORDS = st.sampled_from(["", "yes", "are you open", "on Monday, please"])


class AnyConversation(RuleBasedStateMachine):
    """Ears and callers do as they please, and stages answer what they were asked, late, never, or when it is of no use.

    Here are also orders of events that no ear would give.
    """

    def __init__(self) -> None:
        super().__init__()
        rules = ("playout.lead_ms=300", "playout.chunk_ms=100", "conversation.max_ahead_ms=600")
        ahead = ("conversation.speculation=on", "turn.detection=semantic_vad", "interruption.hold=on", "quiet.idle_ms=3000")
        self.talk = Talk(*rules, *ahead, greeting=True)
        self.speaking = False
        self.paused = False
        self.answered: set[Command] = set()
        self.silenced: set[int] = set()
        self.seen = 0

    def asked(self, kind: type) -> list:
        return [command for command in self.talk.all(kind) if id(command) not in self.answered]

    @rule(ms=st.sampled_from([0, 1, 30, 100, 450, 2_000]))
    def time_passes(self, ms: int) -> None:
        self.talk.wait(ms)

    @rule(ms=st.sampled_from([40, 700]))
    def the_clock_was_late(self, ms: int) -> None:
        self.talk.now += ms / 1000
        self.talk.do(on.TimePassed())

    @rule()
    def the_caller_begins_or_stops(self) -> None:
        at, heard_at = self.talk.position, self.talk.now
        self.talk.do(on.SpeechEnded(at, heard_at) if self.speaking else on.SpeechBegan(at))
        self.speaking = not self.speaking
        self.paused = False

    @precondition(lambda self: self.speaking)
    @rule()
    def the_caller_draws_breath(self) -> None:
        self.talk.do(on.SpeechResumed(200) if self.paused else on.SpeechPaused(self.talk.position))
        self.paused = not self.paused

    @precondition(lambda self: self.speaking)
    @rule()
    def the_caller_goes_on(self) -> None:
        self.talk.do(on.SpeechGrew(self.talk.position, 700))

    @rule(key=st.sampled_from("1#"))
    def the_caller_presses_a_key(self, key: str) -> None:
        self.talk.do(on.KeyPressed(key))

    @precondition(lambda self: self.speaking)
    @rule()
    def speech_gathers(self) -> None:
        self.talk.piece_due()

    @rule(text=st.sampled_from(["stop", "are you there?"]))
    def the_caller_types(self, text: str) -> None:
        self.talk.types(text)

    @rule()
    def the_caller_wants_silence(self) -> None:
        self.talk.asks_to_stop()

    @rule(ms=st.integers(0, 3_000))
    def the_client_reports(self, ms: int) -> None:
        self.talk.has_played(ms)

    @precondition(lambda self: self.asked(Transcribe))
    @rule(data=st.data(), text=WORDS)
    def words_are_known(self, data: st.DataObject, text: str) -> None:
        asked = data.draw(st.sampled_from(self.asked(Transcribe)))
        self.answered.add(id(asked))
        self.talk.transcribed(text, asked)

    @precondition(lambda self: self.talk.all(Think))
    @rule(data=st.data(), phrase=st.sampled_from(["One.", "Two and three."]))
    def a_reply_grows(self, data: st.DataObject, phrase: str) -> None:
        works = [think.work for think in self.asked(Think)] or [Work(0, 1)]
        self.talk.grows(phrase, data.draw(st.sampled_from(works)))

    @precondition(lambda self: self.asked(Think))
    @rule(data=st.data(), ends_call=st.sampled_from([None, False, False, True]))
    def a_reply_ends(self, data: st.DataObject, ends_call: bool | None) -> None:
        think = data.draw(st.sampled_from(self.asked(Think)))
        self.answered.add(id(think))
        self.talk.reply_ends(None if ends_call is None else FlowStep({}, ends_call), think.work)

    @precondition(lambda self: self.asked(Speak))
    @rule(data=st.data(), ms=st.sampled_from([0, 20, 250, 1_000]), ended=st.booleans())
    def speech_is_made(self, data: st.DataObject, ms: int, ended: bool) -> None:
        asked = data.draw(st.sampled_from(self.asked(Speak)))
        self.talk.audio(ms, asked=asked)
        if ended:
            self.answered.add(id(asked))
            self.talk.phrase_ends(asked)

    @rule(data=st.data())
    def a_stage_fails(self, data: st.DataObject) -> None:
        works = {Work(0, 1), *(command.work for command in self.talk.all(Transcribe, Think, Speak))}
        self.talk.fails(data.draw(st.sampled_from(sorted(works))))

    @rule()
    def audio_is_dropped(self) -> None:
        self.talk.do(on.AudioDropped(20))

    @precondition(lambda self: len(self.talk.commands) > 20)
    @rule()
    def the_caller_hangs_up(self) -> None:
        self.talk.hangs_up()

    @invariant()
    def it_ends_for_good(self) -> None:
        if self.talk.brain.over:
            count = len(self.talk.commands)
            assert self.talk.brain.deadline() is None
            self.talk.types("hello?")
            self.talk.wait(1_000)
            assert len(self.talk.commands) == count

    @invariant()
    def only_the_reply_of_this_turn_sounds(self) -> None:
        for command in self.talk.commands[self.seen :]:
            match command:
                case Tell(Interrupted(turn)):
                    self.silenced.add(turn)
                case Tell(AudioStarted(turn)):
                    # What we say by ourselves, the greeting for one, has no turn of its own.
                    self.silenced.discard(0)
                    assert turn not in self.silenced
                case Play(pcm):
                    turn = self.talk.all(AudioStarted)[-1].turn
                    assert turn not in self.silenced
                    assert pcm == turn.to_bytes(2, "little") * (len(pcm) // 2)
        self.seen = len(self.talk.commands)

    @invariant()
    def a_turn_has_at_most_one_reply(self) -> None:
        for kind in (AudioStarted, TurnReport):
            turns = [thing.turn for thing in self.talk.all(kind) if thing.turn]
            assert turns == sorted(set(turns)), kind
        by_work = sorted(self.talk.all(Speak), key=lambda speak: speak.work)
        for _, phrases in itertools.groupby(by_work, key=lambda speak: speak.work):
            assert all(speak.index == index for index, speak in enumerate(phrases))

    @invariant()
    def no_two_works_have_one_name(self) -> None:
        works = [command.work for command in self.talk.all(Transcribe, Think)]
        assert len(works) == len(set(works))

    @invariant()
    def latencies_add_up(self) -> None:
        for report in self.talk.all(TurnReport):
            latency = report.latency
            parts = latency.endpoint_ms + latency.asr_ms + latency.llm_ms + latency.tts_ms + latency.overhead_ms
            assert parts == latency.total_ms
            assert latency.overhead_ms >= 0

    @invariant()
    def prompts_end_with_the_caller(self) -> None:
        assert all(think.prompt.messages[-1].role == "user" for think in self.talk.all(Think))


AnyConversation.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestAnyConversation = AnyConversation.TestCase
