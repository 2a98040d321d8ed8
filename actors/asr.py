"""ASR: words for what a caller said, from the first provider that can."""

import time

from actors.providers import Providers
from pipeline.config import Config
from pipeline.ports import Recogniser, Transcript, Utterance

TimedTranscript = tuple[Transcript, float, tuple[str, ...]]
"""A transcript, the seconds that it took, and what was done because a provider was late."""


class ASR:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Recogniser] = Providers(config.asr, config.flows_dir)

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        began = time.monotonic()
        did: list[str] = []
        transcript = await self._providers.answer(lambda engine: engine.transcribe(utterance), patience_s, did)
        return transcript, time.monotonic() - began, tuple(did)

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()
