from actors.pool import _from, shard_names, vad_names
from pipeline.loading import load_config


def test_shards_and_vad_actors_are_named_by_their_numbers() -> None:
    config = load_config(None, ["buffer.replicas=3", "vad.replicas=2"], {})
    assert (shard_names(config), vad_names(config)) == (["buffer-0", "buffer-1", "buffer-2"], ["vad-0", "vad-1"])


def test_every_shard_knows_all_vad_actors_and_they_share_the_shards() -> None:
    names = ["vad-0", "vad-1", "vad-2"]
    assert [_from(index, names) for index in range(4)] == [
        ["vad-0", "vad-1", "vad-2"],
        ["vad-1", "vad-2", "vad-0"],
        ["vad-2", "vad-0", "vad-1"],
        ["vad-0", "vad-1", "vad-2"],
    ]
