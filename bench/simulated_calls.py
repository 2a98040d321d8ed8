"""Conversations that exist on paper only: callers come and go, speak and pause, and their turns pass through the server.

A turn goes with its link's next tick through HAProxy, gateway, shard and VAD, then through the stages, and back to the caller.
Costs were measured, service times are drawn. What is left out makes it kinder than the world: one queue for all replicas of a
stage, no failures, no garbage collection, and a fixed time for each way between two processes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.capacity import Cost
from bench.plans import STAGES, Plan, Report, Stage, Waits
from bench.queueing import Events, Line, Then

TICKS = 50
"""A second, of each link."""
_HEARD_EVERY_S = 0.032
_IDLE_MS = 130
"""CPU a second that the server takes with no caller."""


@dataclass(slots=True)
class _Turn:
    ended: float
    ideal_s: float
    """What its end and its stages take anyway."""
    extra_s: float = 0.0
    """Waits for a slot so far."""


class _Link:
    """A gateway and a shard, what they say to each other in ticks, and the turns that go with the next one."""

    def __init__(self, world: "_World", gateway: Line, shard: Line, vad: Line) -> None:
        self.world, self.gateway, self.shard, self.vad = world, gateway, shard, vad
        self.callers = 0
        self._riders: list[Then] = []
        self._under_way = 0
        self._missed = 0
        world.events.after(world.draw.random() / TICKS, self._tick)

    def ride(self, then: Then) -> None:
        self._riders.append(then)

    def _tick(self) -> None:
        self.world.events.after(1 / TICKS, self._tick)
        # As in the server: two under way at most, so that whoever is slow gets fewer and larger ones.
        if self._under_way == 2:
            self._missed += 1
            return
        riders, self._riders = self._riders, []
        if not self.callers and not riders:
            return
        self._under_way += 1
        ticks, self._missed = 1 + self._missed, 0
        costs, world = self.world.plan.costs, self.world
        shards, gateways = world.plan.shards, world.plan.gateways
        half = self._work(costs["shard"], ticks, gateways) / 2
        vad = self._work(costs["vad"], ticks, gateways)

        def taken() -> None:
            self._under_way -= 1
            world.run([(self.vad, vad), (self.shard, half)], heard)

        def heard() -> None:
            for then in riders:
                then()

        proxy = self._work(costs["haproxy"], ticks, gateways * shards)
        gateway = self._work(costs["gateway"], ticks, shards)
        world.run([(world.proxy, proxy), (self.gateway, gateway), (self.shard, half)], taken)

    def _work(self, cost: Cost, ticks: int, links: int) -> float:
        """Seconds of CPU for a message that brings so many ticks' audio, to a process that has so many links."""
        return (cost.once / links + cost.link + ticks * self.callers * cost.each) / 1000 / TICKS


def _nothing() -> None:
    pass


