"""A shard's conversations survive its end, their gateway's and their voice activity detection's, on a clock that jumps."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from actors import buffer
from actors.inbox import Opening
from actors.line import Line
from actors.stages import LocalStages
from actors.vad import VADActor, Windows
from actors.vad_link import VadLink
from pipeline.conversation import Conversation
from pipeline.events import Typed
from pipeline.journal import Snapshot
from pipeline.manner import Manner
from pipeline.notices import AudioDone, CallerBegan, CallerStopped, Failed, Heard, Interrupted, Said
from pipeline.ticks import Tick
from tests.actors.moving import HEARD, SECRET, HearsOnly, goes_on, kinds, move, rests
from tests.actors.shards import ANSWER, Gateway, StuckStages, Thinker, config, in_fake_time, shard, turn_of_speech
from tests.actors.spoken import silence

# Where a conversation stands


def test_it_is_told_at_rest_and_when_a_reply_is_due_and_never_while_somebody_speaks() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await rests(gateway)
        told = kinds(gateway, 1)
        began, heard, said = (told.index(kind) for kind in (CallerBegan, Heard, Said))
        assert Snapshot not in told[began:heard]
        assert told[heard:said].count(Snapshot) == 1
        assert told[told.index(AudioDone) :].count(Snapshot) == 1

    in_fake_time(job)


def test_a_conversation_in_which_nothing_happens_tells_nothing() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1])
        await asyncio.sleep(0.1)
        gateway.told.clear()
        await gateway.talk(silence(2_000), 1)
        assert kinds(gateway, 1) == []

    in_fake_time(job)


def test_the_audio_that_it_asks_for_has_the_whole_turn_in_it() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))])
        await rests(gateway)
        await gateway.talk(silence(2_000), 1)
        await gateway.talk(turn_of_speech(), 1)
        await rests(gateway, replies=2)
        (stopped,) = gateway.notices(1, CallerStopped)
        told = gateway.told[1]
        before = [delivery for delivery in told[: kinds(gateway, 1).index(CallerBegan)] if isinstance(delivery, Snapshot)]
        after = gateway.notices(1, Snapshot)[-1]
        (began,) = gateway.notices(1, CallerBegan)
        assert before[-1].position <= 16 * began.at_ms
        assert after.position >= 16 * stopped.at_ms
        assert (before[-1].events, after.events) == (1, 1)

    in_fake_time(job)


# Its shard is lost


def test_a_turn_that_was_heard_is_answered_once_by_another_shard() -> None:
    async def job() -> None:
        words = turn_of_speech()
        first = Gateway(shard(stages=HearsOnly()))
        first.send(openings=[1])
        await first.talk(words, 1)
        await first.until(lambda: first.notices(1, Heard))
        await asyncio.sleep(0)
        gateway = Gateway(shard())
        move(gateway, first.notices(1, Snapshot)[-1], words)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        await asyncio.sleep(5)
        assert gateway.notices(1, CallerBegan, Heard, Failed) == []
        assert [said.text for said in gateway.notices(1, Said) if said.final] == [ANSWER]
        assert len(gateway.audio(1)) == 2 * 24 * 600

    in_fake_time(job)


@pytest.mark.parametrize("lost_after_ms", [100, 600, 1_500, 2_300])
def test_a_turn_that_was_being_spoken_is_heard_whole_by_another_shard(lost_after_ms: int) -> None:
    async def job() -> None:
        words = turn_of_speech()
        first = Gateway(shard())
        first.send(openings=[1], events=[(1, Typed("are you open?"))])
        await rests(first)
        await first.talk(words[: 16 * lost_after_ms], 1)
        gateway = Gateway(shard())
        move(gateway, first.notices(1, Snapshot)[-1], words[: 16 * lost_after_ms])
        await gateway.talk(words[16 * lost_after_ms :], 1)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        (heard,) = gateway.notices(1, Heard)
        assert (heard.turn, heard.text) == (2, HEARD.text)
        assert [said.text for said in gateway.notices(1, Said) if said.final] == [ANSWER]

    in_fake_time(job)


def test_positions_are_the_same_at_another_shard() -> None:
    async def job() -> None:
        words = turn_of_speech()
        first = Gateway(shard())
        first.send(openings=[1])
        await first.talk(words, 1)
        await rests(first)
        snapshot = first.notices(1, Snapshot)[-1]
        gateway = Gateway(shard())
        move(gateway, snapshot, words)
        await gateway.talk(words, 1)
        await rests(gateway)
        (before,), (after,) = (one.notices(1, CallerStopped) for one in (first, gateway))
        assert snapshot.position > 0
        assert abs(after.at_ms - before.at_ms - len(words) / 16) <= 100
        assert gateway.notices(1, Snapshot)[-1].position >= 16 * after.at_ms

    in_fake_time(job)


def test_what_was_said_before_is_known_to_another_shard() -> None:
    async def job() -> None:
        first = Gateway(shard())
        first.send(openings=[1], events=[(1, Typed("are you open?"))])
        await rests(first)
        stages = LocalStages(config())
        thinker = stages._llm._providers._all[0].engine = Thinker()
        gateway = Gateway(shard(stages=stages))
        move(gateway, first.notices(1, Snapshot)[-1], silence(0), [(0, Typed("and on Sunday?"))])
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        (prompt,) = thinker.prompts
        assert [message.text for message in prompt.messages] == ["are you open?", ANSWER, "and on Sunday?"]
        assert gateway.notices(1, Snapshot)[-1].events == 2

    in_fake_time(job)


def test_a_gateway_that_took_a_shard_for_dead_brings_its_conversation_back() -> None:
    async def job() -> None:
        stages = StuckStages()
        actor = shard(stages=stages)
        gateway = Gateway(actor)
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))], secret=SECRET)
        async with asyncio.timeout(60):
            await stages.stuck.wait()
        await asyncio.sleep(0)
        snapshot = gateway.notices(1, Snapshot)[-1]
        gateway.dies()
        again = Gateway(actor)
        move(again, snapshot, silence(0))
        await asyncio.sleep(0.01)
        # The work of the one that it replaces is no longer waited for.
        assert (stages.asked, stages.waiting) == (2, 1)
        await asyncio.sleep(60)
        status = await actor.status()
        assert (status["conversations"], status["failures"]) == (1, 0)
        assert again.got[1].count(None) == 0

    in_fake_time(job)


@pytest.mark.parametrize(("generation", "left"), [(0, 1), (1, 0)])
def test_a_shard_that_slept_ends_the_copy_of_what_has_moved_elsewhere(generation: int, left: int) -> None:
    async def job() -> None:
        actor = shard()
        asleep = Gateway(actor)
        asleep.send(openings=[1], secret=SECRET)
        asleep.dies()
        again = Gateway(actor)
        again.send_raw([buffer.Moved(1, generation)], Tick.pack([]), [])
        assert (await actor.status())["conversations"] == left
        assert again.told[1] == []

    in_fake_time(job)


def test_but_not_one_whose_caller_is_there_again() -> None:
    async def job() -> None:
        actor = shard()
        asleep = Gateway(actor)
        asleep.send(openings=[1], secret=SECRET)
        asleep.dies()
        Gateway(actor).rejoin(1, SECRET)
        Gateway(actor).send_raw([buffer.Moved(1, 1)], Tick.pack([]), [])
        assert (await actor.status())["conversations"] == 1

    in_fake_time(job)


def test_what_was_typed_after_a_turn_was_spoken_comes_after_it_again() -> None:
    async def job() -> None:
        words = turn_of_speech()
        first = Gateway(shard())
        first.send(openings=[1])
        await asyncio.sleep(0.1)
        gateway = Gateway(shard())
        move(gateway, first.notices(1, Snapshot)[-1], words, [(len(words), Typed("and on Sunday?"))])
        gateway.send(events=[(1, Typed("and on Monday?"))])
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        began, *_ = gateway.notices(1, CallerBegan, Heard)
        assert isinstance(began, CallerBegan)
        typed = [heard.text for heard in gateway.notices(1, Heard) if heard.confidence is None]
        assert typed == ["and on Sunday?", "and on Monday?"]
        assert gateway.notices(1, Snapshot)[-1].events == 2

    in_fake_time(job)


def test_speech_that_nobody_listens_to_goes_on_so_elsewhere() -> None:
    async def job() -> None:
        words = turn_of_speech()
        middle = 16 * 1_200
        first = Gateway(shard())
        first.send(openings=[1])
        await first.talk(words[:middle], 1)
        first.send(events=[(1, Typed("are you open?"))])
        await asyncio.sleep(0)
        place = first.notices(1, Snapshot)[-1]
        assert (place.speaking, place.reply, place.events) == (True, 2, 1)
        gateway = Gateway(shard())
        move(gateway, place, words)
        await rests(gateway)
        assert gateway.notices(1, CallerBegan, Heard, Interrupted) == []

    in_fake_time(job)


def test_a_memento_that_cannot_be_read_costs_no_other() -> None:
    async def job() -> None:
        actor = shard()
        gateway = Gateway(actor)
        broken = goes_on(Snapshot(b"not a memento", 0, 0))
        gateway.send_raw([broken, Opening(2, "clinic", Manner("en", 24_000))], Tick.pack([]), [(2, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(2, AudioDone))
        assert gateway.got[1] == [buffer._BROKEN, None]
        assert (await actor.status())["failures"] == 1

    in_fake_time(job)


def test_a_conversation_that_cannot_go_on_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def restore(*_: Any) -> Any:
        raise AssertionError("STOPPED cannot happen")

    async def job() -> None:
        first = Gateway(shard())
        first.send(openings=[1], events=[(1, Typed("are you open?"))])
        await rests(first)
        gateway = Gateway(shard())
        monkeypatch.setattr(Conversation, "restore", restore)
        move(gateway, first.notices(1, Snapshot)[-1], silence(100))
        gateway.send(openings=[2], events=[(2, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(2, AudioDone))
        assert gateway.got[1] == [buffer._BROKEN, None, None]
        assert (await gateway.shard.status())["conversations"] == 1

    in_fake_time(job)


# Its voice activity detection is gone


class DyingVad(VADActor):
    """Closes every line when it has answered so many questions, as if it had been killed."""

    def __init__(self, answers: int) -> None:
        super().__init__(config())
        self.answers = answers
        self.dead = False
        # A handle has its methods like this.
        self.handle = SimpleNamespace(address=SimpleNamespace(remote=self.called))

    async def called(self) -> Any:
        if self.dead:
            raise ValueError("no such actor")
        return await self.address()

    def _take(self, line: Line, message: Windows) -> None:
        if not self.answers:
            self.dead = True
            line.close()
            return
        self.answers -= 1
        super()._take(line, message)


def test_when_voice_activity_detection_dies_the_next_actor_goes_on_and_no_turn_is_lost() -> None:
    async def job(answers: int) -> list[Any]:
        vads = {"vad-0": DyingVad(answers), "vad-1": DyingVad(10_000)}
        link = VadLink(list(vads), lambda name: vads[name].handle)
        gateway = Gateway(shard(detector=link))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert vads["vad-0"].dead == (answers < 10_000)
        assert gateway.notices(1, Heard) == [HEARD]
        return gateway.notices(1, CallerBegan, CallerStopped)

    whole = in_fake_time(lambda: job(10_000))
    for answers in (0, 20, 45):
        began, stopped = in_fake_time(lambda answers=answers: job(answers))
        assert abs(began.at_ms - whole[0].at_ms) <= 100
        assert abs(stopped.at_ms - whole[1].at_ms) <= 100
