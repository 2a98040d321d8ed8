import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from bench import capacity
from bench.capacity import MEASURED, Cost, Inputs, Model, cores, gpus, kbit, limits, mesh, need, read_costs, scaled

DOC = Path(__file__).parent.parent.parent / "docs" / "capacity.md"
SPLIT = replace(Inputs(), links=1, proxies=4, connections=20_000)
ROUND = replace(
    Inputs(),
    costs={
        "gateway": Cost(each=2, link=50),
        "shard": Cost(each=1, once=50, link=50),
        "vad": Cost(each=1),
        "haproxy": Cost(each=1),
        "stages": Cost(each=0.5),
        "rest": Cost(each=0.5),
    },
    utilisation=0.6,
    idle_cores=0.0,
)
"""Figures with which one reckons in one's head."""


def printed(*words: str) -> tuple[int, str]:
    app = Typer()
    app.command()(capacity.main)
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_one_pair_holds_what_its_fuller_half_holds() -> None:
    # 600 ms less 50 for its link, at 2 ms each.
    assert [mesh(ROUND, count) for count in (275, 276)] == [(1, 1), (2, 1)]


def test_a_gateway_that_talks_with_every_shard_has_no_room_left_at_some_size() -> None:
    assert mesh(ROUND, 5_000) is None
    assert mesh(replace(ROUND, links=1), 5_000) == (19, 11)


def test_a_shard_takes_no_more_than_its_vad_actor_can_hear() -> None:
    dear = replace(ROUND, costs=ROUND.costs | {"vad": Cost(each=4)})
    assert [mesh(dear, count) for count in (150, 151)] == [(1, 1), (1, 2)]


def test_longer_ticks_make_links_cheaper() -> None:
    assert mesh(replace(ROUND, tick_ms=40), 287) == (1, 1)


def test_no_process_is_fuller_than_it_may_be() -> None:
    for count in (1, 100, 333, 2_000, 9_999):
        pair = mesh(SPLIT, count)
        assert pair is not None
        gateways, shards = pair
        gateway, shard, vad = (SPLIT.costs[name] for name in ("gateway", "shard", "vad"))
        most = 1000 * SPLIT.utilisation
        assert count / gateways * gateway.each + gateway.once + gateway.link <= most
        assert count / shards * shard.each + shard.once + gateways / shards * shard.link <= most
        assert count / shards * vad.each + vad.once <= most


def test_cores_of_a_cell_are_its_conversations_its_links_and_its_processes() -> None:
    # 100 x 6 ms, two links of 100 ms, two shards of 50 ms.
    assert cores(ROUND, 100, 1, 2) == pytest.approx(0.9)


def test_the_measured_costs_say_what_was_measured() -> None:
    """README, on one gateway and one shard; processes that idle count twice here, which weighs most with few."""
    inputs = Inputs()
    counts, measured_ms = (100, 150, 200, 300), (4.0, 4.1, 4.0, 3.9)
    each = [1000 * (cores(inputs, count, 1, 1) - inputs.idle_cores) / count for count in counts]
    shares = [paper / real for paper, real in zip(each, measured_ms, strict=True)]
    assert shares == pytest.approx([1.2, 1.1, 1.1, 1.1], abs=0.05)


def test_gpus_are_whole_ones_of_each_stage() -> None:
    models = {"asr": Model(calls=2, hold_ms=100, slots=10), "llm": Model(calls=1, hold_ms=1000, slots=50)}
    # 1000 conversations have 100 turns a second: 20 slots of 6 and 100 of 30.
    assert gpus(replace(ROUND, models=models), 1_000) == 4 + 4


def test_bytes_on_the_wire() -> None:
    up, down = kbit(replace(Inputs(), wire="ws", talk_share=1.0))
    # 256 and 384 kbit/s of PCM, and the headers of 50 and of 5 packets.
    assert (round(up, 1), round(down, 1)) == (256 + 29.6, 384 + 3.0)
    assert kbit(Inputs())[0] > 4 / 3 * 384


def test_limits_come_first_one_first_and_follow_their_settings() -> None:
    def full(inputs: Inputs) -> dict[str, int]:
        return {limit.part: limit.conversations for limit in limits(inputs)}

    assert list(full(ROUND).values()) == sorted(full(ROUND).values())
    assert full(ROUND)["HAProxy's connections"] == int(0.6 * 4_096)
    assert full(ROUND)["HAProxy's CPU"] == 2_400
    assert full(replace(ROUND, proxies=2))["HAProxy's CPU"] == 4_800
    assert limits(SPLIT)[0].part == "what a cell's loss may cut"


def test_a_need_is_that_of_its_cells() -> None:
    whole = need(SPLIT, 30_000)
    one = need(SPLIT, 10_000)
    assert (whole.cells, whole.nodes, whole.gpu_nodes) == (3, 3 * one.nodes, 3 * one.gpu_nodes)
    assert need(replace(SPLIT, spare=2), 10_000).nodes == one.nodes + 1


