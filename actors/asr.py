"""ASR: words for what a caller said, from the first provider that can."""

import time

from actors.providers import Providers
from pipeline.config import Config
from pipeline.ports import Recogniser, Transcript, Utterance


class ASR:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Recogniser] = Providers(config.asr, config.flows_dir)

    async def transcribe(self, utterance: Utterance) -> tuple[Transcript, float]:
        """The transcript, and the seconds that it took."""
        began = time.monotonic()
        transcript = await self._providers.answer(lambda engine: engine.transcribe(utterance))
        return transcript, time.monotonic() - began

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()
