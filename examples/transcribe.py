"""Writes down a recording: as plain text, as text that grows while it is recognised, or as subtitles."""

import argparse
import os
from pathlib import Path

from openai import OpenAI


def main(recording: Path, form: str, language: str, base_url: str) -> None:
    client = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    match form:
        case "stream":
            stream = client.audio.transcriptions.create(
                model="gpt-4o-transcribe", file=recording, language=language, stream=True
            )
            for event in stream:
                if event.type == "transcript.text.delta":
                    print(event.delta, end="", flush=True)
            print()
        case "srt":
            print(
                client.audio.transcriptions.create(model="whisper-1", file=recording, language=language, response_format="srt")
            )
        case _:
            print(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, language=language).text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path, help="an audio file, such as WAV, MP3, FLAC, Opus or WebM")
    parser.add_argument("--as", dest="form", choices=["text", "stream", "srt"], default="text")
    parser.add_argument("--language", default="en")
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
    given = parser.parse_args()
    main(given.recording, given.form, given.language, given.base_url)
