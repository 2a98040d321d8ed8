import numpy as np
import pytest

from bench.queueing import Events, Line, erlang_c, servers_for, wait_quantile


def served(servers: int, load: float, seconds: float = 20_000, seed: int = 7) -> Line:
    """A line whose arrivals and services are memoryless, with a mean service of one second."""
    draw, events = np.random.default_rng(seed), Events()
    line = Line(events, servers, counts_from=seconds / 10)

    def arrive() -> None:
        line.hold(draw.exponential(1.0), lambda: None)
        events.after(draw.exponential(1 / load), arrive)

    events.after(0.0, arrive)
    events.run_until(seconds)
    return line


def test_events_happen_in_their_order_and_those_of_one_moment_as_planned() -> None:
    events, seen = Events(), list[tuple[float, str]]()

    def note(word: str) -> None:
        seen.append((events.now, word))

    events.after(2, lambda: note("last"))
    events.after(1, lambda: note("first"))
    events.after(1, lambda: (note("second"), events.after(0.5, lambda: note("then")))[0])
    events.after(9, lambda: note("never"))
    events.run_until(3)
    assert (seen, events.now) == ([(1, "first"), (1, "second"), (1.5, "then"), (2, "last")], 3)


def test_a_line_serves_in_order_and_counts_waits_and_work() -> None:
    events, done = Events(), list[tuple[str, float]]()
    line = Line(events, 1)
    for name in ("a", "b", "c"):
        line.hold(2, lambda name=name: done.append((name, events.now)))
    events.run_until(10)
    assert done == [("a", 2), ("b", 4), ("c", 6)]
    assert (line.waits, line.utilisation()) == ([0, 2, 4], 0.6)


def test_nothing_is_counted_before_the_line_has_settled() -> None:
    events = Events()
    line = Line(events, 1, counts_from=5)
    line.hold(2, lambda: None)
    events.after(6, lambda: line.hold(1, lambda: None))
    events.run_until(10)
    assert (line.waits, line.utilisation()) == ([0], 0.2)


def test_erlang_c_of_one_server_is_its_load_and_of_two_is_what_books_say() -> None:
    assert [round(erlang_c(1, load), 6) for load in (0.1, 0.5, 0.9)] == [0.1, 0.5, 0.9]
    # By hand: a*a / (2 + a) for two servers.
    assert round(erlang_c(2, 1.0), 6) == round(1 / 3, 6)
    assert erlang_c(3, 3.0) == 1.0


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (4, 3.0), (16, 13.0)])
def test_a_line_makes_wait_whom_theory_makes_wait(servers: int, load: float) -> None:
    line = served(servers, load)
    waits = np.array(line.waits)
    assert float(np.mean(waits > 0)) == pytest.approx(erlang_c(servers, load), abs=0.03)
    assert line.utilisation() == pytest.approx(load / servers, rel=0.03)
    mean = erlang_c(servers, load) / (servers - load)
    assert float(waits.mean()) == pytest.approx(mean, rel=0.15)
    assert float(np.percentile(waits, 95)) == pytest.approx(wait_quantile(servers, load, 1.0, 0.95), rel=0.15)


def test_servers_for_a_limit_are_the_fewest() -> None:
    fewest = servers_for(load=20, service_s=0.8, limit_s=0.05)
    assert wait_quantile(fewest, 20, 0.8, 0.95) <= 0.05 < wait_quantile(fewest - 1, 20, 0.8, 0.95)