def test_scaled_costs_keep_their_proportions() -> None:
    costs = scaled(MEASURED, 13.0)
    assert sum(cost.each for cost in costs.values()) == pytest.approx(13.0)
    assert costs["gateway"].each / costs["shard"].each == pytest.approx(MEASURED["gateway"].each / MEASURED["shard"].each)
    assert costs["gateway"].link == MEASURED["gateway"].link


def measured(count: int, wire: str = "realtime", times: float = 1.0, number: str = "") -> dict[str, Any]:
    cpu_s = {
        "ray::ServeReplica:parley:gateway": 0.1 + 0.002 * count,
        "ray::BufferActor.exchange": 0.08 + 0.001 * count,
        "ray::VADActor": 0.001 * count,
        "bi": 0.0005 * count,
        "ray::ServeReplica:parley:llm": 0.0005 * count,
        "ray::ServeController": 0.02,
    }
    report = {"wire": wire, "conversations": count, "seconds": 30, "cores": 0.3 + 0.006 * count * times, "idle_cores": 0.1}
    return {"report": report, "cpu_s": {number + name: 24 * times * cores for name, cores in cpu_s.items()}}


def kept(path: Path, runs: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"runs": runs}), encoding="utf-8")
    return path


def rounded(costs: dict[str, Cost]) -> dict[str, tuple[float, float, float]]:
    return {name: (round(cost.each, 6), round(cost.once, 6), round(cost.link, 6)) for name, cost in costs.items()}


@pytest.mark.parametrize("number", ["", "12207 "])
def test_costs_come_out_of_the_numbers_of_a_load_test(tmp_path: Path, number: str) -> None:
    path = kept(tmp_path / "load.json", [measured(count, number=number) for count in (1, 50, 150)])
    assert rounded(read_costs(path, "realtime")) == {
        "gateway": (2, 70, 30),
        "shard": (1, 56, 24),
        "vad": (1, 0, 0),
        "haproxy": (0.5, 0, 0),
        "stages": (0.5, 0, 0),
        "rest": (1, 0, 0),
    }


def test_costs_are_those_of_one_wire(tmp_path: Path) -> None:
    wires = (("ws", 1.0), ("realtime", 2.0))
    path = kept(tmp_path / "load.json", [measured(count, wire, times) for count in (1, 50) for wire, times in wires])
    assert [round(read_costs(path, wire)["gateway"].each, 6) for wire in ("ws", "realtime")] == [2, 4]
    with pytest.raises(ValueError, match="no runs of the wire pigeon"):
        read_costs(path, "pigeon")


def test_costs_come_out_of_what_make_bench_has_kept(tmp_path: Path) -> None:
    runs = [measured(count) for count in (1, 50, 150)]
    load, bench = kept(tmp_path / "load.json", runs), tmp_path / "bench.json"
    cores_of = {run["report"]["conversations"]: {name: s / 24 for name, s in run["cpu_s"].items()} for run in runs}
    reports = [run["report"] for run in runs]
    suite = {"servers": {"parley": {"reports": reports}}, "cores_by_program": {"Parley": cores_of}}
    bench.write_text(json.dumps(suite), encoding="utf-8")
    assert rounded(read_costs(bench, "realtime")) == rounded(read_costs(load, "realtime"))
    with pytest.raises(ValueError, match="no runs of the wire ws"):
        read_costs(bench, "ws")


def test_costs_are_no_line_through_one_point(tmp_path: Path) -> None:
    report = {"conversations": 5, "seconds": 30, "cores": 0.3, "idle_cores": 0.1}
    path = tmp_path / "load.json"
    path.write_text(json.dumps({"runs": [{"report": report, "cpu_s": {}}]}), encoding="utf-8")
    code, output = printed("--load", str(path))
    assert (code, "two different numbers of conversations" in output) == (2, True)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("[]", "{}", "no json"):
        path.write_text(text, encoding="utf-8")
        assert printed("--load", str(path))[0] == 2


def test_a_cell_in_which_nobody_fits_is_told() -> None:
    code, output = printed("--utilisation", "0.02")
    assert (code, "no conversation fits" in output) == (2, True)


def test_the_document_shows_what_the_command_prints() -> None:
    document = DOC.read_text(encoding="utf-8")
    for words in ((), ("--proxies", "4", "--connections", "20000")):
        code, output = printed(*words)
        assert code == 0
        assert f"python -m bench.capacity {' '.join(words)}".strip() in document
        assert [table for table in output.strip().split("\n\n") if table not in document] == []


def test_an_unknown_wire_is_refused() -> None:
    code, output = printed("--wire", "pigeon")
    assert (code, "wire is ws or realtime" in output) == (2, True)