class _World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.draw = np.random.default_rng(plan.seed)
        self.events = Events()
        self.begin = plan.seconds / 4
        self.cpu = self._line(plan.cores)
        self.proxy = self._line(4)
        self.gateways = [self._line(1) for _ in range(plan.gateways)]
        self.shards = [self._line(1) for _ in range(plan.shards)]
        self.vads = [self._line(1) for _ in range(plan.shards)]
        self.links: list[_Link] = []
        for gateway in self.gateways:
            self.links += [_Link(self, gateway, *pair) for pair in zip(self.shards, self.vads, strict=True)]
        self.slots = {name: self._line(stage.replicas * stage.slots) for name, stage in plan.stages.items()}
        self.services = {name: self._line(stage.replicas) for name, stage in plan.stages.items()}
        # What a stage's own process takes of a core for one of a turn's requests.
        whole = plan.speech_s + plan.reply_s + plan.pause_s
        self._stage_s = plan.costs["stages"].each * whole / len(STAGES) / 1000
        self.turns: list[tuple[float, float, float]] = []
        self.arrived = 0
        self.present = 0
        self._present_s = 0.0
        self._counted = self.begin

    def _line(self, servers: int) -> Line:
        return Line(self.events, servers, self.begin)

    # Work

    def run(self, steps: list[tuple[Line, float]], then: Then) -> None:
        """One after the other, each with its process and a core at the same time, and a hop before it."""
        left: Iterator[tuple[Line, float]] = iter(steps)

        def onward() -> None:
            step = next(left, None)
            if step is None:
                then()
                return
            process, seconds = step

            def computed() -> None:
                process.leave()
                onward()

            def served() -> None:
                process.count(seconds)
                self.cpu.hold(seconds, computed)

            self.events.after(self.plan.hop_ms / 1000, lambda: process.enter(served))

        onward()

    def _others(self) -> None:
        """Work that no turn waits for, and that takes cores from those that do."""
        self.events.after(1 / TICKS, self._others)
        each = self.plan.costs["rest"].each + self.plan.client_ms
        seconds = (_IDLE_MS + self.present * each) / 1000 / TICKS
        for _ in range(4):
            self.cpu.hold(seconds / 4, _nothing)

    # Conversations

    def live(self) -> None:
        for _ in range(round(self.plan.conversations)):
            self._come(self.draw.exponential(self.plan.length_s))
        self.events.after(self._gap(), self._arrive)
        self._others()
        self.events.run_until(self.begin + self.plan.seconds)
        self._count()

    def present_on_average(self) -> float:
        return self._present_s / self.plan.seconds

    def _gap(self) -> float:
        return self.draw.exponential(self.plan.length_s / self.plan.conversations)

    def _arrive(self) -> None:
        self.arrived += self.events.now >= self.begin
        self._come(self.draw.exponential(self.plan.length_s))
        self.events.after(self._gap(), self._arrive)

    def _come(self, length_s: float) -> None:
        """To the link with most room, as gateways choose."""
        link = min(self.links, key=lambda link: link.callers)
        self._count()
        self.present += 1
        link.callers += 1
        leaves = self.events.now + length_s
        whole = self.plan.speech_s + self.plan.reply_s + self.plan.pause_s
        self.events.after(self.draw.random() * whole, lambda: self._speak(link, leaves))
        self.events.after(length_s, lambda: self._go(link))

    def _go(self, link: _Link) -> None:
        self._count()
        self.present -= 1
        link.callers -= 1

    def _count(self) -> None:
        if self.events.now > self._counted:
            self._present_s += (self.events.now - self._counted) * self.present
            self._counted = self.events.now

    def _speak(self, link: _Link, leaves: float) -> None:
        if self.events.now >= leaves:
            return
        speech_s = self._around(self.plan.speech_s)
        self.events.after(speech_s, lambda: self._ended(link, leaves))
        for name, stage in self.plan.stages.items():
            for _ in range(self.draw.poisson(stage.calls - 1)):
                hold_s = self._drawn(stage, stage.hold_ms)
                self.events.after(speech_s * self.draw.random(), lambda n=name, s=hold_s: self.slots[n].hold(s, _nothing))

    def _drawn(self, stage: Stage, median_ms: float) -> float:
        return median_ms / 1000 * (self.draw.lognormal(0, stage.tail) if stage.tail else 1.0)

    def _around(self, median: float) -> float:
        return self.draw.lognormal(np.log(median), self.plan.spread)

    def _ended(self, link: _Link, leaves: float) -> None:
        """The caller's last sound; silence counts in whole windows."""
        endpoint = self.plan.endpoint_ms / 1000
        turn = _Turn(self.events.now, endpoint)

        def answered() -> None:
            voice = self.events.now - turn.ended
            if turn.ended >= self.begin:
                self.turns.append((voice, voice - turn.ideal_s, turn.extra_s))
            after = self._around(self.plan.reply_s) + self._around(self.plan.pause_s)
            self.events.after(after, lambda: self._speak(link, leaves))

        def out() -> None:
            self.run([(link.shard, 0.0), (link.gateway, 0.0), (self.proxy, 0.0)], answered)

        window = _HEARD_EVERY_S * self.draw.random()
        self.events.after(endpoint + window, lambda: link.ride(lambda: self._think(turn, link, list(STAGES), out)))

    def _think(self, turn: _Turn, link: _Link, left: list[str], out: Then) -> None:
        """A request crosses from the shard to the stage, and its first answer back to the shard."""
        if not left:
            out()
            return
        name, *rest = left
        stage, slots = self.plan.stages[name], self.slots[name]

        def asked() -> None:
            since = self.events.now
            first = self._drawn(stage, stage.first_ms)
            hold = first * max(stage.hold_ms / stage.first_ms, 1.0)

            def served() -> None:
                turn.extra_s += self.events.now - since
                turn.ideal_s += first
                slots.count(hold)
                self.events.after(hold, slots.leave)
                self.events.after(first, lambda: self.run([(link.shard, 0.0)], lambda: self._think(turn, link, rest, out)))

            slots.enter(served)

        self.run([(self.services[name], self._stage_s)], asked)


def simulate(plan: Plan) -> Report:
    world = _World(plan)
    world.live()
    pools = {
        "cpu": _waits([world.cpu]),
        "gateway": _waits(world.gateways),
        "shard": _waits(world.shards),
        "vad": _waits(world.vads),
        **{name: _waits([line]) for name, line in world.slots.items()},
    }
    voice, over, extra = np.array(world.turns or [(np.nan,) * 3]).T * 1000
    return Report(
        pools=pools,
        present=world.present_on_average(),
        arrived=world.arrived,
        turns=len(world.turns),
        voice_p50_ms=float(np.percentile(voice, 50)),
        voice_p95_ms=float(np.percentile(voice, 95)),
        over_p50_ms=float(np.percentile(over, 50)),
        over_p95_ms=float(np.percentile(over, 95)),
        extra_p95_ms=float(np.percentile(extra, 95)),
        waits_s={name: line.waits for name, line in world.slots.items()},
    )


def _waits(lines: list[Line]) -> Waits:
    waits = [1000 * wait for line in lines for wait in line.waits]
    p50, p95, p99 = (float(number) for number in np.percentile(waits or [0.0], [50, 95, 99]))
    return Waits(float(np.mean([line.utilisation() for line in lines])), len(waits), p50, p95, p99)
