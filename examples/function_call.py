"""Offers a function to a realtime model, answers the call that it makes, and prints what it says then."""

import argparse
import asyncio
import json
import os

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeFunctionToolParam

QUESTION = "What are your opening hours on Saturday?"

TOOL: RealtimeFunctionToolParam = {
    "type": "function",
    "name": "opening_hours",
    "description": "When the clinic is open on a day of the week.",
    "parameters": {
        "type": "object",
        "properties": {"day": {"type": "string", "description": "A day of the week"}},
        "required": ["day"],
    },
}


def opening_hours(day: str) -> dict[str, str]:
    hours = {"saturday": "half past nine to two", "sunday": "closed"}
    return {"hours": hours.get(day.lower(), "eight to six")}


async def main(question: str, base_url: str) -> None:
    client = AsyncOpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "tools": [TOOL], "tool_choice": "auto"})
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        )
        await connection.response.create()
        print(f"you      {question}")
        async for event in connection:
            match event.type:
                case "response.output_audio_transcript.done":
                    print(f"model    {event.transcript}")
                case "response.done" if event.response.status == "failed":
                    raise SystemExit(f"error: {event.response.status_details}")
                case "response.done":
                    calls = [item for item in event.response.output or [] if item.type == "function_call"]
                    if not calls:
                        return
                    for call in calls:
                        result = opening_hours(**json.loads(call.arguments))
                        print(f"call     {call.name}({call.arguments}) -> {result}")
                        await connection.conversation.item.create(
                            item={"type": "function_call_output", "call_id": call.call_id or "", "output": json.dumps(result)}
                        )
                    await connection.response.create()
                case "error":
                    raise SystemExit(f"error: {event.error.message}")
                case _:
                    pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
    given = parser.parse_args()
    asyncio.run(main(given.question, given.base_url))
