"""ASR: words for what a caller said, from the first provider that can."""

import time

from actors.providers import Providers
from pipeline.config import Config
from pipeline.figures import Snapshot
from pipeline.flow import load_flow
from pipeline.ports import Recogniser, Transcript, Utterance, Warmable

TimedTranscript = tuple[Transcript, float, tuple[str, ...]]
"""A transcript, the seconds that it took, and what was done because a provider was late."""


class ASR:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Recogniser] = Providers(config.asr, config.flows_dir)
        flow = load_flow(config.flows_dir, config.conversation.flow)
        for engine in self._providers.engines():
            if isinstance(engine, Warmable):
                for language in flow.languages:
                    engine.warm(language, flow.expected(language, {}))

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        began = time.monotonic()
        did: list[str] = []
        transcript = await self._providers.answer(lambda engine: engine.transcribe(utterance), patience_s, did)
        return transcript, time.monotonic() - began, tuple(did)

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()

    def figures(self) -> Snapshot:
        return self._providers.figures("asr")
