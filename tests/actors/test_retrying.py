"""A dead replica costs a moment and nothing is given twice; what would fail again is not asked again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from ray.exceptions import ActorUnavailableError, RayTaskError
from ray.serve.exceptions import RayServeException

from actors.retrying import Hearing, Speaking, Thinking, retried
from pipeline.errors import ClientError, ProviderError
from pipeline.ports import CallDelta, Finish, FlowStep, Transcript, Word
from tests.fakes.fake_time import run_in_fake_time

DEAD = ActorUnavailableError("gone", None)
AGAIN = ("asr: asked again, as a replica was lost",)
HEARD = Transcript("hello", "en")
CALL = CallDelta("call_1", "weather", "{")
STEP = FlowStep({"asks": "slot"})


class Frozen:
    """A replica that says nothing any more."""


class Replicas:
    """Each request takes the next plan: seconds to wait, items, and how it ends."""

    def __init__(self, *plans: list[Any]) -> None:
        self.plans = list(plans)
        self.asked: list[float] = []
        self.under_way = 0

    async def ask(self) -> AsyncGenerator[Any, None]:
        self.asked.append(round(asyncio.get_running_loop().time(), 3))
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        self.under_way += 1
        try:
            for step in plan:
                match step:
                    case float():
                        await asyncio.sleep(step)
                    case Frozen():
                        await asyncio.Event().wait()
                    case BaseException():
                        raise step
                    case _:
                        yield step
        finally:
            self.under_way -= 1


def given(replicas: Replicas, answer: Any, retry_s: float = 5.0) -> tuple[list[Any], str]:
    """What came, and how it ended."""

    async def job() -> tuple[list[Any], str]:
        items: list[Any] = []
        try:
            async with aclosing(retried("asr", replicas.ask, answer, retry_s)) as stream:
                async for item in stream:
                    items.append(item)  # noqa: PERF401 (what came before a failure counts)
        except Exception as error:
            return items, type(error).__name__
        assert replicas.under_way == 0
        return items, ""

    return run_in_fake_time(job)


def test_an_answer_of_a_healthy_replica() -> None:
    replicas = Replicas([(HEARD, 0.5, ("late",))])
    assert given(replicas, Hearing()) == ([(HEARD, 0.5, ("late",))], "")
    assert replicas.asked == [0]


def test_the_next_replica_is_asked_at_once_and_the_caller_waited_for_both() -> None:
    replicas = Replicas([1.0, DEAD], [0.5, (HEARD, 0.5, ("late",))])
    assert given(replicas, Hearing()) == ([(HEARD, 1.5, (*AGAIN, "late"))], "")
    assert replicas.asked == [0, 1]


def test_pauses_grow_until_the_budget_has_passed() -> None:
    replicas = Replicas([DEAD])
    assert given(replicas, Hearing(), 1.0) == ([], "ActorUnavailableError")
    assert replicas.asked == [0, 0, 0.05, 0.15, 0.35, 0.75]


def test_no_budget_is_no_second_request() -> None:
    replicas = Replicas([DEAD])
    assert given(replicas, Hearing(), 0) == ([], "ActorUnavailableError")
    assert replicas.asked == [0]


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("provider_failed", "it failed"),
        ClientError("odd", "it is odd"),
        RayTaskError("replying", "a traceback", ValueError("private")),
        ValueError("a mistake of ours"),
    ],
)
def test_what_would_fail_again_is_not_asked_again(error: Exception) -> None:
    replicas = Replicas([error])
    assert given(replicas, Hearing()) == ([], type(error).__name__)
    assert replicas.asked == [0]


@pytest.mark.parametrize(
    "error", [DEAD, RayServeException("no replica"), AioRpcError(StatusCode.CANCELLED, Metadata(), Metadata())]
)
def test_whatever_way_serve_tells_it(error: Exception) -> None:
    assert given(Replicas([error], [(HEARD, 0.5, ())]), Hearing()) == ([(HEARD, 0.5, AGAIN)], "")


def test_a_request_that_was_cancelled_by_its_replica_is_asked_again() -> None:
    replicas = Replicas([asyncio.CancelledError()], [(HEARD, 0.5, ())])
    assert given(replicas, Hearing()) == ([(HEARD, 0.5, AGAIN)], "")


def test_a_slow_provider_is_not_asked_twice() -> None:
    replicas = Replicas([30.0, (HEARD, 30.0, ())])
    assert given(replicas, Hearing()) == ([(HEARD, 30.0, ())], "")
    assert replicas.asked == [0]


def test_what_three_replicas_have_not_survived_is_not_asked_again() -> None:
    replicas = Replicas([ConnectionError("the replica was lost")])
    assert given(replicas, Hearing()) == ([], "ConnectionError")
    assert replicas.asked == [0, 0, 0.05]


def test_phrases_that_were_given_are_not_given_again() -> None:
    first = [(0.1, ["One.", "Two."], ("late",)), DEAD]
    again = [(0.1, ["One."], ()), (0.2, ["Two.", "Three."], ()), (0.3, [STEP, Finish()], ())]
    items, ended = given(Replicas(first, again), Thinking(spoken=True))
    expected = [(0.1, ["One.", "Two."], ("late",)), (0.2, ["Three."], AGAIN), (0.3, [STEP, Finish()], ())]
    assert (items, ended) == (expected, "")


def test_a_reply_may_lose_more_than_one_replica() -> None:
    plans = [[(0.0, ["One."], ()), DEAD], [(0.0, ["Uno.", "Dos."], ()), DEAD], [(0.0, ["A.", "B.", "C."], ())]]
    items, ended = given(Replicas(*plans), Thinking(spoken=True))
    assert (items, ended) == ([(0.0, ["One."], ()), (0.0, ["Dos."], AGAIN), (0.0, ["C."], AGAIN)], "")


def test_a_reply_that_is_read_goes_on_at_its_letter() -> None:
    plans = [[(0.0, ["a b"], ()), DEAD], [(0.0, ["a"], ()), (0.0, [" b c"], ())]]
    items, ended = given(Replicas(*plans), Thinking(spoken=False))
    assert (items, ended) == ([(0.0, ["a b"], ()), (0.0, [" c"], AGAIN)], "")


def test_an_item_opens_a_new_budget() -> None:
    whole = [(0.0, ["One.", "Two."], ())]
    replicas = Replicas([DEAD], [1.5, (1.5, ["One."], ()), DEAD], whole)
    assert given(replicas, Thinking(spoken=True), 1.0) == ([(1.5, ["One."], AGAIN), (1.5, ["Two."], AGAIN)], "")
    replicas = Replicas([DEAD], [1.5, DEAD], whole)
    assert given(replicas, Thinking(spoken=True), 1.0) == ([], "ActorUnavailableError")


def test_a_function_call_that_was_begun_cannot_be_gone_on_with() -> None:
    replicas = Replicas([(0.1, ["Let me look.", CALL], ()), DEAD])
    assert given(replicas, Thinking(spoken=True)) == ([(0.1, ["Let me look.", CALL], ())], "ActorUnavailableError")
    assert replicas.asked == [0]


def test_a_reply_that_is_whole_needs_nobody_any_more() -> None:
    replicas = Replicas([(0.1, ["One.", STEP], ()), DEAD])
    assert given(replicas, Thinking(spoken=True)) == ([(0.1, ["One.", STEP], ())], "")


def test_who_has_all_of_it_leaves_without_an_error() -> None:
    replicas = Replicas([(HEARD, 0.5, ()), DEAD])
    assert given(replicas, Hearing()) == ([(HEARD, 0.5, ())], "")
    assert replicas.asked == [0]


def test_samples_and_words_that_were_given_are_not_given_again() -> None:
    one, two, three = Word("one", 0.0, 0.0), Word("two", 3 / 8000, 0.0), Word("three", 5 / 8000, 0.0)
    first = [(0.1, b"\1\0\2\0", (one,), ("late",)), (0.2, b"\3\0", (), ()), DEAD]
    again = [(0.1, b"\1\0", (one,), ()), (0.2, b"\2\0\3\0\4\0", (two,), ()), (0.3, b"\5\0\6\0", (three,), ())]
    items, ended = given(Replicas(first, again), Speaking(8_000))
    expected = [
        (0.1, b"\1\0\2\0", (one,), ("late",)),
        (0.2, b"\3\0", (), ()),
        (0.2, b"\4\0", (two,), AGAIN),
        (0.3, b"\5\0\6\0", (three,), ()),
    ]
    assert (items, ended) == (expected, "")


def test_words_that_were_told_before_their_sound_are_not_told_again() -> None:
    one, two = Word("one", 0.0, 0.0), Word("two", 1.0, 1.5)
    first = [(0.1, b"\1\0", (one, two), ()), DEAD]
    again = [(0.1, b"\1\0", (one, two), ()), (0.2, b"\2\0", (), ())]
    items, _ = given(Replicas(first, again), Speaking(8_000))
    assert items == [(0.1, b"\1\0", (one, two), ()), (0.2, b"\2\0", (), AGAIN)]


def test_speech_that_is_shorter_the_second_time_ends() -> None:
    items, ended = given(Replicas([(0.1, b"\1\0\2\0", (), ()), DEAD], [(0.1, b"\1\0", (), ())]), Speaking(8_000))
    assert (items, ended) == ([(0.1, b"\1\0\2\0", (), ())], "")


@pytest.mark.parametrize("plans", [[[Frozen()]], [[DEAD], [Frozen()]]])
def test_who_leaves_closes_the_request(plans: list[list[Any]]) -> None:
    async def job() -> None:
        replicas = Replicas(*plans)
        stream = retried("asr", replicas.ask, Hearing(), 5.0)
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(1)
        assert replicas.under_way == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (replicas.under_way, len(replicas.asked)) == (0, len(plans))

    run_in_fake_time(job)
