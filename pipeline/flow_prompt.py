"""A call flow as instructions for a language model, so that it says what the flow would say."""

from collections.abc import Iterator

from pipeline.flow_schema import PLACEHOLDER, FlowFile, Intent
from pipeline.flow_words import small_words

_EXAMPLES = 2
"""Examples of an intent that are shown: enough to know what is meant."""


def system_prompt(file: FlowFile, written: str, spoken: str) -> str:
    """The flow's texts in the language `written`, and the order to answer in the language `spoken`."""
    return "\n\n".join("\n".join(section) for section in _sections(file, written, spoken) if section)


def _sections(file: FlowFile, written: str, spoken: str) -> Iterator[list[str]]:
    lines = file.lines[written]
    yield [
        f"You answer the telephone for {file.name}. {file.description.strip()}",
        *([file.persona.strip()] if file.persona else []),
    ]
    yield [
        f"Answer in {small_words(spoken).name or f'the language with the code {spoken}'}.",
        "Your words are spoken aloud: use one to three short spoken sentences, no markdown, no lists, no emoji.",
        "Write numbers, times and prices as they are spoken. Ask for one thing at a time.",
        "Say only what stands here; when you do not know something, say so.",
    ]
    if lines.cultural_notes:
        yield [lines.cultural_notes.strip()]
    if file.facts:
        yield ["What you know:", *(f"- {fact}" for fact in file.facts)]
    yield ["What callers want, and what to answer:", *(_guide(file, intent, written) for intent in file.intents.values())]
    yield [f"When the caller is done, say: {lines.goodbye}"]


def _guide(file: FlowFile, intent: Intent, language: str) -> str:
    asked = " / ".join(intent.examples[language][:_EXAMPLES])
    steps = [f"ask for the {slot} ({file.slots[slot].question[language]})" for slot in intent.slots]
    if intent.confirm:
        steps.append(f"confirm: {intent.confirm[language]}")
    for case in intent.cases:
        when = " and ".join(f"{slot} is {' or '.join(values)}" for slot, values in case.when.items())
        steps.append(f"if {when}: {case.answer[language]}")
    if intent.answer:
        steps.append(f"{'otherwise' if intent.cases else 'answer'}: {intent.answer[language]}")
    if intent.hand_over:
        steps.append(f"say: {intent.hand_over.text[language]}")
    if intent.ends_call:
        steps.append("the call ends")
    return PLACEHOLDER.sub(r"[\1]", f"- {asked}: {'; '.join(steps)}")
