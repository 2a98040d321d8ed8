"""Speaks a text into a file, which is written while the rest is still being said."""

import argparse
import os
import time
from pathlib import Path
from typing import Literal, cast, get_args

from openai import OpenAI

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


def main(text: str, out: Path, voice: str, base_url: str) -> None:
    form = out.suffix.removeprefix(".")
    if form not in get_args(Format):
        raise SystemExit(f"error: the name of the file must end in one of {', '.join(get_args(Format))}")
    client = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    begun = time.monotonic()
    first_ms, size = 0.0, 0
    with (
        client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice=voice, input=text, response_format=cast(Format, form)
        ) as speech,
        out.open("wb") as file,
    ):
        for piece in speech.iter_bytes():
            first_ms = first_ms or 1000 * (time.monotonic() - begun)
            size += file.write(piece)
    print(f"first byte after {first_ms:.0f} ms; {size / 1000:.1f} kB in {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    parser.add_argument("-o", "--out", type=Path, default=Path("speech.mp3"))
    parser.add_argument("--voice", default="alloy")
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
    given = parser.parse_args()
    main(given.text, given.out, given.voice, given.base_url)
