"""Speaks a WAV file to a realtime model, as a microphone would, and saves the spoken answer as reply.wav."""

import argparse
import asyncio
import base64
import os
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import soxr
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

RATE = 24_000
FRAME_MS = 50
AUDIBLE = 300


async def main(recording: Path, reply: Path, base_url: str) -> None:
    client = AsyncOpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}},
            }
        )
        microphone = Microphone(connection, read(recording))
        speaking = asyncio.create_task(microphone.speak())
        audio = b"".join([piece async for piece in story(connection, microphone)])
        speaking.cancel()
    write(reply, audio)
    print(f"saved {len(audio) / 2 / RATE:.1f} s of speech to {reply}")


class Microphone:
    """Sends at the pace of the clock: what was recorded, then silence."""

    def __init__(self, connection: AsyncRealtimeConnection, samples: np.ndarray) -> None:
        size = RATE * FRAME_MS // 1000
        self._frames = [samples[start : start + size] for start in range(0, len(samples), size)]
        self._silence = np.zeros(size, np.int16)
        self._connection = connection
        self.last_sound_at = time.monotonic()

    async def speak(self) -> None:
        begun = time.monotonic()
        sent = 0
        while True:
            frame = self._frames[sent] if sent < len(self._frames) else self._silence
            await self._connection.input_audio_buffer.append(audio=base64.b64encode(frame.tobytes()).decode())
            if np.abs(frame).max() > AUDIBLE:
                self.last_sound_at = time.monotonic()
            sent += 1
            await asyncio.sleep(max(begun + sent * FRAME_MS / 1000 - time.monotonic(), 0))


async def story(connection: AsyncRealtimeConnection, microphone: Microphone) -> AsyncIterator[bytes]:
    """Prints what happens until there is an answer, and gives its audio."""
    answered = False
    async for event in connection:
        match event.type:
            case "session.created":
                print("connected")
            case "input_audio_buffer.speech_started":
                print("      (speech began)")
            case "input_audio_buffer.speech_stopped":
                print("      (speech ended)")
            case "conversation.item.input_audio_transcription.completed":
                print(f"you   {event.transcript}")
            case "response.output_audio.delta":
                if not answered:
                    waited_ms = 1000 * (time.monotonic() - microphone.last_sound_at)
                    print(f"      (first audio {waited_ms:.0f} ms after the last sound)")
                answered = True
                yield base64.b64decode(event.delta)
            case "response.output_audio_transcript.done":
                print(f"model {event.transcript}")
            case "response.done" if event.response.status == "failed":
                raise SystemExit(f"error: {event.response.status_details}")
            case "response.done" if answered:
                return
            case "error":
                raise SystemExit(f"error: {event.error.message}")
            case _:
                pass


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            raise SystemExit(f"error: {path} must hold 16-bit samples")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return soxr.resample(samples[:, 0], file.getframerate(), RATE)


def write(path: Path, audio: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path, help="a WAV file with a question")
    parser.add_argument("--save", type=Path, default=Path("reply.wav"))
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
    given = parser.parse_args()
    asyncio.run(main(given.recording, given.save, given.base_url))
