from pipeline import events as on
from pipeline.asides import MOST, Asides
from pipeline.commands import Abandon, Command, Speak, Tell, Think
from pipeline.errors import Fault
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import AsideSpoken, CallGrew, ReplyBegan, ReplyEnded, Said
from pipeline.ports import CallDelta, Finish, Phrase, Prompt, Usage, Wish
from pipeline.work import Work
from tests.pipeline.talk import RATE, sound, user

WORK = Work(3, 7)
PROMPT = Prompt((user("are you open"),), "en", "clinic", wish=Wish(voice="amy", speed=1.2))
READ = Prompt((user("are you open"),), "en", "clinic", wish=Wish(spoken=False))
MANNER = Manner("en", RATE, keeps_items=True)
FINISH = Finish(Usage(20, 5))


def asides() -> Asides:
    return Asides(load_config(None, (), {}))


def under_way(prompt: Prompt = PROMPT, work: Work = WORK) -> Asides:
    made = asides()
    made.begin(work, prompt, MANNER, "item_5", "ref")
    return made


def speak(index: int, text: str) -> Speak:
    return Speak(WORK, index, Phrase(text, "en", "amy", 1.2), RATE, 0.18)


def said(text: str, *, final: bool = False) -> Command:
    return Tell(Said(3, text, final))


def test_it_is_told_of_and_thought_of_at_once() -> None:
    made = asides()
    began = Tell(ReplyBegan(3, "item_5", "ref", aside=True))
    assert made.begin(WORK, PROMPT, MANNER, "item_5", "ref") == [began, Think(WORK, PROMPT, 0.42)]
    assert (made.knows(WORK), made.knows(Work(3, 8)), made.turns()) == (True, False, [3])


def test_its_phrases_are_spoken_one_at_a_time() -> None:
    made = under_way()
    assert made.take(on.ReplyGrew(WORK, "Yes.", 0.1)) == [said("Yes."), speak(0, "Yes.")]
    assert made.take(on.ReplyGrew(WORK, "Until five.", 0.2)) == [said("Yes. Until five.")]
    assert made.take(on.SpeechMade(WORK, 0, sound(1, 100), (), 0.1)) == [Tell(AsideSpoken(3, sound(1, 100)))]
    assert made.take(on.PhraseEnded(WORK, 0)) == [speak(1, "Until five.")]
    assert made.take(on.SpeechMade(WORK, 0, sound(1, 100), (), 0.1)) == []


def test_it_is_over_when_all_of_it_was_spoken() -> None:
    made = under_way()
    made.take(on.ReplyGrew(WORK, "Yes.", 0.1))
    assert made.take(on.ReplyEnded(WORK, None, FINISH)) == [said("Yes.", final=True)]
    assert made.take(on.PhraseEnded(WORK, 0)) == [Tell(ReplyEnded(3, "completed", usage=Usage(20, 5)))]
    assert made.knows(WORK) is False


def test_text_that_is_only_read_is_over_when_it_ends() -> None:
    made = under_way(READ)
    assert made.take(on.ReplyGrew(WORK, "- yes", 0.1)) == [said("- yes")]
    assert made.take(on.ReplyGrew(WORK, "\n- no", 0.1)) == [said("- yes\n- no")]
    cut = Finish(Usage(20, 5), "max_output_tokens")
    ended = ReplyEnded(3, "incomplete", "max_output_tokens", usage=Usage(20, 5))
    assert made.take(on.ReplyEnded(WORK, None, cut)) == [said("- yes\n- no", final=True), Tell(ended)]


def test_a_function_call_grows_and_is_complete_when_the_reply_is() -> None:
    made = under_way(READ)
    for piece in ('{"day": ', '"Monday"}'):
        grew = CallGrew(3, "item_call_1", "call_1", "book", piece, final=False)
        assert made.take(on.CallGrew(WORK, CallDelta("call_1", "book", piece), 0.1)) == [Tell(grew)]
    complete = Tell(CallGrew(3, "item_call_1", "call_1", "book", "", final=True))
    assert made.take(on.ReplyEnded(WORK, None))[0] == complete


def test_when_a_stage_fails_it_is_over() -> None:
    made = under_way()
    ended = ReplyEnded(3, "failed", "provider_cut", "It was cut.")
    assert made.fail(on.StageFailed(WORK, "provider_cut", "It was cut.", Fault.PROVIDER)) == [Abandon(WORK), Tell(ended)]
    assert made.knows(WORK) is False


def test_a_client_stops_one_by_its_turn() -> None:
    made = under_way()
    made.begin(Work(4, 8), PROMPT, MANNER, "item_6", "")
    assert made.stop(4) == [Abandon(Work(4, 8)), Tell(ReplyEnded(4, "cancelled", "client_cancelled"))]
    assert made.turns() == [3]


def test_only_so_many_are_under_way() -> None:
    made = asides()
    for turn in range(MOST):
        assert made.full is False
        made.begin(Work(turn, turn), PROMPT, MANNER, "", "")
    assert made.full is True
    made.stop(0)
    assert made.full is False


def test_when_the_client_is_gone_all_of_them_are_abandoned() -> None:
    made = under_way()
    made.begin(Work(4, 8), PROMPT, MANNER, "item_6", "")
    assert made.drop() == [Abandon(WORK), Abandon(Work(4, 8))]
    assert made.turns() == []
