import psutil

from bench.server import Server, Snapshot, Spent


def test_cores_are_what_each_program_took_in_between() -> None:
    before = Snapshot(100.0, {1: Spent("raylet", 50.0), 2: Spent("ray::Gateway", 10.0), 3: Spent("gone", 7.0)})
    after = Snapshot(
        110.0, {1: Spent("raylet", 51.0), 2: Spent("ray::Gateway", 15.0), 4: Spent("ray::Gateway", 2.0), 5: Spent("quiet", 0.0)}
    )
    assert after.cores_since(before) == {"raylet": 0.1, "ray::Gateway": 0.7, "quiet": 0.0}


def test_the_process_that_measures_is_not_counted() -> None:
    own = psutil.Process()
    assert Server("http://127.0.0.1:1", lambda: [own]).snapshot().spent == {}
    assert Server("http://127.0.0.1:1", lambda: [own]).memory_mb() == 0


def test_each_process_is_counted_once_by_its_name() -> None:
    parent = psutil.Process().parent()
    assert parent is not None
    spent = Server("http://127.0.0.1:1", lambda: [parent, parent]).snapshot().spent
    assert list(spent) == [parent.pid]
    assert "/" not in spent[parent.pid].program


def test_a_server_that_nobody_started_here_has_no_processes() -> None:
    assert Server.parley("http://127.0.0.1:1").snapshot().spent == {}
