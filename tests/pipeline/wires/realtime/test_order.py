from pipeline.wires.realtime.order import ItemOrder


def order_of(*ids: str, limit: int = 10) -> ItemOrder:
    order = ItemOrder(limit)
    for id in ids:
        order.add(id)
    return order


def test_each_item_knows_the_one_before() -> None:
    order = ItemOrder(10)
    assert [order.add(id) for id in "abc"] == [None, "a", "b"]
    assert (order.last, order.before("c"), order.before("a")) == ("c", "b", None)


def test_an_item_is_put_behind_another() -> None:
    order = order_of("a", "b")
    assert (order.put("c", "a"), order.put("d", "")) == ("a", None)
    assert [order.before(id) for id in "dacb"] == [None, "d", "a", "c"]


def test_an_item_behind_one_that_nobody_knows_is_the_last() -> None:
    assert order_of("a").put("b", "unknown") == "a"
    assert ItemOrder(10).put("b", "unknown") is None


def test_what_is_removed_is_before_nothing() -> None:
    order = order_of("a", "b", "c")
    order.remove("b")
    order.remove("unknown")
    assert (order.before("c"), order.before("b")) == ("a", None)


def test_the_oldest_is_forgotten() -> None:
    order = order_of("a", "b", "c", limit=2)
    assert (order.before("c"), order.before("b")) == ("b", None)
