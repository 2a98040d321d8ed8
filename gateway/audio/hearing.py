"""Long recordings through recognition: in pieces, a few at a time, heard in their order.

Calls go before files. All pieces of a gateway share a few places (`api.pieces_at_once`), and those that wait do so here, in
the order in which they came, and not before a recogniser where a caller's words would wait behind them. A file has no more than
`api.pieces_per_file` of them, so a short file passes a long one; a file is read only as far as its pieces need it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from actors.stages import Stages, as_parley_error
from gateway.audio.decoding import Recording
from gateway.audio.transcription_form import Wanted
from pipeline.config import Config
from pipeline.cutting import Cutter, Piece
from pipeline.errors import ClientError, ParleyError
from pipeline.ports import Transcript, Utterance
from pipeline.subtitles import Passage


class Hearing:
    """What all files of a gateway share."""

    def __init__(self, config: Config, stages: Stages) -> None:
        self.api = config.api
        self.language = config.conversation.language
        """Of a file whose client names none, where no recogniser can find it out."""
        self.patience_s = config.asr.timeout_s
        """Nobody waits on a line: no second provider is asked beside one that is slow."""
        self.stages = stages
        self.places = asyncio.Semaphore(config.api.pieces_at_once)
        self.waiting = 0
        """Pieces that wait for a place."""

    async def passages(self, recording: Recording, wanted: Wanted) -> AsyncGenerator[Passage, None]:
        """What is said in the recording, piece by piece."""
        file = _File(self, wanted)
        under_way: deque[asyncio.Task[Passage]] = deque()
        try:
            async for piece in self._pieces(recording):
                if len(under_way) >= self.api.pieces_per_file:
                    yield await under_way.popleft()
                under_way.append(asyncio.create_task(file.hear(piece)))
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _pieces(self, recording: Recording) -> AsyncGenerator[Piece, None]:
        cutter = Cutter(self.api.piece_s)
        async for block in recording.blocks():
            for piece in cutter.push(block):
                yield piece
        for piece in cutter.finish():
            yield piece


class _File:
    """One file, and the language that it turned out to need."""

    def __init__(self, shared: Hearing, wanted: Wanted) -> None:
        self._shared = shared
        self._wanted = wanted
        self._language = wanted.language

    async def hear(self, piece: Piece) -> Passage:
        if piece.silent:
            return Passage(Transcript("", self._language), piece.start_s, piece.end_s)
        self._shared.waiting += 1
        try:
            await self._shared.places.acquire()
        finally:
            self._shared.waiting -= 1
        try:
            return Passage(await self._transcribed(piece), piece.start_s, piece.end_s)
        finally:
            self._shared.places.release()

    async def _transcribed(self, piece: Piece) -> Transcript:
        try:
            return await self._ask(piece)
        except ParleyError as error:
            if error.code != "language_unsupported":
                raise
            if self._wanted.language:
                raise ClientError(error.code, error.message, "language") from None
        # Who answers cannot find a language out by itself.
        self._language = self._shared.language
        return await self._ask(piece)

    async def _ask(self, piece: Piece) -> Transcript:
        utterance = Utterance(piece.samples, self._language, prompt=self._wanted.prompt)
        try:
            transcript, _, _ = await self._shared.stages.transcribe(utterance, self._shared.patience_s)
        except Exception as error:
            raise as_parley_error(error) from None
        return transcript
